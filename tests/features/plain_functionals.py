"""The mel functionals as their definitions read, in float64 and without a thought for speed."""

from __future__ import annotations

import itertools

import numpy as np


def functionals(logmel: np.ndarray, hop_s: float = 0.01) -> np.ndarray:
    """What `hearfelt.features.melfunctionals.functionals` must give."""
    contours = _contours(logmel.astype(np.float64))
    level = contours[:, 64]
    loudness = 1 / (1 + np.exp(-np.clip(level - level.max() + 2 * np.log(10), -30, 30)))
    delta = _delta(contours)
    second = _delta(delta)
    quantile = {at: np.quantile(contours, at, axis=0) for at in (0.05, 0.25, 0.5, 0.75, 0.95)}
    changes = {at: np.quantile(delta, at, axis=0) for at in (0.05, 0.25, 0.75, 0.95)}
    mean, deviation = contours.mean(axis=0), contours.std(axis=0)
    loud_mean = np.average(contours, axis=0, weights=loudness)
    time = np.linspace(-1, 1, len(contours))
    values = [
        *(mean, deviation, quantile[0.05], quantile[0.5], quantile[0.95], quantile[0.75] - quantile[0.25]),
        (((contours - mean) / (deviation + 1e-3)) ** 3).mean(axis=0),
        time @ contours / (time @ time) if len(contours) > 1 else 0 * mean,
        loud_mean,
        np.sqrt(np.average((contours - loud_mean) ** 2, axis=0, weights=loudness)),
        *(delta.std(axis=0), np.abs(delta).mean(axis=0)),
        *(changes[0.05], changes[0.95], changes[0.75] - changes[0.25]),
        *(second.std(axis=0), np.abs(second).mean(axis=0)),
        _modulations(contours[:, [*range(13), *range(64, 68)]], hop_s),
        _whole(level),
    ]
    return np.concatenate(values)


def _contours(logmel: np.ndarray) -> np.ndarray:
    n_mels, peak = logmel.shape[1], logmel.max()
    lifted = np.maximum(logmel, peak - 7 * np.log(10))
    power = np.exp(lifted - peak)
    share = power / power.sum(axis=1, keepdims=True)
    bins = np.arange(n_mels)
    cosines = np.sqrt(2 / n_mels) * np.cos(np.pi / n_mels * (bins[:, None] + 0.5) * np.arange(24))
    cosines[:, 0] /= np.sqrt(2)
    bands = np.stack([lifted[:, bins * 20 // n_mels == band].mean(axis=1) for band in range(20)], axis=1)
    centroid = share @ bins
    spread = np.sqrt((share * (bins - centroid[:, None]) ** 2).sum(axis=1))
    flux = np.concatenate(([0.0], np.sqrt((np.diff(lifted, axis=0) ** 2).mean(axis=1))))
    low = share[:, : n_mels // 3].sum(axis=1)
    balance = np.log((low + 1e-6) / (1 - low + 1e-6))
    entropy = -(share * np.log(share)).sum(axis=1)
    shape = np.stack((np.log(power.sum(axis=1)) + peak, centroid, spread, flux, balance, entropy), axis=1)
    return np.concatenate((lifted @ cosines, bands, bands - bands.mean(axis=1, keepdims=True), shape), axis=1)


def _delta(values: np.ndarray) -> np.ndarray:
    padded = np.pad(values, ((2, 2), (0, 0)), mode="edge")
    return (padded[3:-1] - padded[1:-3] + 2 * (padded[4:] - padded[:-4])) / 10


def _modulations(contours: np.ndarray, hop_s: float) -> np.ndarray:
    part = contours[: round(10.24 / hop_s)]
    window = np.hanning(len(part) + 2)[1:-1, None]
    size = max(256, 1 << (len(part) - 1).bit_length())
    power = np.abs(np.fft.rfft((part - part.mean(axis=0)) * window, size, axis=0)) ** 2
    frequency = np.fft.rfftfreq(size, hop_s)
    edges = (0.5, 2, 4, 8, 16, 32)
    energy = np.stack(
        [
            power[(frequency >= low) & (frequency < high)].sum(axis=0)
            for low, high in itertools.pairwise(edges)
        ]
    )
    return np.log((energy + 1e-6) / (energy + 1e-6).sum(axis=0)).ravel()


def _whole(level: np.ndarray) -> np.ndarray:
    loud, count = level > level.max() - 2.5 * np.log(10), len(level)
    bursts = sum(a != b for a, b in itertools.pairwise(loud))
    peaks = sum(level[i] > level[i - 1] and level[i] >= level[i + 1] and loud[i] for i in range(1, count - 1))
    spans = level.max() - level.mean(), level.std()
    return np.array([np.log(count), loud.mean(), bursts / count, peaks / count, *spans])
