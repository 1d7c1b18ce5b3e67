"""Speech taken apart into pitch, spectrum and noise, changed, and put together again by WORLD.

M. Morise, F. Yokomori, K. Ozawa: WORLD: a vocoder-based high-quality speech synthesis system for real-time
applications. IEICE Trans. Information and Systems E99-D (2016) 1877-1884. F0 is that of DIO with StoneMask,
the spectral envelope that of CheapTrick, the aperiodicity that of D4C. Frames stand every 5 ms.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from hearfelt.audio.resample import resample
from hearfelt.datasets.synth import level
from hearfelt.datasets.synth.rules import Rule
from hearfelt.errors import AudioError, MissingExtraError
from hearfelt.types import Audio

Contour = npt.NDArray[np.float64]

RATE_HZ = 16000
HOP_S = 0.005
FLOOR_HZ, CEIL_HZ = 60.0, 700.0
_TREMOR_HZ = 6.0
_ACTIVE_DB = 30.0
_HEARD_DB = 20.0


@dataclass(frozen=True, eq=False)
class Speech:
    """An utterance taken apart.

    Args:
        f0_hz: shape ``(n_frames,)``; 0 where unvoiced.
        envelope: power spectrum without the harmonics, ``(n_frames, n_bins)``.
        aperiodicity: share of noise, ``(n_frames, n_bins)``, 0 to 1.
        level_dbfs: level of the speech.
    """

    f0_hz: Contour
    envelope: Contour
    aperiodicity: Contour
    level_dbfs: float

    def __len__(self) -> int:
        return len(self.f0_hz)

    @property
    def voiced(self) -> npt.NDArray[np.bool_]:
        """Which frames have a pitch."""
        return self.f0_hz > 0

    @property
    def mean_f0_hz(self) -> float:
        """Geometric mean of F0 over the frames that are `heard`."""
        return float(np.exp(np.log(self.f0_hz[self.heard]).mean()))

    @property
    def intensity_db(self) -> Contour:
        """Energy of each frame in dB, on an arbitrary scale."""
        return np.asarray(10 * np.log10(self.envelope.mean(axis=1) + 1e-16))

    @property
    def active(self) -> npt.NDArray[np.bool_]:
        """Frames within 30 dB of the loudest."""
        level = self.intensity_db
        return np.asarray(level > level.max() - _ACTIVE_DB)

    @property
    def heard(self) -> npt.NDArray[np.bool_]:
        """Voiced frames within 20 dB of the loudest voiced one: what a listener takes the pitch from."""
        level = np.where(self.voiced, self.intensity_db, -np.inf)
        return np.asarray(level > level.max() - _HEARD_DB)


def library() -> Any:
    """pyworld; what it imports (pkg_resources) warns of its own end, which is not our user's concern.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="pkg_resources is deprecated", category=UserWarning)
            import pyworld
    except ImportError:
        raise MissingExtraError("changing speech", "pyworld", "tts") from None
    return pyworld


