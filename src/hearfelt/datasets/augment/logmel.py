"""Changes to a log-mel that leave the emotion as it is: small seeded objects, composed by `build`.

Each takes log-mel frames ``(n_frames, n_mels)`` (natural logarithm of power) and a random generator.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from hearfelt.errors import OptionError
from hearfelt.types import FloatArray

_NAT_PER_DB = float(np.log(10) / 10)


class Augmentation(Protocol):
    """One change."""

    def __call__(self, logmel: FloatArray, random: np.random.Generator) -> FloatArray:
        """The changed log-mel; the input stays as it is."""
        ...


@dataclass(frozen=True)
class AugmentOptions:
    """How strongly to change; 0 switches a change off.

    Args:
        crop_p: share of clips cut to a random length from ``crop_min_s`` to ``crop_max_s`` seconds, so that
            the model also learns from short utterances.
        stretch: largest relative change of length.
        warp: largest relative change of the mel axis (vocal tract length).
        gain_sd_db: standard deviation of the change of level.
        tilt_sd_db: standard deviation of the spectral tilt from lowest to highest bin.
        noise_p, noise_snr_min_db, noise_snr_max_db: share of clips that get steady noise, and at which SNR.
        freq_masks, freq_mask_bins: SpecAugment (Park et al., arXiv:1904.08779) in frequency.
        time_masks, time_mask_share: and in time, each at most this share of the clip.
        mixup: alpha of the beta distribution of mixup (Zhang et al., arXiv:1710.09412).
    """

    crop_p: float = 0.3
    crop_min_s: float = 1.0
    crop_max_s: float = 2.5
    stretch: float = 0.15
    warp: float = 0.1
    gain_sd_db: float = 6.0
    tilt_sd_db: float = 3.0
    noise_p: float = 0.4
    noise_snr_min_db: float = 5.0
    noise_snr_max_db: float = 35.0
    freq_masks: int = 2
    freq_mask_bins: int = 10
    time_masks: int = 2
    time_mask_share: float = 0.12
    mixup: float = 0.3

    def __post_init__(self) -> None:
        if not (0 <= self.crop_p <= 1 and 0 <= self.noise_p <= 1 and 0 <= self.time_mask_share < 1):
            raise OptionError("crop_p, noise_p and time_mask_share are shares: they must lie between 0 and 1")
        if not (0 <= self.stretch < 1 and 0 <= self.warp < 1):
            raise OptionError(
                f"stretch={self.stretch}, warp={self.warp}: relative changes must lie in [0, 1)"
            )


@dataclass(frozen=True)
class Crop:
    """A random stretch of a random length."""

    p: float
    min_frames: int
    max_frames: int

    def __call__(self, logmel: FloatArray, random: np.random.Generator) -> FloatArray:
        if random.random() >= self.p:
            return logmel
        length = min(len(logmel), int(random.integers(self.min_frames, self.max_frames + 1)))
        first = int(random.integers(0, len(logmel) - length + 1))
        part: FloatArray = logmel[first : first + length]
        return part


@dataclass(frozen=True)
class StretchAndWarp:
    """Longer or shorter, and formants higher or lower, by linear interpolation of both axes."""

    stretch: float
    warp: float

    def __call__(self, logmel: FloatArray, random: np.random.Generator) -> FloatArray:
        slower = float(np.exp(random.uniform(-1, 1) * np.log1p(self.stretch)))
        wider = float(np.exp(random.uniform(-1, 1) * np.log1p(self.warp)))
        n_frames, n_mels = logmel.shape
        time = np.linspace(0, n_frames - 1, max(1, round(n_frames * slower)))
        bins = np.clip(np.arange(n_mels) * wider, 0, n_mels - 1)
        changed: FloatArray = _interpolate(_interpolate(logmel, time).T, bins).T
        return changed


@dataclass(frozen=True)
class GainAndTilt:
    """Louder or softer, brighter or darker: another microphone at another distance."""

    gain_sd_db: float
    tilt_sd_db: float

    def __call__(self, logmel: FloatArray, random: np.random.Generator) -> FloatArray:
        gain, tilt = random.standard_normal(2) * (self.gain_sd_db, self.tilt_sd_db)
        slope = np.linspace(-0.5, 0.5, logmel.shape[1]) * tilt
        moved: FloatArray = (logmel + (gain + slope) * _NAT_PER_DB).astype(np.float32)
        return moved


@dataclass(frozen=True)
class Noise:
    """Steady noise of a random smooth spectrum at a random SNR, added as power."""

    p: float
    snr_min_db: float
    snr_max_db: float

    def __call__(self, logmel: FloatArray, random: np.random.Generator) -> FloatArray:
        if random.random() >= self.p:
            return logmel
        snr = random.uniform(self.snr_min_db, self.snr_max_db) * _NAT_PER_DB
        n_mels = logmel.shape[1]
        knots = random.standard_normal(5) * 1.2
        shape = np.interp(np.arange(n_mels), np.linspace(0, n_mels - 1, 5), knots)
        shape -= np.log(np.exp(shape).mean())
        speech = np.log(np.exp(logmel).mean())
        ripple = random.standard_normal(logmel.shape, dtype=np.float32) * np.float32(0.4)
        noisy: FloatArray = np.logaddexp(logmel, (speech - snr + shape).astype(np.float32) + ripple)
        return noisy


@dataclass(frozen=True)
class Masks:
    """Bands and stretches replaced by each bin's mean."""

    freq_masks: int
    freq_mask_bins: int
    time_masks: int
    time_mask_share: float

    def __call__(self, logmel: FloatArray, random: np.random.Generator) -> FloatArray:
        masked: FloatArray = logmel.copy()
        mean = logmel.mean(axis=0)
        n_frames, n_mels = logmel.shape
        for _ in range(self.freq_masks):
            width = int(random.integers(0, min(self.freq_mask_bins, n_mels) + 1))
            first = int(random.integers(0, n_mels - width + 1))
            masked[:, first : first + width] = mean[first : first + width]
        for _ in range(self.time_masks):
            width = int(random.integers(0, int(self.time_mask_share * n_frames) + 1))
            first = int(random.integers(0, n_frames - width + 1))
            masked[first : first + width] = mean
        return masked


