"""What the voice does from period to period and from harmonic to harmonic, in voiced frames.

Jitter and shimmer follow each period by matching the waveform with the one before it (I. R. Titze, H. Liang:
Comparison of F0 extraction methods for high-precision voice perturbation measurements. JSHR 36 (1993)
1120-1133); HNR is the autocorrelation at the period against the rest (P. Boersma 1993); harmonic
differences and formant levels are levels of spectral peaks at multiples of F0 (Eyben et al. 2016).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from hearfelt.features.pitch import BINS, FFT_SIZE, SAMPLE_RATE_HZ, long_window
from hearfelt.types import FloatArray

IntArray = npt.NDArray[np.intp]

PERIODS = 4
"""Periods compared in each frame."""

_GRID = 64
_REACH = 7
_MIN_MATCH = 0.5

BIN_HZ = SAMPLE_RATE_HZ / FFT_SIZE


_SEARCH = 8
_LONGEST = 400
"""Lags beyond this many samples are never asked for (40 Hz)."""


@lru_cache(maxsize=1)
def _window_autocorrelation() -> npt.NDArray[np.float64]:
    power = np.abs(np.fft.rfft(long_window(), FFT_SIZE)) ** 2
    whole = np.fft.irfft(power)
    return np.asarray(whole / whole[0])


def harmonics_to_noise(power: FloatArray, f0_hz: FloatArray, as_opensmile: bool = False) -> FloatArray:
    """HNR in dB (n,) from power spectra (n, 513): autocorrelation at the period over what is missing to 1.

    The period is that of the peak of the autocorrelation nearest to 1 / F0. The autocorrelation is divided
    by that of the window, or else a longer period would look noisier (Boersma 1993, equation 9);
    openSMILE does not. Clipped to [-40, 40] dB.
    """
    autocorrelation = np.fft.irfft(power.astype(np.float64))
    if not as_opensmile:
        autocorrelation[:, :_LONGEST] /= _window_autocorrelation()[:_LONGEST]
    lag = np.rint(SAMPLE_RATE_HZ / f0_hz).astype(np.intp)
    steps = np.arange(-_SEARCH - 1, _SEARCH + 2)
    around = autocorrelation[np.arange(len(lag))[:, None], lag[:, None] + steps]
    middle = around[:, 1:-1]
    peak = (middle > around[:, :-2]) & (middle > around[:, 2:])
    distance = np.where(peak, np.abs(steps[1:-1]), 2 * _SEARCH + (steps[1:-1] != 0))
    nearest = distance.argmin(axis=1)
    share = middle[np.arange(len(lag)), nearest] / np.maximum(autocorrelation[:, 0], 1e-30)
    share = np.clip(share, 1e-4, 1 - 1e-4)
    decibel: FloatArray = (10 * np.log10(share / (1 - share))).astype(np.float32)
    return decibel


def harmonic_levels(
    power: FloatArray, f0_hz: FloatArray, formants_hz: FloatArray, as_opensmile: bool = False
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Levels in dB relative to the first harmonic.

    Args:
        power: (n, 513) of the 60 ms frames.
        f0_hz: (n,), above 0.
        formants_hz: (n, 3), 0 where there is none.
        as_opensmile: take the second and third harmonic for H1 and H2 in the differences, as openSMILE does.

    Returns:
        H1-H2 (n,), H1-A3 (n,), and the level of the highest harmonic near each formant relative to H1
        (n, 3). A3 is the highest harmonic near the third formant.
    """
    row = np.arange(len(power))
    first = _peak(power, row, f0_hz)
    second = _peak(power, row, 2 * f0_hz)
    nearest = np.maximum(np.rint(formants_hz / f0_hz[:, None]), 1.0)
    around = np.stack([np.maximum(nearest + step, 1.0) for step in (-1, 0, 1)], axis=-1)
    near = _peak(power, row[:, None, None], around * f0_hz[:, None, None]).max(axis=-1)
    level = near - first[:, None]
    if as_opensmile:
        return second - _peak(power, row, 3 * f0_hz), second - near[:, 2], level
    return first - second, -level[:, 2], level