def version() -> str:
    """Name and version of the vocoder."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        return f"pyworld {installed('pyworld')}"
    except PackageNotFoundError:
        raise MissingExtraError("changing speech", "pyworld", "tts") from None


def analyse(
    audio: Audio, name: str = "the sound", *, min_voice_s: float = 0.05, about_hz: float | None = None
) -> Speech:
    """Take an utterance apart, at 16 kHz and without silence around it.

    Args:
        name: for messages.
        min_voice_s: less voice than this is refused.
        about_hz: where F0 lies, where that is known: keeps the tracker from the octaves below and above.

    Raises:
        AudioError: it is silent, or has too little voice.
        MissingExtraError: pyworld is not installed.
    """
    world = library()
    samples = resample(audio.samples, audio.sample_rate_hz, RATE_HZ).astype(np.float64)
    samples = samples - samples.mean() if len(samples) else samples
    peak = float(np.abs(samples).max(initial=0.0))
    if peak < 1e-3:
        raise AudioError(f"{name} is silent (peak {peak:.4f}): give speech")
    samples = np.ascontiguousarray(level.trimmed(samples, RATE_HZ))
    # The analysis sees full scale, so that its own thresholds do not depend on how soft a recording is.
    scaled = samples * (0.5 / peak)
    low, high = (FLOOR_HZ, CEIL_HZ) if about_hz is None else (0.55 * about_hz, 2.2 * about_hz)
    f0, times = world.dio(scaled, RATE_HZ, f0_floor=low, f0_ceil=high, frame_period=HOP_S * 1000)
    f0 = world.stonemask(scaled, f0, times, RATE_HZ)
    voiced_s = float((f0 > 0).sum() * HOP_S)
    if voiced_s < min_voice_s:
        raise AudioError(
            f"{name} has {voiced_s:.2f} s of voice in {len(samples) / RATE_HZ:.2f} s: "
            f"prosody needs at least {min_voice_s:g} s of it; give a longer utterance"
        )
    envelope = world.cheaptrick(scaled, f0, times, RATE_HZ)
    aperiodicity = world.d4c(scaled, f0, times, RATE_HZ)
    return Speech(f0, envelope, aperiodicity, level.speech_dbfs(samples))


def synthesise(speech: Speech) -> Contour:
    """The sound of an utterance, float64 at 16 kHz, at any level."""
    made: Contour = library().synthesize(
        np.ascontiguousarray(speech.f0_hz),
        np.ascontiguousarray(speech.envelope),
        np.ascontiguousarray(speech.aperiodicity),
        RATE_HZ,
        HOP_S * 1000,
    )
    return made


def shape(
    speech: Speech,
    rule: Rule,
    random: np.random.Generator,
    *,
    f0_hz: float | None = None,
    f0_sd_st: float | None = None,
    formants: float = 1.0,
) -> Speech:
    """The utterance as a rule has it; pauses between words are the synthesiser's business and stay.

    Args:
        rule: what to change; its rate stretches the frames evenly.
        random: draws jitter and the phase of the tremor.
        f0_hz: mean F0 to change from; that of the speech where None. The mean F0 of what comes out is this
            times ``2 ** (rule.pitch_st / 12)``.
        f0_sd_st: standard deviation of F0 to change from, in semitones; that of the speech where None.
        formants: times all formants: another speaker's vocal tract.
    """
    moved = at(speech, np.arange(0, len(speech) - 0.5, rule.rate))
    target = (f0_hz or speech.mean_f0_hz) * 2 ** (rule.pitch_st / 12)
    f0 = _contour(moved, rule, target, f0_sd_st, random)
    envelope = _warped(moved.envelope, rule.formants, formants)
    aperiodicity = _warped(moved.aperiodicity, rule.formants, formants)
    envelope = envelope * 10 ** (_intensity_gain_db(moved, rule.loudness_range)[:, None] / 10)
    envelope = envelope * 10 ** (tilt_db(envelope.shape[1], rule.tilt_db_oct) / 10)
    noise = rule.breath * np.clip((_axis(envelope.shape[1]) - 1000) / 3000, 0, 1)
    aperiodicity = np.clip(aperiodicity + (1 - aperiodicity) * noise, 1e-6, 1 - 1e-6)
    return Speech(f0, envelope, aperiodicity, speech.level_dbfs + rule.loudness_db)


def at(speech: Speech, position: Contour) -> Speech:
    """The utterance read at frame positions: spectra and F0 between two frames are mixed, voicing is not."""
    position = np.clip(position, 0, len(speech) - 1)
    low = np.minimum(position.astype(np.int64), max(0, len(speech) - 2))
    part = position - low
    high = np.minimum(low + 1, len(speech) - 1)

    def mixed(values: Contour) -> Contour:
        logs = np.log(np.maximum(values, 1e-16))
        return np.asarray(np.exp(logs[low] * (1 - part[:, None]) + logs[high] * part[:, None]))

    voiced = speech.voiced[np.where(part < 0.5, low, high)]
    log_f0 = bridged(speech)[low] * (1 - part) + bridged(speech)[high] * part
    f0 = np.where(voiced, np.exp(log_f0), 0.0)
    return replace(speech, f0_hz=f0, envelope=mixed(speech.envelope), aperiodicity=mixed(speech.aperiodicity))


def bridged(speech: Speech) -> Contour:
    """Natural logarithm of F0, carried straight through unvoiced frames."""
    frames = np.arange(len(speech))
    voiced = speech.voiced
    return np.interp(frames, frames[voiced], np.log(speech.f0_hz[voiced]))


def tilt_db(n_bins: int, db_oct: float) -> Contour:
    """Gain of each bin for a tilt around 1 kHz; level below 200 Hz."""
    return db_oct * np.log2(np.maximum(_axis(n_bins), 200.0) / 1000.0)


def _axis(n_bins: int) -> Contour:
    return np.linspace(0, RATE_HZ / 2, n_bins)


def _contour(
    speech: Speech, rule: Rule, target_hz: float, sd_st: float | None, random: np.random.Generator
) -> Contour:
    """F0 by the rule; its geometric mean is the target."""
    voiced, n = speech.voiced, len(speech)
    heard = speech.heard
    semitones = 12 / np.log(2) * bridged(speech)
    around = semitones - semitones[heard].mean()
    if sd_st is not None:
        around = around * np.clip(sd_st / max(float(around[heard].std()), 0.1), 0.5, 4)
    around = around * rule.range
    around = np.where(around > 0, around * rule.accent, around)
    first, last = np.flatnonzero(voiced)[[0, -1]]
    place = np.clip((np.arange(n) - first) / max(last - first, 1), 0, 1)
    end = np.clip((place - 0.8) / 0.2, 0, 1)
    # A rise takes the place of the fall that a statement ends with; a fall adds to it.
    around = around * (1 - min(1.0, max(0.0, rule.final_st) / 3) * end)
    around = around + rule.slope_st * (place - 0.5) + rule.final_st * end
    phase = random.uniform(0, 2 * np.pi)
    around = around + rule.tremor_st * np.sin(2 * np.pi * _TREMOR_HZ * HOP_S * np.arange(n) + phase)
    # Bent towards where a voice ends: an octave above its mean, half of one below and never under 60 Hz.
    below = min(6.0, 12 * np.log2(max(target_hz / FLOOR_HZ, 1.05)))
    around = np.where(around > 0, 12 * np.tanh(around / 12), below * np.tanh(around / below))
    f0 = target_hz * 2 ** ((around - around[heard].mean()) / 12)
    f0 = f0 * (1 + rule.jitter_pct / 100 * _period_noise(n, target_hz, random))
    f0 = f0 * target_hz / np.exp(np.log(f0[heard]).mean())
    return np.where(voiced, f0, 0.0)


def _period_noise(n: int, f0_hz: float, random: np.random.Generator) -> Contour:
    """Noise of deviation 1 that changes from one glottal period to the next, not within one."""
    step = max(1.0, 1 / (f0_hz * HOP_S))
    knots = random.standard_normal(int(n / step) + 2)
    return np.interp(np.arange(n) / step, np.arange(len(knots)), knots)


def _intensity_gain_db(speech: Speech, factor: float) -> Contour:
    """Gain of each frame that multiplies the excursions of intensity around its mean; at most 10 dB."""
    level, active = speech.intensity_db, speech.active
    mean = level[active].mean()
    return np.asarray(np.clip((factor - 1) * (np.maximum(level, level.max() - _ACTIVE_DB) - mean), -10, 10))


def _warped(spectra: Contour, low: float, all_over: float) -> Contour:
    """Spectra with their resonances moved: ``all_over`` everywhere, ``low`` below about 3 kHz only."""
    if low == 1.0 and all_over == 1.0:
        return spectra
    axis = _axis(spectra.shape[1])
    factor = all_over * (1 + (low - 1) * np.clip((4500 - axis) / 1500, 0, 1))
    position = np.clip(axis / factor / (RATE_HZ / 2) * (len(axis) - 1), 0, len(axis) - 1)
    left = np.minimum(position.astype(np.int64), len(axis) - 2)
    part = position - left
    logs = np.log(np.maximum(spectra, 1e-16))
    return np.asarray(np.exp(logs[:, left] * (1 - part) + logs[:, left + 1] * part))
