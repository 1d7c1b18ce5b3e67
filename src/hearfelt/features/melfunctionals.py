"""Functionals of the log-mel spectrogram: over a thousand numbers an utterance for about a millisecond.

In the manner of the brute-force sets of the field (Schuller et al., "The INTERSPEECH 2013 Computational
Paralinguistics Challenge"): contours, their differences, and statistics of both over time. No pitch is
tracked.
"""

from __future__ import annotations

import functools
import math

import numpy as np
import numpy.typing as npt

from hearfelt.errors import FeatureError
from hearfelt.features.logmel import LogMel, LogMelOptions
from hearfelt.types import Audio, Features, FloatArray

SPACE = "melfunctionals/1"
MIN_MELS = 20
"""Bins that a log-mel must have."""

_NAT_PER_DB = float(np.log(10) / 10)
_FLOOR_DB = 70.0
_LOUD_DB = 20.0
_N_MFCC = 24
_N_BANDS = MIN_MELS
_SHAPE = ("level", "centroid", "spread", "flux", "low_to_high", "entropy")
_LEVEL = _N_MFCC + 2 * _N_BANDS
_STATISTICS = (
    *("mean", "sd", "p5", "p50", "p95", "iqr", "skewness", "slope", "loud_mean", "loud_sd"),
    *("delta_sd", "delta_abs", "delta_p5", "delta_p95", "delta_iqr", "delta2_sd", "delta2_abs"),
)
_FOLLOW_GAIN = ("mean", "p5", "p50", "p95", "loud_mean")
_MODULATED = (*range(13), *range(_LEVEL, _LEVEL + 4))
_MODULATIONS_HZ = ((0.5, 2.0), (2.0, 4.0), (4.0, 8.0), (8.0, 16.0), (16.0, 32.0))
_MODULATION_S = 10.24
_BLOCK_FRAMES = 128
"""Frames multiplied at a time: products so small that OpenBLAS wakes no threads for them."""
_WHOLE = ("log_frames", "loud_share", "bursts", "peaks", "peak_to_mean_level", "level_sd")