def _peak(power: FloatArray, row: IntArray, hz: FloatArray) -> FloatArray:
    """Level in dB of the highest of the three bins around a frequency."""
    centre = np.clip(np.rint(hz / np.float32(BIN_HZ)).astype(np.intp), 1, BINS - 2)
    high = np.maximum(power[row, centre], np.maximum(power[row, centre - 1], power[row, centre + 1]))
    decibel: FloatArray = (10 * np.log10(high + np.float32(1e-14))).astype(np.float32)
    return decibel


def perturbation(samples: FloatArray, start: IntArray, f0_hz: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Jitter (share of a period) and shimmer (dB) of the periods from `start` on.

    Each frame is put on a grid of 64 points a period. The length of a period is the lag, within 10 % of
    1 / F0, at which the waveform correlates best with what follows, refined by a parabola; jitter is the
    mean change of length from one period to the next over the mean length, shimmer the mean change of the
    amplitude (root mean square). A frame whose periods do not match (correlation below 0.5) gets 0, which
    means not measured.

    Args:
        samples: the sound; beyond its end the last sample goes on.
        start: first sample of each frame, shape (n,).
        f0_hz: (n,), above 0.
    """
    n = len(start)
    if n == 0:
        return np.zeros(0, np.float32), np.zeros(0, np.float32)
    length = (PERIODS + 1) * _GRID + _REACH + 1
    position = (
        start[:, None] + np.arange(length) * (SAMPLE_RATE_HZ / _GRID / f0_hz.astype(np.float64))[:, None]
    )
    left = np.minimum(position.astype(np.intp), len(samples) - 1)
    right = np.minimum(left + 1, len(samples) - 1)
    part = (position - left).clip(0, 1).astype(np.float32)
    wave = samples[left] * (1 - part) + samples[right] * part
    wave -= wave.mean(axis=1, keepdims=True)
    period, match = _period_lengths(wave)
    ok = (match[:, :-1] > _MIN_MATCH) & (match[:, 1:] > _MIN_MATCH)
    count = np.maximum(ok.sum(axis=1), 1)
    change = np.abs(np.diff(period, axis=1)) / (0.5 * (period[:, 1:] + period[:, :-1]))
    loud = 20 * np.log10(np.maximum(_amplitude(wave), 1e-9))
    jitter = np.where(ok, change, 0).sum(axis=1) / count
    shimmer = np.where(ok, np.abs(np.diff(loud, axis=1)), 0).sum(axis=1) / count
    return jitter.astype(np.float32), shimmer.astype(np.float32)


def _period_lengths(wave: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Best lag in grid points and its correlation, each (n, PERIODS), from waves (n, length)."""
    lags = np.arange(_GRID - _REACH, _GRID + _REACH + 1)
    energy = np.concatenate([np.zeros((len(wave), 1), np.float32), np.cumsum(wave * wave, axis=1)], axis=1)
    windows = np.lib.stride_tricks.sliding_window_view(wave, _GRID, axis=1)
    begin = np.arange(PERIODS) * _GRID
    here = windows[:, begin]
    there = windows[:, begin[:, None] + lags]
    product = np.matmul(there, here[..., None])[..., 0]
    own = energy[:, begin + _GRID] - energy[:, begin]
    other = energy[:, begin[:, None] + lags + _GRID] - energy[:, begin[:, None] + lags]
    score = product / np.sqrt(np.maximum(own[..., None] * other, 1e-20))
    best = score[..., 1:-1].argmax(axis=-1)[..., None] + 1
    low, top, high = (np.take_along_axis(score, best + step, -1)[..., 0] for step in (-1, 0, 1))
    bend = low - 2 * top + high
    offset = np.where(bend < -1e-12, 0.5 * (low - high) / np.minimum(bend, -1e-12), 0.0)
    return (lags[best[..., 0]] + np.clip(offset, -1, 1)).astype(np.float32), top


def _amplitude(wave: FloatArray) -> FloatArray:
    """Root mean square (n, PERIODS) of each period: steadier than the peaks, which fall between samples."""
    periods = wave[:, : PERIODS * _GRID].reshape(len(wave), PERIODS, _GRID)
    square: FloatArray = np.einsum("ijk,ijk->ij", periods, periods) / np.float32(_GRID)
    return np.sqrt(square)
