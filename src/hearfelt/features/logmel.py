"""Log-mel spectrogram in numpy: the input of the voice models, at training and at run time alike."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hearfelt.errors import FeatureError, OptionError
from hearfelt.types import Audio, Features, FloatArray

_BLOCK_FRAMES = 128
"""Frames transformed at a time: their spectra fit the cache of a core, which saves a third of the time."""

_ONE_THREAD = 1 << 18
"""Multiplications of a product of matrices up to which OpenBLAS wakes no threads: two that spin for a small
product cost more than they save, most of all where other programs want the cores."""

FLOOR = 1e-14
"""Power added before the logarithm: far under the rounding noise of 16-bit sound (1e-10), so that a recording
made 40 dB too soft has the same shape."""


@dataclass(frozen=True)
class LogMelOptions:
    """What `LogMel` computes.

    Args:
        sample_rate_hz: the rate the sound must have.
        n_mels: triangular filters, equally spaced on the mel scale.
        window_ms, hop_ms: length of a frame (Hann window) and step between frames.
        f_min_hz, f_max_hz: lower edge of the first and upper edge of the last filter.
        trim_db: frames at both ends that lie this far below the loudest frame are cut off; None keeps all.
        trim_pad_ms: what is kept around the rest when trimming.
    """

    sample_rate_hz: int = 16000
    n_mels: int = 80
    window_ms: float = 40.0
    hop_ms: float = 10.0
    f_min_hz: float = 50.0
    f_max_hz: float = 8000.0
    trim_db: float | None = None
    trim_pad_ms: float = 100.0

    def __post_init__(self) -> None:
        if not 0 <= self.f_min_hz < self.f_max_hz <= self.sample_rate_hz / 2:
            raise OptionError(
                f"filters from {self.f_min_hz} Hz to {self.f_max_hz} Hz do not fit a sample rate of "
                f"{self.sample_rate_hz} Hz: they must lie between 0 and {self.sample_rate_hz / 2} Hz"
            )
        if self.n_mels < 1 or self.hop_ms <= 0 or self.window_ms < self.hop_ms:
            raise OptionError(
                f"n_mels={self.n_mels}, window_ms={self.window_ms}, hop_ms={self.hop_ms} make no "
                "spectrogram: use at least one filter and a window at least as long as the hop"
            )


class LogMel:
    """Natural logarithm of mel-filtered power.

    The mel scale is ``2595 log10(1 + f / 700)`` (O'Shaughnessy 1987, as in HTK), the filters are triangles of
    height 1. The power of a frame is divided by the energy of its window, so that white noise of variance v
    has power v in every bin of the spectrum.
    """

    def __init__(self, options: LogMelOptions | None = None) -> None:
        self.options = options or LogMelOptions()
        rate = self.options.sample_rate_hz
        self._size = round(self.options.window_ms * rate / 1000)
        self._hop = round(self.options.hop_ms * rate / 1000)
        self._n_fft = 1 << max(0, math.ceil(math.log2(self._size)))
        window = np.hanning(self._size + 2)[1:-1]
        self._window = (window / np.sqrt((window**2).sum())).astype(np.float32)
        self._bands = _bands(mel_filters(self.options, self._n_fft))

    @property
    def space(self) -> str:
        """Name of the feature space."""
        return "logmel/1"

    def __call__(self, audio: Audio) -> Features:
        """Log-mel frames, shape ``(n_frames, n_mels)``; a sound shorter than one window is padded to one.

        Raises:
            FeatureError: another sample rate, no samples, or samples that are not finite.
        """
        samples = self._checked(audio)
        count = 1 + (len(samples) - self._size) // self._hop
        values = np.empty((count, self.options.n_mels), dtype=np.float32)
        frames = np.lib.stride_tricks.sliding_window_view(samples, self._size)[:: self._hop]
        for first in range(0, count, _BLOCK_FRAMES):
            block = frames[first : first + _BLOCK_FRAMES] * self._window
            squares = np.fft.rfft(block, self._n_fft, axis=1).view(np.float32)  # real, imaginary, real, …
            np.square(squares, out=squares)
            for low, high, columns, filters in self._bands:
                np.matmul(squares[:, low:high], filters, out=values[first : first + len(block), columns])
        values += FLOOR
        kept = slice(None)
        if self.options.trim_db is not None:
            pad = round(self.options.trim_pad_ms / self.options.hop_ms)
            kept = _loud(values.sum(axis=1), self.options.trim_db, pad)
        values = values[kept]
        np.log(values, out=values)
        return Features(values, None, self.options.hop_ms / 1000, self.space)

    def _checked(self, audio: Audio) -> FloatArray:
        if audio.sample_rate_hz != self.options.sample_rate_hz:
            raise FeatureError(
                f"log-mel needs {self.options.sample_rate_hz} Hz sound, got {audio.sample_rate_hz} Hz: "
                "resample it first"
            )
        if len(audio.samples) == 0:
            raise FeatureError("log-mel needs sound, got 0 samples")
        samples = np.ascontiguousarray(audio.samples, dtype=np.float32)
        if not np.isfinite(samples).all():
            raise FeatureError(
                "log-mel needs finite samples, got NaN or infinity: repair the recording first"
            )
        if len(samples) < self._size:
            samples = np.pad(samples, (0, self._size - len(samples)))
        return samples


def mel_filters(options: LogMelOptions, n_fft: int) -> npt.NDArray[np.float32]:
    """Triangular filters, shape ``(n_fft // 2 + 1, n_mels)``; a filter between two bins takes the nearest."""
    edges_mel = np.linspace(_mel(options.f_min_hz), _mel(options.f_max_hz), options.n_mels + 2)
    edges = 700 * (10 ** (edges_mel / 2595) - 1)
    bins = np.arange(n_fft // 2 + 1) * options.sample_rate_hz / n_fft
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    rising = (bins[:, None] - low) / (centre - low)
    falling = (high - bins[:, None]) / (high - centre)
    filters = np.clip(np.minimum(rising, falling), 0, None)
    empty = np.flatnonzero(filters.sum(axis=0) == 0)
    filters[np.abs(bins[:, None] - centre[empty]).argmin(axis=0), empty] = 1
    return filters.astype(np.float32)


def _loud(power: FloatArray, below_db: float, pad: int) -> slice:
    """First to last frame that is less than ``below_db`` under the loudest, and ``pad`` more each way."""
    power_db = 10 * np.log10(power)
    loud = np.flatnonzero(power_db >= power_db.max() - below_db)
    return slice(max(0, int(loud[0]) - pad), int(loud[-1]) + 1 + pad)


def _bands(filters: FloatArray) -> list[tuple[int, int, slice, FloatArray]]:
    """Neighbouring filters with the part of a spectrum under them, which is zero elsewhere.

    Each is the first and last place in a row of real and imaginary parts, the filters' columns, and their
    weights there, each twice. As many filters go together as make a product of `_ONE_THREAD`.
    """
    found, first, n_mels = [], 0, filters.shape[1]
    while first < n_mels:
        end, low, high = first, 0, 0
        while end < n_mels:
            seen = np.flatnonzero(filters[:, first : end + 1].any(axis=1))
            start, stop = int(seen[0]), int(seen[-1]) + 1
            if end > first and _BLOCK_FRAMES * 2 * (stop - start) * (end + 1 - first) > _ONE_THREAD:
                break
            end, low, high = end + 1, start, stop
        weights = np.repeat(filters[low:high, first:end], 2, axis=0)
        found.append((2 * low, 2 * high, slice(first, end), weights))
        first = end
    return found


def _mel(frequency_hz: float) -> float:
    return 2595 * math.log10(1 + frequency_hz / 700)