class MelFunctionals:
    """Functionals of the log-mel frames that `LogMel` with ``options`` makes.

    Contours: 24 cepstral coefficients, 20 band levels, the same without each frame's mean level, and level,
    centroid, spread, flux, balance of low to high, entropy. Statistics: mean, deviation, percentiles,
    skewness, slope, mean and deviation over loud frames, statistics of the first and second differences; the
    share of five bands of modulation; counts of bursts and peaks of level.
    """

    def __init__(self, options: LogMelOptions | None = None) -> None:
        self.extract = LogMel(options or LogMelOptions(trim_db=40.0))
        self.options = self.extract.options

    @property
    def space(self) -> str:
        """Name of the feature space."""
        return SPACE

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each value."""
        return names()

    def __call__(self, audio: Audio) -> Features:
        """One frame of values, shape ``(1, n_dims)``; errors as of `LogMel`."""
        frames = self.extract(audio)
        values = functionals(frames.values, frames.hop_s)[None]
        return Features(values, self.names, audio.duration_s, SPACE)


@functools.cache
def names() -> tuple[str, ...]:
    """Name of each value of `functionals`."""
    contours = (
        *(f"mfcc{i}" for i in range(_N_MFCC)),
        *(f"band{i}" for i in range(_N_BANDS)),
        *(f"relative_band{i}" for i in range(_N_BANDS)),
        *_SHAPE,
    )
    modulations = (
        f"{contours[c]}_modulation_{low:g}_{high:g}_hz" for low, high in _MODULATIONS_HZ for c in _MODULATED
    )
    return (*(f"{c}_{s}" for s in _STATISTICS for c in contours), *modulations, *_WHOLE)


LEVEL = "level_loud_mean"
"""The value that tells how loud the loud frames are, in nats of power."""


def gain_direction(n_mels: int) -> FloatArray:
    """How much each value of `functionals` grows where every log-mel grows by one: float32 ``(n_dims,)``."""
    grown = {f"band{i}": 1.0 for i in range(_N_BANDS)} | {"level": 1.0, "mfcc0": math.sqrt(n_mels)}
    places = {f"{contour}_{s}": by for contour, by in grown.items() for s in _FOLLOW_GAIN}
    return np.array([places.get(name, 0.0) for name in names()], dtype=np.float32)


def functionals(logmel: FloatArray, hop_s: float = 0.01) -> FloatArray:
    """Functionals of log-mel frames.

    Args:
        logmel: natural logarithm of power, float32 ``(n_frames, n_mels)``, at least 20 bins.

    Returns:
        float32 ``(n_dims,)``, named by `names`, always finite.

    Raises:
        FeatureError: no frames, too few bins, or values that are not finite.
    """
    if logmel.ndim != 2 or not len(logmel) or logmel.shape[1] < _N_BANDS:
        raise FeatureError(
            f"mel functionals need log-mel frames of at least {_N_BANDS} bins, got shape {logmel.shape}"
        )
    if not np.isfinite(logmel).all():
        raise FeatureError("mel functionals need finite log-mel frames, got NaN or infinity")
    contours = _contours(logmel.astype(np.float32, copy=False))
    level = contours[_LEVEL]
    away = (level - level.max() + _LOUD_DB * _NAT_PER_DB).clip(-30, 30)
    loudness = 1 / (1 + np.exp(-away))
    first = _delta(contours)
    values = [
        *_statistics(contours, loudness),
        *_delta_statistics(first),
        *_spreads(_delta(first)),
        _modulations(contours[_MODULATED, :], hop_s),
        _whole(level),
    ]
    return np.concatenate(values).astype(np.float32, copy=False)


def _contours(logmel: FloatArray) -> FloatArray:
    """The contours, ``(n_contours, n_frames)``: a row each, so that what runs over time runs over memory."""
    n_frames, n_mels = logmel.shape
    peak = logmel.max()
    lifted = np.maximum(logmel, peak - np.float32(_FLOOR_DB * _NAT_PER_DB))
    under = lifted - peak
    power = np.exp(under)
    moments = np.empty((5, n_frames), dtype=np.float32)
    _multiply(_moments(n_mels), power, moments)
    total, low, high, centroid, square = moments
    centroid, square = centroid / total, square / total
    found = np.empty((_LEVEL + len(_SHAPE), n_frames), dtype=np.float32)
    bands, relative, shape = (
        found[_N_MFCC : _LEVEL - _N_BANDS],
        found[_LEVEL - _N_BANDS : _LEVEL],
        found[_LEVEL:],
    )
    _multiply(_cosines(n_mels), lifted, found[:_N_MFCC])
    _multiply(_band_means(n_mels), lifted, bands)
    np.subtract(bands, bands.mean(axis=0), out=relative)
    log_total = np.log(total)
    jumps = lifted[1:] - lifted[:-1]
    shape[0] = log_total + peak
    shape[1] = centroid + np.float32((n_mels - 1) / 2)
    shape[2] = np.sqrt(np.maximum(square - centroid**2, 0))
    shape[3, 0] = 0
    shape[3, 1:] = np.sqrt(np.vecdot(jumps, jumps) / np.float32(n_mels))
    shape[4] = np.log((low / total + 1e-6) / (high / total + 1e-6))
    shape[5] = log_total - np.vecdot(power, under) / total
    return found


def _multiply(weights: FloatArray, frames: FloatArray, out: FloatArray) -> None:
    """``weights @ frames.T`` to ``out``, some frames at a time."""
    for first in range(0, len(frames), _BLOCK_FRAMES):
        chosen = slice(first, first + _BLOCK_FRAMES)
        np.matmul(weights, frames[chosen].T, out=out[:, chosen])


@functools.cache
def _moments(n_mels: int) -> FloatArray:
    """What each bin adds to power, power of the lower third, of the rest, first and second moment."""
    bins = np.arange(n_mels) - (n_mels - 1) / 2  # about the middle: the second moment loses fewer digits
    low = np.arange(n_mels) < n_mels // 3
    return np.stack((np.ones(n_mels), low, ~low, bins, bins**2)).astype(np.float32)


@functools.cache
def _cosines(n_mels: int) -> FloatArray:
    """Orthonormal DCT-II, the first `_N_MFCC` rows."""
    at = np.pi / n_mels * (np.arange(n_mels) + 0.5) * np.arange(_N_MFCC)[:, None]
    scale = np.full((_N_MFCC, 1), np.sqrt(2 / n_mels))
    scale[0] = np.sqrt(1 / n_mels)
    return np.asarray(np.cos(at) * scale, dtype=np.float32)


@functools.cache
def _band_means(n_mels: int) -> FloatArray:
    which = np.arange(n_mels) * _N_BANDS // n_mels
    member = (which == np.arange(_N_BANDS)[:, None]).astype(np.float32)
    return np.asarray(member / member.sum(axis=1, keepdims=True), dtype=np.float32)


def _statistics(contours: FloatArray, loudness: FloatArray) -> list[npt.NDArray[np.float32]]:
    n_frames = contours.shape[1]
    mean = contours.mean(axis=1)
    low, quarter, half, three, high = _percentiles(contours, (0.05, 0.25, 0.5, 0.75, 0.95))
    centred = contours - mean[:, None]
    square = centred * centred
    deviation = np.sqrt(square.mean(axis=1))
    skewness = np.vecdot(square, centred) / n_frames / (deviation + 1e-3) ** 3
    time = np.linspace(-1, 1, n_frames, dtype=np.float32)
    slope = np.vecdot(contours, time) / np.vecdot(time, time) if n_frames > 1 else np.zeros_like(mean)
    weights = loudness / loudness.sum()
    loud_mean = np.vecdot(contours, weights)
    np.subtract(contours, loud_mean[:, None], out=centred)
    np.multiply(centred, centred, out=square)
    loud_deviation = np.sqrt(np.vecdot(square, weights))
    return [mean, deviation, low, half, high, three - quarter, skewness, slope, loud_mean, loud_deviation]


def _delta_statistics(delta: FloatArray) -> list[npt.NDArray[np.float32]]:
    low, quarter, three, high = _percentiles(delta, (0.05, 0.25, 0.75, 0.95))
    return [*_spreads(delta), low, high, three - quarter]


def _spreads(delta: FloatArray) -> list[npt.NDArray[np.float32]]:
    return [delta.std(axis=1), np.abs(delta).mean(axis=1)]


def _percentiles(values: FloatArray, at: tuple[float, ...]) -> FloatArray:
    """As `numpy.quantile` (linear), a row each. Sorting all is faster than a partition at several places."""
    places = np.array(at) * (values.shape[1] - 1)
    low = np.floor(places).astype(np.int64)
    high = np.minimum(low + 1, values.shape[1] - 1)
    ordered = np.sort(values, axis=1)
    part = (places - low).astype(np.float32)
    return np.ascontiguousarray((ordered[:, low] * (1 - part) + ordered[:, high] * part).T)


def _delta(values: FloatArray) -> FloatArray:
    """Regression over two frames to each side (Furui 1986), ends repeated."""
    first, last = values[:, :1], values[:, -1:]
    padded = np.concatenate((first, first, values, last, last), axis=1)
    near, far = padded[:, 3:-1] - padded[:, 1:-3], padded[:, 4:] - padded[:, :-4]
    slopes: FloatArray = (near + 2 * far) / np.float32(10)
    return slopes


def _modulations(contours: FloatArray, hop_s: float) -> FloatArray:
    """Logarithm of the share that each band of modulation has, band by band."""
    part = contours[:, : round(_MODULATION_S / hop_s)]
    part = part - part.mean(axis=1, keepdims=True)
    length = part.shape[1]
    size = max(256, 1 << (length - 1).bit_length())
    part *= np.hanning(length + 2)[1:-1].astype(np.float32)
    spectrum = np.fft.rfft(part, n=size, axis=1)
    power = spectrum.real**2 + spectrum.imag**2
    energy = _modulation_bands(size, hop_s) @ power.T + np.float32(1e-6)
    return np.asarray(np.log(energy / energy.sum(axis=0)).ravel(), dtype=np.float32)


@functools.lru_cache(maxsize=32)
def _modulation_bands(size: int, hop_s: float) -> FloatArray:
    """1 where a frequency of the transform lies in a band, shape ``(n_bands, size // 2 + 1)``."""
    frequency = np.fft.rfftfreq(size, hop_s)
    inside = [(frequency >= low) & (frequency < high) for low, high in _MODULATIONS_HZ]
    return np.stack(inside).astype(np.float32)


def _whole(level: FloatArray) -> FloatArray:
    loud = level > level.max() - 25 * _NAT_PER_DB
    bursts = np.count_nonzero(np.diff(loud))
    inner = level[1:-1]
    peaks = np.count_nonzero((inner > level[:-2]) & (inner >= level[2:]) & loud[1:-1])
    found = (
        np.log(len(level)),
        loud.mean(),
        bursts / len(level),
        peaks / len(level),
        level.max() - level.mean(),
        level.std(),
    )
    return np.array(found, dtype=np.float32)
