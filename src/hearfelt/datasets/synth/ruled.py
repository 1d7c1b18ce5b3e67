"""Neutral speech, made or recorded, changed by WORLD after the rules."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from hearfelt import audio
from hearfelt.datasets.synth import level, rules, world
from hearfelt.types import Audio


class Neutral(Protocol):
    """Where neutral speech comes from.

    Attributes:
        about_hz: where the F0 of the sound lies; None where nobody knows.
        f0_hz: mean F0 the speaker has at rest; None for that of the sound.
        f0_sd_st: standard deviation of that F0; None for that of the sound.
        formants: times the formants of the sound.
        level_dbfs: level of neutral speech; None for that of the sound.
        timed: whether `sound` itself follows the rate and the pauses of a rule.
    """

    speaker: str
    gender: str | None
    language: str | None
    about_hz: float | None
    f0_hz: float | None
    f0_sd_st: float | None
    formants: float
    level_dbfs: float | None
    timed: bool

    def sound(self, text: str, rule: rules.Rule, seed: int) -> Audio:
        """Neutral speech."""
        ...

    def provenance(self) -> Mapping[str, Any]:
        """Engine, version and voice, or the file."""
        ...


class Recorded:
    """A neutral recording of a person; its text is what was said, and its pauses stay.

    Args:
        path: a sound file; its first channel is used.

    Raises:
        AudioError: it cannot be read.
    """

    timed = False
    formants = 1.0

    def __init__(
        self, path: Path, speaker: str = "", gender: str | None = None, language: str | None = None
    ) -> None:
        self.path = path
        self.audio = audio.read(path)[0]
        self.speaker, self.gender, self.language = speaker or path.stem, gender, language
        self.about_hz: float | None = None
        self.f0_hz: float | None = None
        self.f0_sd_st: float | None = None
        self.level_dbfs: float | None = None

    def sound(self, text: str, rule: rules.Rule, seed: int) -> Audio:
        """See `Neutral`."""
        return self.audio

    def provenance(self) -> Mapping[str, Any]:
        """See `Neutral`."""
        return {"engine": "world", "engine_version": "", "voice": "recording", **of_file("source", self.path)}


class RuledVoice:
    """Neutral speech with the rules' pitch, contour, intensity, spectrum and voice quality, by WORLD.

    Args:
        neutral: `espeak.Spoken` or `Recorded`.
        table: the rules; those of the literature where None.
    """

    def __init__(self, neutral: Neutral, table: rules.Rules | None = None) -> None:
        self.neutral = neutral
        self.rules = table or rules.load()
        self.emotions: tuple[str, ...] | None = self.rules.emotions
        self.speaker, self.gender, self.language = neutral.speaker, neutral.gender, neutral.language

    def speak(self, text: str, emotion: str, intensity: float = 1.0, seed: int = 0) -> Audio:
        """See `base.Voice`."""
        rule = self.rules.rule(emotion, intensity, seed)
        sound = self.neutral.sound(text, rule, seed)
        name = f"the speech of {self.speaker}"
        speech = world.analyse(sound, name, about_hz=self.neutral.about_hz)
        if self.neutral.timed:
            rule = replace(rule, rate=1.0)
        random = np.random.default_rng([2, seed % 2**32])
        rest_f0 = {"f0_hz": self.neutral.f0_hz, "f0_sd_st": self.neutral.f0_sd_st}
        shaped = world.shape(speech, rule, random, **rest_f0, formants=self.neutral.formants)
        rest = speech.level_dbfs if self.neutral.level_dbfs is None else self.neutral.level_dbfs
        return level.finished(world.synthesise(shaped), world.RATE_HZ, rest + rule.loudness_db)

    def provenance(self, emotion: str, intensity: float = 1.0, seed: int = 0) -> Mapping[str, Any]:
        """See `base.Voice`."""
        found = dict(self.neutral.provenance())
        found["engine_version"] = " + ".join(filter(None, (found["engine_version"], world.version())))
        found["rules"] = self.rules.version
        found["parameters"] = asdict(self.rules.rule(emotion, intensity, seed))
        return found


def of_file(name: str, path: Path) -> dict[str, str]:
    """Which file, and the beginning of its hash."""
    return {name: str(path), f"{name}_sha256": hashlib.sha256(path.read_bytes()).hexdigest()[:16]}
