"""Prosody rules: how each emotion differs from neutral speech, in one table that a person can read.

`literature.csv` holds the values at full intensity with the papers they come from: numbers where a paper
gives them, else the direction that it reports. They were written down before a model was asked about them.

* I. R. Murray, J. L. Arnott: Toward the simulation of emotion in synthetic speech. JASA 93 (1993) 1097-1108.
* I. R. Murray, J. L. Arnott: Implementation and testing of a system for producing emotion-by-rule in
  synthetic speech. Speech Communication 16 (1995) 369-390.
* J. E. Cahn: The generation of affect in synthesized speech. J. American Voice I/O Society 8 (1990) 1-19.
* S. Mozziconacci: Speech variability and emotion. PhD thesis, TU Eindhoven (1998).
* F. Burkhardt, W. F. Sendlmeier: Verification of acoustical correlates of emotional speech using formant
  synthesis. ISCA Workshop on Speech and Emotion (2000) 151-156.
* M. Schröder: Emotional speech synthesis: a review. Eurospeech (2001) 561-564.
* R. Banse, K. R. Scherer: Acoustic profiles in vocal emotion expression. JPSP 70 (1996) 614-636.
* K. R. Scherer: Vocal communication of emotion. Speech Communication 40 (2003) 227-256.
* P. N. Juslin, P. Laukka: Communication of emotions in vocal expression and music performance.
  Psychological Bulletin 129 (2003) 770-814.
"""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hearfelt.datasets.synth.base import checked_intensity
from hearfelt.errors import OptionError, unknown_name
from hearfelt.labels import canonical

LITERATURE = Path(__file__).with_name("literature.csv")

_FACTORS = ("rate", "range", "accent", "loudness_range", "formants")
_LIMITS: Mapping[str, tuple[float, float]] = {
    "rate": (0.4, 2.5),
    "pitch_st": (-12, 24),
    "range": (0.1, 4),
    "accent": (0.3, 3),
    "slope_st": (-12, 12),
    "final_st": (-12, 12),
    "loudness_db": (-20, 12),
    "loudness_range": (0.3, 2),
    "pause_ms": (0, 1000),
    "tilt_db_oct": (-9, 9),
    "breath": (0, 1),
    "jitter_pct": (0, 5),
    "tremor_st": (0, 2),
    "formants": (0.7, 1.4),
}
_SPREAD = 0.15
_OWN: Mapping[str, float] = {
    "rate": 0.03,
    "pitch_st": 0.4,
    "range": 0.08,
    "slope_st": 0.5,
    "loudness_db": 1.0,
    "tilt_db_oct": 0.4,
}


@dataclass(frozen=True, slots=True)
class Rule:
    """How an emotion differs from a speaker's neutral speech; the defaults change nothing.

    Args:
        rate: times the syllables a second.
        pitch_st: semitones on the mean F0.
        range: times the excursions of F0 around its mean, in semitones.
        accent: times the excursions above the mean once more: stressed syllables.
        slope_st: semitones from the first to the last moment, laid on the contour.
        final_st: semitones at the end, reached over the last fifth; a rise replaces the fall that is there.
        loudness_db: on the level of speech.
        loudness_range: times the excursions of intensity around its mean, in dB.
        pause_ms: pause between words.
        tilt_db_oct: dB an octave on the spectrum; positive is brighter.
        breath: share of the harmonics above 1 kHz that turns into noise, 0 to 1.
        jitter_pct: standard deviation of F0 from one 5 ms step to the next.
        tremor_st: height of a 6 Hz tremor of F0.
        formants: times the formants below about 3 kHz (spread lips raise them).
    """

    rate: float = 1.0
    pitch_st: float = 0.0
    range: float = 1.0
    accent: float = 1.0
    slope_st: float = 0.0
    final_st: float = 0.0
    loudness_db: float = 0.0
    loudness_range: float = 1.0
    pause_ms: float = 0.0
    tilt_db_oct: float = 0.0
    breath: float = 0.0
    jitter_pct: float = 0.0
    tremor_st: float = 0.0
    formants: float = 1.0

    def scaled(self, intensity: float) -> Rule:
        """The same rule at an intensity from 0 to 1: factors as powers, the others in proportion."""
        return Rule(
            **{
                name: value**intensity if name in _FACTORS else value * intensity
                for name, value in dataclasses.asdict(self).items()
            }
        )

    def varied(self, random: np.random.Generator) -> Rule:
        """The rule as one utterance follows it: each effect more or less strong, and a little of its own."""
        changed = {}
        for name, value in dataclasses.asdict(self).items():
            strength = max(0.0, 1 + _SPREAD * random.standard_normal())
            own = _OWN.get(name, 0.0) * random.standard_normal()
            drawn = value**strength * math.exp(own) if name in _FACTORS else value * strength + own
            low, high = _LIMITS[name]
            changed[name] = round(min(max(drawn, low), high), 4)
        return Rule(**changed)


@dataclass(frozen=True)
class Rules:
    """A table of rules.

    Args:
        table: emotion to its rule at full intensity.
        version: name of the file and the beginning of its hash.
    """

    table: Mapping[str, Rule]
    version: str

    @property
    def emotions(self) -> tuple[str, ...]:
        """The labels that have a rule."""
        return tuple(self.table)

    def rule(self, emotion: str, intensity: float = 1.0, seed: int | None = None) -> Rule:
        """The rule of an emotion at an intensity; as one utterance follows it where there is a seed.

        Raises:
            OptionError: no rule for the emotion, or an intensity outside 0 to 1.
        """
        if emotion not in self.table:
            raise unknown_name("emotion", emotion, self.table)
        rule = self.table[emotion].scaled(checked_intensity(intensity))
        return rule if seed is None else rule.varied(np.random.default_rng([1, seed % 2**32]))


def load(path: Path = LITERATURE) -> Rules:
    """Rules of a CSV file: the column emotion and any of the fields of `Rule`; other columns are notes.

    Raises:
        OptionError: no such file, no column emotion, a value that is no number or out of range,
            or no row neutral.
    """
    try:
        data = path.read_bytes()
        rows = list(csv.DictReader(data.decode("utf-8-sig").splitlines()))
    except OSError as error:
        raise OptionError(
            f"the rules {path} cannot be read ({error.strerror or error}): give a CSV file"
        ) from None
    except (UnicodeDecodeError, csv.Error):
        raise OptionError(f"the rules {path} are not a UTF-8 CSV table: save them as one") from None
    names = {field.name for field in dataclasses.fields(Rule)}
    table: dict[str, Rule] = {}
    for number, row in enumerate(rows, start=2):
        emotion = (row.get("emotion") or "").strip()
        if not emotion:
            raise OptionError(f"{path}, line {number} names no emotion: the rules need the column emotion")
        table[canonical(emotion)] = Rule(
            **{k: _number(v, k, f"{path}, line {number}") for k, v in row.items() if k in names and v}
        )
    if "neutral" not in table:
        raise OptionError(f"the rules {path} have no row neutral: the other emotions differ from it")
    return Rules(table, f"{path.stem}-{hashlib.sha256(data).hexdigest()[:8]}")


def _number(text: str, name: str, where: str) -> float:
    low, high = _LIMITS[name]
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        raise OptionError(f"{where}: {name} is {text!r}: it must be a number from {low:g} to {high:g}")
    return value
