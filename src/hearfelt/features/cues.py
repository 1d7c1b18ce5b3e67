"""Cues: what a listener would say about a voice, in a few words.

Each measure of an utterance is held against the same speaker so far (`Baseline`) and against people at large
(`Population`). What differs by a standard deviation or more is said, strongest first, and no more than a few.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from hearfelt.errors import FeatureError, OptionError, unknown_name
from hearfelt.features import prosody
from hearfelt.features.cuewords import WORDS, against_people, against_self, at_large
from hearfelt.types import Features

MEASURES: Mapping[str, str] = {
    "f0_semitones": "mean pitch of the voiced frames, semitones above 27.5 Hz",
    "f0_range": "20th to 80th percentile of pitch, semitones",
    "loudness_db": "mean loudness of the voiced frames, dB",
    "loudness_range": "deviation of loudness in the voiced frames over its mean",
    "tempo": "syllables a second without pauses",
    "pause_share": "share of the utterance that is pause",
    "jitter": "change of the period from one to the next, natural logarithm of its share",
    "shimmer_db": "change of the amplitude from one period to the next, dB",
    "hnr_db": "harmonics over noise, dB",
    "spectral_balance_db": "energy above 1 kHz over energy below, voiced frames, dB",
    "h1_h2_db": "first harmonic over the second, dB",
    "voiced_share": "share of the utterance that is voiced",
}
"""Name of each measure and what it is."""

LEVELS = ("loudness_db",)
"""Measures that follow the microphone's gain: compared with the same speaker only."""

_MIN_VOICED_FRAMES = 10


@dataclass(frozen=True)
class Cue:
    """One thing that stands out: which measure, by how many standard deviations, and in words."""

    measure: str
    z: float
    text: str
    against: str = "speaker"
    """What it compares with: ``speaker`` (the same one so far) or ``people`` (at large)."""


def measures(features: Features) -> dict[str, float]:
    """Plain measures of an utterance, by the names of `MEASURES`.

    From frames (`FrameFeatures`) all that can be measured; from functionals (`Functionals`) those that
    they hold: no tempo, pauses, loudness_range and voiced_share. What cannot be measured (pitch where
    nothing is voiced) is left out.

    Raises:
        FeatureError: the features are neither frames nor functionals of this package.
    """
    names = features.names or ()
    if "f0_hz" in names:
        return _from_frames(features)
    if "F0semitoneFrom27.5Hz_sma3nz_amean" in names:
        return _from_functionals(features)
    raise FeatureError(
        f"no cues can be measured from {features.space!r}: give the result of FrameFeatures or of Functionals"
    )


def _from_frames(frames: Features) -> dict[str, float]:
    found: dict[str, float] = {}
    voiced = frames["f0_hz"] > 0
    if int(voiced.sum()) >= _MIN_VOICED_FRAMES:
        values = frames.values[voiced].astype(np.float64)
        column = {name: values[:, index] for index, name in enumerate(frames.names or ())}
        low, high = np.percentile(column["f0_semitones"], (20, 80))
        loudness = column["loudness"]
        found = {
            "f0_semitones": float(column["f0_semitones"].mean()),
            "f0_range": float(high - low),
            "loudness_db": _loudness_db(float(loudness.mean())),
            "loudness_range": float(loudness.std() / max(loudness.mean(), 1e-9)),
            "jitter": _log_share(_mean_of_measured(column["jitter"])),
            "shimmer_db": _mean_of_measured(column["shimmer_db"]),
            "hnr_db": float(column["hnr_db"].mean()),
            "spectral_balance_db": float(column["alpha_ratio_db"].mean()),
            "h1_h2_db": float(column["h1_h2_db"].mean()),
        }
    timing = prosody.measure(frames)
    if timing.syllables:
        found["tempo"] = timing.articulation_rate
        found["pause_share"] = timing.pause_share
        found["voiced_share"] = timing.voiced_share
    return found


def _from_functionals(features: Features) -> dict[str, float]:
    def value(name: str) -> float:
        return float(features[name][0])

    if value("F0semitoneFrom27.5Hz_sma3nz_amean") == 0:
        return {}
    return {
        "f0_semitones": value("F0semitoneFrom27.5Hz_sma3nz_amean"),
        "f0_range": value("F0semitoneFrom27.5Hz_sma3nz_pctlrange0-2"),
        "loudness_db": _loudness_db(value("loudness_sma3_amean")),
        "jitter": _log_share(value("jitterLocal_sma3nz_amean")),
        "shimmer_db": value("shimmerLocaldB_sma3nz_amean"),
        "hnr_db": value("HNRdBACF_sma3nz_amean"),
        "spectral_balance_db": value("alphaRatioV_sma3nz_amean"),
        "h1_h2_db": value("logRelF0-H1-H2_sma3nz_amean"),
    }


