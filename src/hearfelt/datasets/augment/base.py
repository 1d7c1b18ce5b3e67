"""What every change of a waveform keeps to, and how changes are put together.

A change is a frozen dataclass of its options and is called as ``change(samples, sample_rate_hz, random)``:

* in: one channel, float, shape ``(n,)``; out: float32, finite, a new array, the input stays as it is;
* the length stays ``n``, and nothing moves in time, unless the change says otherwise (`keeps_length`);
* what lies in [-1, 1] stays there: a sound that would become louder than full scale is turned down as a
  whole, never cut off, so that an SNR or a spectrum holds; only `Clip` distorts;
* all chance comes from ``random``: the same seed gives the same samples;
* no samples give no samples; silence stays silence where a change is measured against the speech.

A number that may vary is given as one value or as a range ``(low, high)`` from which it is drawn evenly.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt

from hearfelt.audio.resample import check_rate
from hearfelt.errors import AudioError, OptionError
from hearfelt.types import FloatArray

Range: TypeAlias = "float | tuple[float, float]"
"""One value, or the range it is drawn from."""

Samples: TypeAlias = npt.NDArray[np.float64]

_FRAME_S = 0.02
_SPEECH_DB = 35.0


class Change(ABC):
    """One change of a waveform."""

    keeps_length: ClassVar[bool] = True

    def __call__(self, samples: FloatArray, sample_rate_hz: int, random: np.random.Generator) -> FloatArray:
        """The changed samples, float32 ``(n,)``; the input stays as it is.

        Raises:
            AudioError: more than one channel, samples that are no finite numbers, or an impossible rate.
        """
        sound = np.array(samples, dtype=np.float64)
        if sound.ndim != 1:
            raise AudioError(f"samples of shape {sound.shape} cannot be changed: give one channel, (n,)")
        if not np.isfinite(sound).all():
            raise AudioError("samples that are NaN or infinite cannot be changed: read the sound again")
        check_rate(sample_rate_hz)
        if not len(sound):
            return np.zeros(0, dtype=np.float32)
        return self._fitted(self.change(sound, sample_rate_hz, random), float(np.abs(sound).max()))

    @abstractmethod
    def change(self, sound: Samples, rate: int, random: np.random.Generator) -> Samples:
        """The change itself: at least one sample in, float64, which may be overwritten."""

    def with_clips(self, clips: Sequence[str]) -> Change:
        """The same change, which may now use these other recordings (babble does)."""
        return self

    def _fitted(self, sound: Samples, peak_before: float) -> FloatArray:
        peak = float(np.abs(sound).max(initial=0.0))
        loudest = max(1.0, peak_before)
        if peak > loudest:
            sound = sound * (loudest / peak)
        return sound.astype(np.float32)


@dataclass(frozen=True)
class Compose(Change):
    """Several changes, one after the other."""

    changes: tuple[Change, ...]

    @property
    def keeps_length(self) -> bool:  # type: ignore[override]  # here it depends on the parts
        """Whether all of them keep it."""
        return all(change.keeps_length for change in self.changes)

    def change(self, sound: Samples, rate: int, random: np.random.Generator) -> Samples:
        changed: FloatArray = sound.astype(np.float32)
        for change in self.changes:
            changed = change(changed, rate, random)
        return changed.astype(np.float64)

    def with_clips(self, clips: Sequence[str]) -> Compose:
        return replace(self, changes=tuple(change.with_clips(clips) for change in self.changes))


@dataclass(frozen=True)
class Sometimes(Change):
    """A change that happens to a share ``p`` of the sounds."""

    p: float
    do: Change

    def __post_init__(self) -> None:
        if not 0 <= self.p <= 1:
            raise OptionError(f"p={self.p}: the share of sounds to change must lie between 0 and 1")

    @property
    def keeps_length(self) -> bool:  # type: ignore[override]
        """Whether the change keeps it."""
        return self.do.keeps_length

    def change(self, sound: Samples, rate: int, random: np.random.Generator) -> Samples:
        if random.random() >= self.p:
            return sound
        return self.do(sound.astype(np.float32), rate, random).astype(np.float64)

    def with_clips(self, clips: Sequence[str]) -> Sometimes:
        return replace(self, do=self.do.with_clips(clips))


@dataclass(frozen=True)
class OneOf(Change):
    """One of several changes, each as likely as the others."""

    changes: tuple[Change, ...]

    def __post_init__(self) -> None:
        if not self.changes:
            raise OptionError("one_of has no changes to choose from: give at least one")

    @property
    def keeps_length(self) -> bool:  # type: ignore[override]
        """Whether all of them keep it."""
        return all(change.keeps_length for change in self.changes)

    def change(self, sound: Samples, rate: int, random: np.random.Generator) -> Samples:
        chosen = self.changes[int(random.integers(len(self.changes)))]
        return chosen(sound.astype(np.float32), rate, random).astype(np.float64)

    def with_clips(self, clips: Sequence[str]) -> OneOf:
        return replace(self, changes=tuple(change.with_clips(clips) for change in self.changes))


def draw(value: Range, random: np.random.Generator) -> float:
    """The value itself, or one drawn evenly from its range."""
    return float(random.uniform(*value)) if isinstance(value, tuple) else float(value)


def check_range(name: str, value: Range, low: float, high: float, unit: str = "") -> None:
    """Refuse a range that is no range or leaves ``[low, high]``.

    Raises:
        OptionError: with the name of the option and what is accepted.
    """
    ends = value if isinstance(value, tuple) else (value, value)
    if len(ends) != 2 or not low <= ends[0] <= ends[1] <= high:
        raise OptionError(
            f"{name}={value!r}: give one number or a range (low, high) within {low:g} to {high:g}{unit}"
        )


def speech_power(sound: Samples, rate: int) -> float:
    """Mean square of the 20 ms frames within 35 dB of the loudest: pauses do not count. 0 for silence."""
    size = max(1, round(_FRAME_S * rate))
    if len(sound) <= size:
        return float(np.mean(sound**2))
    frames = sound[: len(sound) // size * size].reshape(-1, size)
    powers = np.mean(frames**2, axis=1)
    return float(powers[powers >= powers.max() * 10 ** (-_SPEECH_DB / 10)].mean())


def filtered(sound: Samples, impulse_response: Samples) -> Samples:
    """Linear convolution, shape ``(n + m - 1,)``, by one FFT."""
    length = len(sound) + len(impulse_response) - 1
    size = 1 << (length - 1).bit_length()
    spectrum = np.fft.rfft(sound, size) * np.fft.rfft(impulse_response, size)
    convolved: Samples = np.fft.irfft(spectrum, size)[:length]
    return convolved


def of_length(sound: Samples, length: int) -> Samples:
    """Cut at the end, or filled with zeros there."""
    return sound[:length] if len(sound) >= length else np.pad(sound, (0, length - len(sound)))
