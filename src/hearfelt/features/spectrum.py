"""What a short spectrum shows: loudness, balance, slopes, flux, cepstrum. All of it is a few matrix products.

Definitions follow F. Eyben et al. (GeMAPS, 2016) and, for loudness, H. Hermansky: Perceptual linear
predictive analysis of speech. JASA 87 (1990) 1738-1752: 26 mel bands, weighted as the ear hears them,
compressed by the power 0.33, and averaged.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from hearfelt.types import FloatArray

DoubleArray = npt.NDArray[np.float64]

SAMPLE_RATE_HZ = 16000
FRAME = 320
FFT_SIZE = 512
BINS = FFT_SIZE // 2 + 1
BIN_HZ = SAMPLE_RATE_HZ / FFT_SIZE
MEL_BANDS = 26
LOUDNESS_POWER = 0.33
LPC_ORDER = 11
LPC_RATE_HZ = 11000
PRE_EMPHASIS = 0.97

_FLOOR = 1e-14
"""Added to power before a logarithm, so that digital silence has one; far below 16-bit rounding noise."""

_HTK_SCALE = 32767.0**2
"""MFCCs count samples as 16-bit integers, as HTK does."""

_TOP = 161
"""First bin above 5 kHz."""


@dataclass(frozen=True)
class Spectral:
    """Measures of n frames, each ``(n,)``, but ``mfcc`` is (n, count) and ``autocorrelation`` (n, 12)."""

    loudness: FloatArray
    alpha_ratio: FloatArray
    hammarberg: FloatArray
    slope_low: FloatArray
    slope_high: FloatArray
    flux: FloatArray
    mfcc: FloatArray
    energy: FloatArray
    autocorrelation: DoubleArray


def _mel(hz: npt.ArrayLike) -> DoubleArray:
    return np.asarray(1127.0 * np.log1p(np.asarray(hz) / 700.0))


@lru_cache(maxsize=1)
def _window() -> FloatArray:
    return np.hamming(FRAME).astype(np.float32)


@lru_cache(maxsize=1)
def _mel_bank() -> FloatArray:
    """Matrix (BINS, 26) of triangles of height 1 between 20 Hz and 8 kHz."""
    edges = np.linspace(_mel(20.0), _mel(8000.0), MEL_BANDS + 2)
    bins = _mel(np.arange(BINS) * BIN_HZ)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    bank = np.maximum(0.0, np.minimum(rising, falling))
    bank[1] = 0.0  # 31 Hz is hum; openSMILE leaves this bin out too
    return np.ascontiguousarray(bank, dtype=np.float32)


@lru_cache(maxsize=1)
def _ear() -> FloatArray:
    """Equal-loudness weight of each mel band, about 1 at 3 kHz times 3 (Hermansky 1990, equation 8).

    The roll-off above 5 kHz is one power steeper than printed there, as the field's reference tool has it.
    """
    centre = np.linspace(_mel(20.0), _mel(8000.0), MEL_BANDS + 2)[1:-1]
    hz = 700.0 * np.expm1(centre / 1127.0)
    w2 = (2 * np.pi * hz) ** 2
    weight = 5.8824 * (w2 + 56.8e6) * w2**2 / ((w2 + 6.3e6) ** 2 * (w2 + 0.38e9))
    weight /= 1 + (hz / _ROLL_OFF_HZ) ** 7
    return weight.astype(np.float32)


_ROLL_OFF_HZ = 4605.88


@lru_cache(maxsize=2)
def _slopes(as_opensmile: bool) -> FloatArray:
    """Matrix (49, 2): slopes of lines through the dB spectrum, 0 to 500 and 500 to 1500 Hz, in dB/Hz.

    openSMILE counts one bin fewer than it sums, so that its slope also follows the level.
    """
    weights = np.zeros((49, 2))
    for column, (low, high) in enumerate(((0, 16), (16, 48))):
        hz = np.arange(low, high + 1) * BIN_HZ
        count = len(hz) - as_opensmile
        weights[low : high + 1, column] = (count * hz - hz.sum()) / (count * (hz**2).sum() - hz.sum() ** 2)
    return weights.astype(np.float32)


@lru_cache(maxsize=4)
def _cepstrum(count: int) -> FloatArray:
    """Matrix (26, count): cosine transform and lifter (22) of MFCC 1 to count, as HTK defines them."""
    order = np.arange(1, count + 1)
    band = np.arange(MEL_BANDS) + 0.5
    basis = np.sqrt(2 / MEL_BANDS) * np.cos(np.pi / MEL_BANDS * band[:, None] * order)
    return np.ascontiguousarray(basis * (1 + 11 * np.sin(np.pi * order / 22)), dtype=np.float32)


@lru_cache(maxsize=1)
def _lags() -> DoubleArray:
    """Matrix (bins to 5.5 kHz, 12): power spectrum to autocorrelation of the sound at 11 kHz.

    The sound is differenced (by `PRE_EMPHASIS`) on the way, which takes the tilt of the voice out: without
    it, the predictor spends its resonances on the first harmonics, and the first formant is lost.
    """
    top = int(LPC_RATE_HZ / 2 / BIN_HZ) + 1
    bins = np.arange(top)
    cosine = np.cos(2 * np.pi * np.outer(bins * BIN_HZ, np.arange(LPC_ORDER + 1)) / LPC_RATE_HZ)
    cosine[1:-1] *= 2
    tilt = np.abs(1 - PRE_EMPHASIS * np.exp(-2j * np.pi * bins * BIN_HZ / LPC_RATE_HZ)) ** 2
    weighted: DoubleArray = cosine * tilt[:, None]
    return weighted


@lru_cache(maxsize=1)
def _resampler() -> FloatArray:
    """Matrix (320, 220) that resamples a frame to 11 kHz the way openSMILE 3 does.

    It pads the frame with 96 zeros before, keeps the 110 lowest bins of its spectrum (3.4 kHz) and the first
    220 of the 352 points, so that the last 96 samples of the frame are lost. Measured from its output.
    """
    bins = np.arange(110)
    there = np.exp(-2j * np.pi * np.outer(np.arange(FRAME) + 96, bins) / FFT_SIZE)
    back = np.exp(2j * np.pi * np.outer(bins, np.arange(220)) / 352)
    return np.ascontiguousarray((there @ back).real * _window()[:, None] / FFT_SIZE, dtype=np.float32)


def _opensmile_autocorrelation(frames: FloatArray) -> DoubleArray:
    power = _power(frames @ _resampler()).astype(np.float64)
    cosine = np.cos(2 * np.pi * np.outer(np.arange(BINS), np.arange(LPC_ORDER + 1)) / FFT_SIZE)
    cosine[1:-1] *= 2
    autocorrelation: DoubleArray = power @ cosine
    return autocorrelation


def measure(
    frames: FloatArray, previous: FloatArray | None, mfcc_count: int = 4, as_opensmile: bool = False
) -> tuple[Spectral, FloatArray]:
    """Measures of 20 ms frames.

    Args:
        frames: float32 samples, shape ``(n, 320)``, n at least 1.
        previous: magnitude spectrum (161,) of the frame before, None at the start.
        mfcc_count: how many cepstral coefficients.
        as_opensmile: slopes and autocorrelation as openSMILE computes them.

    Returns:
        The measures, and the last magnitude spectrum for the next call.
    """
    power = _power(frames * _window())
    magnitude = np.sqrt(power[:, :_TOP])
    mel = power @ _mel_bank()
    decibel = 10 * np.log10(power[:, :_TOP] + np.float32(_FLOOR))
    slopes = decibel[:, :49] @ _slopes(as_opensmile)
    low = power[:, :32].sum(axis=1) + np.float32(_FLOOR)
    high = power[:, 32:_TOP].sum(axis=1) + np.float32(_FLOOR)
    before = np.empty_like(magnitude)
    before[1:] = magnitude[:-1]
    before[0] = magnitude[0] if previous is None else previous
    step = magnitude - before
    return Spectral(
        loudness=((mel * _ear()) ** np.float32(LOUDNESS_POWER)).mean(axis=1),
        alpha_ratio=10 * np.log10(high / low),
        hammarberg=decibel[:, :64].max(axis=1) - decibel[:, 64:].max(axis=1),
        slope_low=slopes[:, 0],
        slope_high=slopes[:, 1],
        flux=np.sqrt(np.einsum("ij,ij->i", step, step) / np.float32(_TOP - 1)),
        mfcc=np.log(np.maximum(mel * np.float32(_HTK_SCALE), 1.0)) @ _cepstrum(mfcc_count),
        energy=np.einsum("ij,ij->i", frames, frames) / np.float32(FRAME),
        autocorrelation=_opensmile_autocorrelation(frames)
        if as_opensmile
        else power[:, : len(_lags())].astype(np.float64) @ _lags(),
    ), magnitude[-1].copy()


def _power(windowed: FloatArray) -> FloatArray:
    spectrum = np.fft.rfft(windowed, FFT_SIZE)
    power: FloatArray = (spectrum.real**2 + spectrum.imag**2).astype(np.float32, copy=False)
    return power
