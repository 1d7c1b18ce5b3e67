"""Sound, the stretches of it that are speech, and what is measured of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Audio:
    """One channel of sound.

    Args:
        samples: float32, shape ``(n_samples,)``, in [-1, 1].
        sample_rate_hz: samples a second.
        channel: which channel of the recording this was, counted from 0.
        start_s: where the first sample stands in the recording.
    """

    samples: FloatArray
    sample_rate_hz: int
    channel: int = 0
    start_s: float = 0.0

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.sample_rate_hz

    @property
    def end_s(self) -> float:
        """Where the sound ends in the recording."""
        return self.start_s + self.duration_s

    def cut(self, start_s: float, end_s: float) -> Audio:
        """The part between two times of the recording, clipped to what is there."""
        first = max(0, round((start_s - self.start_s) * self.sample_rate_hz))
        last = max(first, min(len(self.samples), round((end_s - self.start_s) * self.sample_rate_hz)))
        return Audio(
            self.samples[first:last],
            self.sample_rate_hz,
            self.channel,
            self.start_s + first / self.sample_rate_hz,
        )


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of one speaker's speech."""

    start_s: float
    end_s: float
    speaker: str | None = None
    channel: int = 0

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.end_s - self.start_s

    def overlap_s(self, other: Segment) -> float:
        """Seconds that two segments share, 0 where they are apart."""
        return max(0.0, min(self.end_s, other.end_s) - max(self.start_s, other.start_s))


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """Measures of a sound.

    Args:
        values: float32, shape ``(n_frames, n_dims)``; functionals have one frame.
        names: one name a dimension, or None where they have none.
        hop_s: seconds between frames; for functionals the length of the sound.
        space: name and version of the feature set, such as ``egemaps/1``.
    """

    values: FloatArray
    names: tuple[str, ...] | None
    hop_s: float
    space: str

    def __getitem__(self, name: str) -> FloatArray:
        """One named measure, shape ``(n_frames,)``; KeyError names what is there."""
        names = self.names or ()
        if name not in names:
            raise KeyError(f"{name!r} is not in {self.space}; it has {', '.join(names) or 'no names'}")
        column: FloatArray = self.values[:, names.index(name)]
        return column