def build(options: AugmentOptions, hop_s: float) -> list[Augmentation]:
    """The changes that the options switch on, in the order in which a sound meets them: voice, room, loss."""
    steps: list[Augmentation] = []
    if options.crop_p:
        steps.append(
            Crop(options.crop_p, round(options.crop_min_s / hop_s), round(options.crop_max_s / hop_s))
        )
    if options.stretch or options.warp:
        steps.append(StretchAndWarp(options.stretch, options.warp))
    if options.noise_p:
        steps.append(Noise(options.noise_p, options.noise_snr_min_db, options.noise_snr_max_db))
    if options.gain_sd_db or options.tilt_sd_db:
        steps.append(GainAndTilt(options.gain_sd_db, options.tilt_sd_db))
    if options.freq_masks or options.time_masks:
        masks = (options.freq_masks, options.freq_mask_bins, options.time_masks, options.time_mask_share)
        steps.append(Masks(*masks))
    return steps


def apply(steps: Sequence[Augmentation], logmel: FloatArray, random: np.random.Generator) -> FloatArray:
    """All steps in turn."""
    for step in steps:
        logmel = step(logmel, random)
    return logmel


def mixup(one: FloatArray, other: FloatArray, share: float) -> FloatArray:
    """``share`` of one log-mel and the rest of another, repeated or cut to the length of the first."""
    fitted = other[np.arange(len(one)) % len(other)]
    return (share * one + (1 - share) * fitted).astype(np.float32)


def _interpolate(values: FloatArray, at: np.ndarray) -> FloatArray:
    low = np.minimum(at.astype(np.int64), max(0, len(values) - 2))
    weight = (at - low).astype(np.float32)[:, None]
    high = np.minimum(low + 1, len(values) - 1)
    result: FloatArray = values[low] * (1 - weight) + values[high] * weight
    return result
