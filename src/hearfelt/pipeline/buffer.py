"""The recent past of one channel, in memory that does not grow with the recording."""

from __future__ import annotations

import numpy as np

from hearfelt.types import Audio, FloatArray, Waveform

MOST_PEAKS = 4000


class Tail:
    """The last seconds of a channel: sound goes in at the end, utterances are cut out by time.

    Args:
        sample_rate_hz: samples a second.
        channel: channel of the recording.
        keep_s: seconds that must stay available.
    """

    def __init__(self, sample_rate_hz: int, channel: int, keep_s: float) -> None:
        self.sample_rate_hz = sample_rate_hz
        self.channel = channel
        self._keep = round(keep_s * sample_rate_hz)
        self._store = np.zeros(4 * self._keep, np.float32)
        self._first = 0  # number of the sample at the start of the store
        self._end = 0  # number of samples pushed so far

    @property
    def end_s(self) -> float:
        """Seconds pushed so far."""
        return self._end / self.sample_rate_hz

    def push(self, samples: FloatArray) -> None:
        """Appends samples, shape ``(n,)``, with n at most the kept length."""
        if self._end - self._first + len(samples) > len(self._store):
            keep = self._store[self._end - self._first - self._keep : self._end - self._first].copy()
            self._store[: len(keep)] = keep
            self._first = self._end - len(keep)
        at = self._end - self._first
        self._store[at : at + len(samples)] = samples
        self._end += len(samples)

    def cut(self, start_s: float, end_s: float) -> Audio:
        """The sound between two times, clipped to what is still there."""
        first = max(self._first, round(start_s * self.sample_rate_hz))
        last = max(first, min(self._end, round(end_s * self.sample_rate_hz)))
        samples = self._store[first - self._first : last - self._first].copy()
        return Audio(samples, self.sample_rate_hz, self.channel, first / self.sample_rate_hz)


class Envelope:
    """Outline of a channel for drawing; halves its resolution whenever it grows beyond `MOST_PEAKS` steps."""

    def __init__(self, sample_rate_hz: int, channel: int, step_s: float = 0.05) -> None:
        self.channel = channel
        self._rate = sample_rate_hz
        self._step = round(step_s * sample_rate_hz)
        self._peaks: list[float] = []
        self._rest = np.zeros(0, np.float32)

    def push(self, samples: FloatArray) -> None:
        """Takes in samples, shape ``(n,)``."""
        joined = np.abs(np.concatenate([self._rest, samples]))
        whole = len(joined) // self._step * self._step
        self._rest = joined[whole:]
        if whole:
            self._peaks.extend(joined[:whole].reshape(-1, self._step).max(axis=1).tolist())
        while len(self._peaks) > MOST_PEAKS and len(self._peaks) % 2 == 0:
            self._peaks = np.asarray(self._peaks).reshape(-1, 2).max(axis=1).tolist()
            self._step *= 2

    def close(self, speaker: str | None) -> Waveform:
        """The outline of everything pushed."""
        peaks = [*self._peaks, *([float(self._rest.max())] if len(self._rest) else [])]
        return Waveform(self.channel, speaker, self._step / self._rate, tuple(round(p, 3) for p in peaks))
