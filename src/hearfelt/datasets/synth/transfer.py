"""Prosody transfer: the measured contour of a real emotional utterance on neutral speech.

F0 (relative to the speaker), intensity and local tempo of the source move; the words, the voice and its
spectrum stay. Where a neutral utterance of the source's speaker is given as a reference, the height of F0,
the loudness and the spectral tilt are what differs from it. Without one nobody can tell how high that speaker
is at rest, and only the shape of the contour moves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hearfelt import audio
from hearfelt.datasets.synth import align, level, rules, world
from hearfelt.datasets.synth.base import checked_intensity
from hearfelt.datasets.synth.ruled import Neutral, of_file
from hearfelt.datasets.synth.world import Contour, Speech
from hearfelt.types import Audio

MIN_VOICE_S = 0.2
_GAIN_DB = 12.0
_TILT_DB_OCT = 6.0
_LOUDER_DB = 15.0


@dataclass(frozen=True, eq=False)
class Prosody:
    """What a source gives.

    Args:
        speech: the emotional utterance.
        f0_hz, level_dbfs: its speaker's neutral F0 and level; its own where there is no reference.
        tilt_db_oct: how much brighter it is than the reference; 0 where there is none.
    """

    speech: Speech
    f0_hz: float
    level_dbfs: float
    tilt_db_oct: float


def measure(source: Audio, reference: Audio | None = None, name: str = "the source") -> Prosody:
    """The prosody of an emotional utterance, relative to a neutral one of the same speaker.

    Raises:
        AudioError: one of them is silent or has too little voice.
    """
    speech = world.analyse(source, name, min_voice_s=MIN_VOICE_S)
    if reference is None:
        return Prosody(speech, speech.mean_f0_hz, speech.level_dbfs, 0.0)
    rest = world.analyse(reference, f"the reference of {name}", min_voice_s=MIN_VOICE_S)
    tilt = float(np.clip(_tilt(speech) - _tilt(rest), -_TILT_DB_OCT, _TILT_DB_OCT))
    return Prosody(speech, rest.mean_f0_hz, rest.level_dbfs, tilt)


def transfer(neutral: Speech, prosody: Prosody, *, share: float = 1.0, method: str = "syllables") -> Speech:
    """The neutral speech with the prosody of the source.

    Args:
        share: how much of the way to go: 0 leaves the neutral speech as it is, 1 gives it the whole contour.
        method: how to find what belongs together, see `align.pairs`.
    """
    source = prosody.speech
    here, there = align.pairs(neutral, source, method)
    when = (1 - share) * here + share * there
    moments = np.arange(0, when[-1] + 0.5)
    position, source_position = np.interp(moments, when, here), np.interp(moments, when, there)
    moved = world.at(neutral, position)

    base = np.log(neutral.mean_f0_hz)
    own = world.bridged(neutral)
    lent = world.bridged(source) - np.log(prosody.f0_hz)
    log_f0 = base + (1 - share) * (_at(own, position) - base) + share * _at(lent, source_position)
    f0 = np.where(moved.voiced, np.clip(np.exp(log_f0), world.FLOOR_HZ, 900.0), 0.0)

    gain = share * (_loudness(source, source_position) - _loudness(neutral, position))
    gain = align.smooth(np.clip(gain, -_GAIN_DB, _GAIN_DB), 6)
    envelope = moved.envelope * 10 ** (gain[:, None] / 10)
    envelope = envelope * 10 ** (world.tilt_db(envelope.shape[1], share * prosody.tilt_db_oct) / 10)
    louder = float(np.clip(source.level_dbfs - prosody.level_dbfs, -_LOUDER_DB, _LOUDER_DB))
    return Speech(f0, envelope, moved.aperiodicity, neutral.level_dbfs + share * louder)


def _at(values: Contour, position: Contour) -> Contour:
    return np.interp(position, np.arange(len(values)), values)


def _loudness(speech: Speech, position: Contour) -> Contour:
    """Intensity around its mean over speech, smoothed over about 30 ms; silence counts as 30 dB down."""
    values = np.maximum(speech.intensity_db, speech.intensity_db.max() - 30)
    return _at(align.smooth(values - values[speech.active].mean(), 3), position)


def _tilt(speech: Speech) -> float:
    """Slope of the mean spectrum of voiced frames from 300 to 5000 Hz in dB an octave."""
    mean = 10 * np.log10(speech.envelope[speech.voiced].mean(axis=0) + 1e-16)
    axis = np.linspace(0, world.RATE_HZ / 2, len(mean))
    octaves = np.linspace(np.log2(300), np.log2(5000), 40)
    return float(np.polyfit(octaves, np.interp(2**octaves, axis, mean), 1)[0])


class TransferVoice:
    """Neutral speech, made or recorded, with the prosody of a real utterance.

    The emotion is that of the source: it labels the sound and changes nothing.

    Args:
        neutral: `espeak.Spoken` or `ruled.Recorded`.
        source: sound file of the emotional utterance.
        reference: sound file of a neutral utterance of the same speaker.
        method: ``syllables`` or ``cepstrum``, see `align.pairs`.
    """

    emotions: tuple[str, ...] | None = None

    def __init__(
        self, neutral: Neutral, source: Path, reference: Path | None = None, method: str = "syllables"
    ) -> None:
        self.neutral, self.method = neutral, method
        self.source, self.reference = source, reference
        self.speaker, self.gender, self.language = neutral.speaker, neutral.gender, neutral.language
        rest = audio.read(reference)[0] if reference else None
        self.prosody = measure(audio.read(source)[0], rest, str(source))

    def speak(self, text: str, emotion: str, intensity: float = 1.0, seed: int = 0) -> Audio:
        """See `base.Voice`; the intensity is the share of the contour that moves."""
        share = checked_intensity(intensity)
        sound = self.neutral.sound(text, rules.Rule(), seed)
        name = f"the speech of {self.speaker}"
        speech = world.analyse(sound, name, about_hz=self.neutral.about_hz)
        rest = {"f0_hz": self.neutral.f0_hz, "f0_sd_st": self.neutral.f0_sd_st}
        random = np.random.default_rng([3, seed % 2**32])
        speech = world.shape(speech, rules.Rule(), random, **rest, formants=self.neutral.formants)
        made = transfer(speech, self.prosody, share=share, method=self.method)
        base = speech.level_dbfs if self.neutral.level_dbfs is None else self.neutral.level_dbfs
        return level.finished(
            world.synthesise(made), world.RATE_HZ, base + made.level_dbfs - speech.level_dbfs
        )

    def provenance(self, emotion: str, intensity: float = 1.0, seed: int = 0) -> Mapping[str, Any]:
        """See `base.Voice`."""
        found = dict(self.neutral.provenance())
        found["engine"] = "transfer"
        found["engine_version"] = " + ".join(filter(None, (found["engine_version"], world.version())))
        found["prosody"] = of_file("file", self.source) | (
            of_file("reference", self.reference) if self.reference else {}
        )
        found["parameters"] = {"share": intensity, "align": self.method}
        return found
