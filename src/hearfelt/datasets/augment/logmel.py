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
_RT60_MIN_S = 0.15
_RIPPLE = 0.4
"""Standard deviation of a bin of steady noise about its mean, in nats."""
_STOP_DB = 60.0
_LOW_SHARE, _HIGH_SHARE = 0.14, 0.36
"""Of 50 to 8,000 Hz in mel: what lies below 330 Hz and above 3,150 Hz."""


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
        pause_p, pause_max_s: share of clips with the room alone before and after, each at most so long.
        room_p, room_rt60_max_s: share of clips put in a room, whose reverberation time is 0.15 s to this.
        noise_p, noise_snr_min_db, noise_snr_max_db: share of clips that get steady noise, and at which SNR.
        band_p: share of clips that lose the ends of the mel axis, at most what a telephone takes from bins
            of 50 to 8,000 Hz.
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
    pause_p: float = 0.0
    pause_max_s: float = 0.5
    room_p: float = 0.0
    room_rt60_max_s: float = 0.8
    noise_p: float = 0.4
    noise_snr_min_db: float = 5.0
    noise_snr_max_db: float = 35.0
    band_p: float = 0.0
    freq_masks: int = 2
    freq_mask_bins: int = 10
    time_masks: int = 2
    time_mask_share: float = 0.12
    mixup: float = 0.3

    def __post_init__(self) -> None:
        shares = ("crop_p", "pause_p", "room_p", "noise_p", "band_p", "time_mask_share")
        for name in shares:
            if not 0 <= getattr(self, name) <= 1:
                raise OptionError(f"{name}={getattr(self, name)}: a share lies in 0 to 1")
        if self.pause_max_s < 0 or self.room_rt60_max_s < _RT60_MIN_S:
            raise OptionError(
                f"pause_max_s={self.pause_max_s}, room_rt60_max_s={self.room_rt60_max_s}: "
                f"at least 0 and {_RT60_MIN_S} s"
            )
        if not (0 <= self.stretch < 1 and 0 <= self.warp < 1):
            raise OptionError(
                f"stretch={self.stretch}, warp={self.warp}: relative changes must lie in [0, 1)"
            )


@dataclass(frozen=True)
class Sometimes:
    """A change that happens to a share of the clips."""

    p: float
    change: Augmentation

    def __call__(self, logmel: FloatArray, random: np.random.Generator) -> FloatArray:
        return self.change(logmel, random) if random.random() < self.p else logmel


@dataclass(frozen=True)
class Crop:
    """A random stretch of a random length."""

    min_frames: int
    max_frames: int

    def __call__(self, logmel: FloatArray, random: np.random.Generator) -> FloatArray:
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
class Pause:
    """The room alone before and after, and softly under the clip: an utterance cut out less closely.

    The room is 20 to 45 dB under the peak: what is softer than that is trimmed before a model hears it.
    """

    max_frames: int

    def __call__(self, logmel: FloatArray, random: np.random.Generator) -> FloatArray:
        before, after = random.integers(0, self.max_frames + 1, 2)
        longer = np.full((before + len(logmel) + after, logmel.shape[1]), -np.inf, dtype=np.float32)
        longer[before : before + len(logmel)] = logmel
        ripple = random.standard_normal(longer.shape, dtype=np.float32) * np.float32(_RIPPLE)
        room = logmel.max() - random.uniform(20, 45) * _NAT_PER_DB
        lifted: FloatArray = np.logaddexp(longer, np.float32(room) + ripple)
        return lifted


@dataclass(frozen=True)
class Room:
    """A tail of reverberation that decays by 60 dB in ``RT60``, as loud as the sound itself to 12 dB softer.

    The decay of power is exponential (Polack's statistical model of rooms, 1988); high bins decay up to
    twice as fast, as air and walls take more of them.
    """

    rt60_max_s: float
    hop_s: float

    def __call__(self, logmel: FloatArray, random: np.random.Generator) -> FloatArray:
        rt60 = random.uniform(_RT60_MIN_S, self.rt60_max_s) * np.linspace(1, 0.5, logmel.shape[1])
        direct_to_tail = random.uniform(0, 12) * _NAT_PER_DB
        time = self.hop_s * np.arange(1, round(self.rt60_max_s / self.hop_s) + 1)
        tail = np.exp(-6 * np.log(10) * time[:, None] / rt60)
        tail *= np.exp(-direct_to_tail) / tail.sum(axis=0)
        size = 1 << (len(logmel) + len(tail)).bit_length()
        power = np.exp(logmel.astype(np.float64))
        late = np.fft.irfft(np.fft.rfft(power, size, axis=0) * np.fft.rfft(tail, size, axis=0), size, axis=0)
        power[1:] += np.maximum(late[: len(power) - 1], 0)
        return np.log(power).astype(np.float32)


@dataclass(frozen=True)
class Band:
    """Both ends of the mel axis 60 dB softer: a telephone, a narrow codec, a cheap microphone."""

    def __call__(self, logmel: FloatArray, random: np.random.Generator) -> FloatArray:
        low, high = random.uniform(0, (_LOW_SHARE, _HIGH_SHARE)) * logmel.shape[1]
        bins = np.arange(logmel.shape[1])
        outside = np.clip(np.maximum(low - bins, bins - (logmel.shape[1] - 1 - high)), 0, 1)
        cut: FloatArray = logmel - (outside * _STOP_DB * _NAT_PER_DB).astype(np.float32)
        return cut


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

    snr_min_db: float
    snr_max_db: float

    def __call__(self, logmel: FloatArray, random: np.random.Generator) -> FloatArray:
        snr = random.uniform(self.snr_min_db, self.snr_max_db) * _NAT_PER_DB
        n_mels = logmel.shape[1]
        knots = random.standard_normal(5) * 1.2
        shape = np.interp(np.arange(n_mels), np.linspace(0, n_mels - 1, 5), knots)
        shape -= np.log(np.exp(shape).mean())
        speech = np.log(np.exp(logmel).mean())
        ripple = random.standard_normal(logmel.shape, dtype=np.float32) * np.float32(_RIPPLE)
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
        crop = Crop(round(options.crop_min_s / hop_s), round(options.crop_max_s / hop_s))
        steps.append(Sometimes(options.crop_p, crop))
    if options.stretch or options.warp:
        steps.append(StretchAndWarp(options.stretch, options.warp))
    if options.pause_p:
        steps.append(Sometimes(options.pause_p, Pause(round(options.pause_max_s / hop_s))))
    if options.room_p:
        steps.append(Sometimes(options.room_p, Room(options.room_rt60_max_s, hop_s)))
    if options.noise_p:
        noise = Noise(options.noise_snr_min_db, options.noise_snr_max_db)
        steps.append(Sometimes(options.noise_p, noise))
    if options.band_p:
        steps.append(Sometimes(options.band_p, Band()))
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