def _loudness_db(loudness: float) -> float:
    # Loudness is power to the 0.33: this puts it back on the scale of a level meter.
    return 10 / 0.33 * math.log10(max(loudness, 1e-6))


def _log_share(share: float) -> float:
    return math.log(max(share, 1e-4))


def _mean_of_measured(values: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    known = values[values > 0]
    return float(known.mean()) if len(known) else 0.0


@dataclass(frozen=True)
class Norm:
    """A measure among people: mean, deviation of utterances from their speaker, of speakers from the mean."""

    mean: float
    within_sd: float
    between_sd: float

    @property
    def sd(self) -> float:
        """Deviation of any utterance of anybody from the mean."""
        return math.hypot(self.within_sd, self.between_sd)


class Population:
    """The measures of people at large: mean and deviations, pooled over genders and emotions.

    The shipped one (`Population.load()`) was measured on EmoDB, RAVDESS and nEMO by `recipes/population.py`
    and holds nothing else of them: three figures a measure.
    """

    def __init__(self, norms: Mapping[str, Norm]) -> None:
        self.norms = dict(norms)

    @classmethod
    def load(cls, path: Path | None = None) -> Population:
        """The shipped population, or one from a JSON file of the same shape.

        Raises:
            OptionError: the file is missing or not of this shape.
        """
        if path is None:
            return _shipped()
        return cls._read(path)

    @classmethod
    def _read(cls, path: Path) -> Population:
        try:
            table = json.loads(path.read_text(encoding="utf-8"))["measures"]
            return cls(
                {
                    name: Norm(float(row["mean"]), float(row["within_sd"]), float(row["between_sd"]))
                    for name, row in table.items()
                }
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise OptionError(
                f"{path} is no population file ({error}): it needs mean, within_sd and between_sd for "
                "each of its measures, as recipes/population.py writes it"
            ) from error

    def z(self, found: Mapping[str, float]) -> dict[str, float]:
        """Deviations of each measure from people at large; levels and unknown measures are left out."""
        return {
            name: (value - self.norms[name].mean) / max(self.norms[name].sd, 1e-9)
            for name, value in found.items()
            if name in self.norms and name not in LEVELS
        }


@lru_cache(maxsize=1)
def _shipped() -> Population:
    return Population._read(Path(__file__).with_name("population.json"))


@dataclass(frozen=True)
class BaselineOptions:
    """How a baseline learns.

    Args:
        min_count: utterances it must have heard before it says anything of a measure.
        prior_count: utterances that the population's deviation counts for while few were heard.
    """

    min_count: int = 3
    prior_count: float = 4.0


class Baseline:
    """The running mean and deviation of each measure of one speaker (Welford's method).

    With few utterances the deviation leans on that of the population, and so does the mean where speakers
    differ little (empirical Bayes); the level does not, because it depends on the microphone.

    `z` gives how many deviations each measure of a new utterance lies from this speaker so far: call it
    before `update` with the same utterance.
    """

    def __init__(self, options: BaselineOptions | None = None, population: Population | None = None) -> None:
        self.options = options or BaselineOptions()
        self.population = population or Population.load()
        self.reset()

    def reset(self) -> None:
        """Forget the speaker."""
        self._count: dict[str, int] = {}
        self._mean: dict[str, float] = {}
        self._squares: dict[str, float] = {}

    def update(self, found: Mapping[str, float]) -> None:
        """Learn from one utterance; values that are not finite are passed over."""
        for name, value in found.items():
            if not math.isfinite(value):
                continue
            count = self._count.get(name, 0) + 1
            mean = self._mean.get(name, 0.0)
            step = value - mean
            self._count[name] = count
            self._mean[name] = mean + step / count
            self._squares[name] = self._squares.get(name, 0.0) + step * (value - self._mean[name])

    def count(self, name: str) -> int:
        """How many utterances it has heard of a measure."""
        return self._count.get(name, 0)

    def z(self, found: Mapping[str, float]) -> dict[str, float]:
        """Deviations from this speaker so far, for the measures it has heard often enough."""
        scores = {}
        for name, value in found.items():
            if self.count(name) < self.options.min_count or not math.isfinite(value):
                continue
            mean, deviation = self.expect(name)
            scores[name] = (value - mean) / max(deviation, 1e-9)
        return scores

    def expect(self, name: str) -> tuple[float, float]:
        """Mean and deviation expected of this speaker's next utterance.

        Raises:
            OptionError: nothing was heard of this measure.
        """
        if name not in self._count:
            raise unknown_name("measure in this baseline", name, sorted(self._count) or ["none yet"])
        count, mean, squares = self._count[name], self._mean[name], self._squares[name]
        norm = self.population.norms.get(name)
        if norm is None:
            variance = squares / max(count - 1, 1)
            return mean, math.sqrt(variance * (1 + 1 / count))
        prior = self.options.prior_count
        variance = (prior * norm.within_sd**2 + squares) / (prior + max(count - 1, 0))
        if name in LEVELS or norm.between_sd <= 0:
            return mean, math.sqrt(variance * (1 + 1 / count))
        own, others = count / max(variance, 1e-12), 1 / norm.between_sd**2
        return (own * mean + others * norm.mean) / (own + others), math.sqrt(variance + 1 / (own + others))

    def state(self) -> dict[str, dict[str, float]]:
        """What it has learnt, as plain JSON data: ``{measure: {count, mean, squares}}``."""
        return {
            name: {"count": self._count[name], "mean": self._mean[name], "squares": self._squares[name]}
            for name in sorted(self._count)
        }

    @classmethod
    def from_state(
        cls,
        state: Mapping[str, Mapping[str, float]],
        options: BaselineOptions | None = None,
        population: Population | None = None,
    ) -> Baseline:
        """The baseline that `state` was taken from.

        Raises:
            OptionError: the state is not of that shape.
        """
        baseline = cls(options, population)
        try:
            for name, row in state.items():
                baseline._count[name] = int(row["count"])
                baseline._mean[name] = float(row["mean"])
                baseline._squares[name] = float(row["squares"])
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise OptionError(
                f"a baseline state needs count, mean and squares for each measure, got {state!r}"
            ) from error
        return baseline


COMPARISONS = ("either", "both")
"""How `describe` compares: against the speaker or else against people, or both, each named."""

_VOICE = ("jitter", "shimmer_db", "hnr_db", "spectral_balance_db", "h1_h2_db")
"""Measures of the voice itself: they go together, so only the two strongest are told."""

_MAX_VOICE = 2


def describe(
    found: Mapping[str, float],
    baseline: Baseline | None = None,
    population: Population | None = None,
    language: str = "en",
    *,
    min_z: float = 1.0,
    max_cues: int = 4,
    compare: str = "either",
) -> list[Cue]:
    """What stands out, in words, strongest first.

    With ``compare="either"``, in short words for people, a measure is told against the speaker where the
    baseline knows it and it differs there, else against people at large where it differs from them. With
    ``"both"`` each comparison is told for itself and names what it compares with, for whoever must weigh
    them (a language model).

    Args:
        found: from `measures`.
        baseline: the speaker so far, before this utterance is added; None where unknown.
        population: people at large; None for the shipped one.
        language: "en" or "zh".
        min_z: deviations from which on a measure is told.
        max_cues: how many are told at most; with ``"both"`` of each comparison.
        compare: one of `COMPARISONS`.

    Raises:
        OptionError: the language or the comparison is not known.
    """
    if language not in WORDS:
        raise unknown_name("language of cues", language, WORDS)
    if compare not in COMPARISONS:
        raise unknown_name("comparison of cues", compare, COMPARISONS)
    phrase = against_people if compare == "both" else at_large
    own = baseline.z(found) if baseline is not None else {}
    others = (population or Population.load()).z(found)
    self_cues = [
        Cue(name, own[name], against_self(name, own[name], language))
        for name in WORDS[language]
        if abs(own.get(name, 0.0)) >= min_z
    ]
    told = {cue.measure for cue in self_cues} if compare == "either" else set()
    people_cues = [
        Cue(name, others[name], phrase(name, others[name], language), "people")
        for name in WORDS[language]
        if abs(others.get(name, 0.0)) >= min_z and name not in told
    ]
    if compare == "either":
        return _sparse([*self_cues, *people_cues], max_cues)
    return _strongest([*_sparse(self_cues, max_cues), *_sparse(people_cues, max_cues)])


def _strongest(cues: list[Cue]) -> list[Cue]:
    return sorted(cues, key=lambda cue: -abs(cue.z))


def _sparse(cues: list[Cue], max_cues: int) -> list[Cue]:
    kept: list[Cue] = []
    voice = 0
    for cue in _strongest(cues):
        if cue.measure in _VOICE:
            if voice == _MAX_VOICE:
                continue
            voice += 1
        kept.append(cue)
        if len(kept) == max_cues:
            break
    return kept
