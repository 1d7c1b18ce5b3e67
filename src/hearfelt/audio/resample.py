"""Resampling by soxr, block by block, with the same result however the sound is cut."""

from __future__ import annotations

import numpy as np
import soxr

from hearfelt.errors import AudioError
from hearfelt.types import FloatArray

MIN_RATE_HZ = 1000
MAX_RATE_HZ = 768_000


def check_rate(rate_hz: int, owner: str = "") -> int:
    """The rate itself where it can be used; ``owner`` is told in the message, such as " of 'a.wav'".

    Raises:
        AudioError: the rate is not a whole number from 1000 to 768000 Hz.
    """
    if isinstance(rate_hz, bool) or rate_hz != int(rate_hz) or not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
        raise AudioError(
            f"sample rate {rate_hz!r} Hz{owner} cannot be used;"
            f" give a whole number from {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz, such as 16000"
        )
    return int(rate_hz)


class Resampler:
    """Changes the sample rate of a sound that arrives in blocks.

    Wraps ``soxr.ResampleStream`` (libsoxr, quality HQ). The joined output has ``round(n * to_hz / from_hz)``
    samples for ``n`` in, and does not depend on where the blocks were cut.

    Args:
        from_hz: rate of what is pushed.
        to_hz: rate of what comes back.
        channels: 1: blocks of shape ``(n,)``; more: blocks of shape ``(n, channels)``.

    Raises:
        AudioError: a rate cannot be used.
    """

    def __init__(self, from_hz: int, to_hz: int, channels: int = 1) -> None:
        self.from_hz = check_rate(from_hz)
        self.to_hz = check_rate(to_hz)
        self.channels = channels
        self.reset()

    def reset(self) -> None:
        """Forget everything: the next block is the start of a new sound."""
        self._stream = (
            None
            if self.from_hz == self.to_hz
            else soxr.ResampleStream(self.from_hz, self.to_hz, self.channels, dtype="float32")
        )
        self._taken = 0
        self._given = 0
        self._shape = (0,) if self.channels == 1 else (0, self.channels)

    def push(self, samples: FloatArray) -> FloatArray:
        """The samples that are ready after this block; what is still in the filter comes later."""
        self._taken += len(samples)
        if self._stream is None:
            self._given += len(samples)
            return samples
        if not len(samples):
            return np.zeros(self._shape, np.float32)
        ready: FloatArray = self._stream.resample_chunk(np.ascontiguousarray(samples, np.float32))
        self._given += len(ready)
        return ready

    def close(self) -> FloatArray:
        """The rest of the sound, cut or filled with zeros to the exact total length."""
        missing = (2 * self._taken * self.to_hz + self.from_hz) // (2 * self.from_hz) - self._given
        if self._stream is None or missing <= 0:
            self.reset()
            return np.zeros(self._shape, np.float32)
        rest: FloatArray = self._stream.resample_chunk(np.zeros(self._shape, np.float32), last=True)
        self.reset()
        if len(rest) < missing:
            fill = np.zeros((missing - len(rest), *self._shape[1:]), np.float32)
            return np.concatenate([rest, fill])
        return rest[:missing]


def resample(samples: FloatArray, from_hz: int, to_hz: int) -> FloatArray:
    """A whole sound of shape ``(n,)`` at another rate."""
    resampler = Resampler(from_hz, to_hz)
    return np.concatenate([resampler.push(samples), resampler.close()])
