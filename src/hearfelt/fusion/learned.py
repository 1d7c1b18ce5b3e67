"""What fusion has learnt, as it stands in ``weights/fusion/model.json``; `recipes/fusion.py` writes it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hearfelt.errors import ModelError
from hearfelt.fusion.abstain import NEVER, RISKS
from hearfelt.fusion.conformal import ALL, LEVELS, ConformalOptions, ConformalSets
from hearfelt.labels import EKMAN7

SHIPPED = Path(__file__).resolve().parent.parent / "weights" / "fusion" / "model.json"
"""The calibration that comes with the package."""

UNMEASURED = 0.5
"""The weight of a source on which nothing was fitted: a judgement."""


@dataclass(frozen=True)
class SourceCalibration:
    """How to read one source.

    Args:
        temperature: divides its log-probabilities.
        bias: one a label, added after that; takes its training prior out. Empty for none.
        weight: its share in the pool: 1 takes its calibrated word at full strength.
        arousal, valence: factors of its weight for these dimensions.
        fitted: False where the numbers are a judgement.
    """

    temperature: float = 1.0
    bias: tuple[float, ...] = ()
    weight: float = 1.0
    arousal: float = 1.0
    valence: float = 1.0
    fitted: bool = False


@dataclass(frozen=True)
class SetCalibration:
    """How to read a pool of these families together.

    Args:
        temperature: divides the pooled log-likelihoods.
        conformal: label sets; their quantiles were taken after the temperature.
        thresholds: least confidence to answer at, one for each risk of `abstain.RISKS`.
    """

    temperature: float
    conformal: ConformalSets
    thresholds: tuple[float, ...]


def untaught() -> SetCalibration:
    """A set of sources that nothing was measured on: every label is possible, no answer is sure enough."""
    conformal = ConformalSets()
    conformal.quantiles_ = (ALL,) * len(LEVELS)
    return SetCalibration(1.0, conformal, (NEVER,) * len(RISKS))


def taken_at_its_word() -> SetCalibration:
    """One source whose probabilities are believed as they are, because it was calibrated by itself.

    A label set is the likeliest labels that reach the coverage together; an answer is as risky as it says.
    """
    conformal = ConformalSets(ConformalOptions("aps"))
    conformal.quantiles_ = LEVELS
    return SetCalibration(1.0, conformal, tuple(1 - risk for risk in RISKS))


@dataclass(frozen=True)
class Calibration:
    """All that fusion has learnt.

    Args:
        sources: by full name (``voice/base``) or family (``voice``).
        sets: by the sorted families joined by ``+``, such as ``voice+words``.
        conflict_threshold: log odds above which voice and words contradict each other.
        ask_below: confidence below which a language model is worth asking (`fusion.cascade.choose`).
        protocol: how the numbers came about, for a person to read.
    """

    sources: Mapping[str, SourceCalibration]
    sets: Mapping[str, SetCalibration]
    conflict_threshold: float = 1.5
    ask_below: float = 0.65
    labels: tuple[str, ...] = EKMAN7
    name: str = "fusion"
    version: str = "1"
    licence: str = "Apache-2.0"
    commercial: bool = True
    protocol: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of_one(cls, labels: Sequence[str]) -> Calibration:
        """For a voice model whose labels nobody else has: nothing is joined, its own word counts."""
        return cls(
            sources={"voice": SourceCalibration()},
            sets={"voice": taken_at_its_word()},
            labels=tuple(labels),
            name="own labels",
            protocol={"text": "one voice model with labels of its own, believed as it was calibrated"},
        )

    def source(self, name: str) -> SourceCalibration:
        """The calibration of a source: its own, else its family's, else a cautious half weight."""
        found = self.sources.get(name) or self.sources.get(family(name))
        return found or SourceCalibration(weight=UNMEASURED)

    def with_unmeasured(self, name: str, prior: Sequence[float]) -> Calibration:
        """Reads one more source, on which nothing was fitted, as Bayes' rule says and with half a vote.

        Args:
            name: of the source, such as ``words/zh``.
            prior: the share of each of `labels` where it learnt, which is taken out; empty where it is not
                known.

        Raises:
            ModelError: the shares are not one a label, or one is not above 0.
        """
        if prior and (len(prior) != len(self.labels) or min(prior) <= 0):
            raise ModelError(
                f"the prior of {name} is {list(prior)}; wanted are {len(self.labels)} shares above 0, one "
                f"each for {', '.join(self.labels)}"
            )
        known = self.sources.get(family(name), SourceCalibration())
        bias = tuple(-math.log(share) for share in prior)
        own = replace(known, temperature=1.0, bias=bias, weight=UNMEASURED, fitted=False)
        return replace(self, sources={**self.sources, name: own})

    def set_of(self, families: Iterable[str]) -> SetCalibration:
        """The calibration of a set of families.

        A set that was not measured is read as its part made of voice and words, else as voice alone.
        """
        names = set(families)
        for choice in (names, names & {"voice", "words"}, {"voice"}):
            found = self.sets.get(set_key(choice))
            if found is not None:
                return found
        return untaught()

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        return {
            "name": self.name,
            "version": self.version,
            "kind": "fusion",
            "licence": self.licence,
            "commercial": self.commercial,
            "labels": list(self.labels),
            "sources": {
                name: {
                    "temperature": round(source.temperature, 5),
                    "bias": [round(b, 5) for b in source.bias],
                    "weight": round(source.weight, 5),
                    "arousal": source.arousal,
                    "valence": source.valence,
                    "fitted": source.fitted,
                }
                for name, source in self.sources.items()
            },
            "sets": {
                name: {
                    "temperature": round(one.temperature, 5),
                    "conformal": one.conformal.to_dict(),
                    "thresholds": [round(t, 5) for t in one.thresholds],
                }
                for name, one in self.sets.items()
            },
            "conflict_threshold": round(self.conflict_threshold, 5),
            "ask_below": round(self.ask_below, 5),
            "protocol": dict(self.protocol),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Calibration:
        """What `to_dict` wrote."""
        return cls(
            sources={
                name: SourceCalibration(**{**one, "bias": tuple(one["bias"])})
                for name, one in data["sources"].items()
            },
            sets={
                name: SetCalibration(
                    one["temperature"], ConformalSets.from_dict(one["conformal"]), tuple(one["thresholds"])
                )
                for name, one in data["sets"].items()
            },
            conflict_threshold=data["conflict_threshold"],
            ask_below=data.get("ask_below", cls.ask_below),
            labels=tuple(data["labels"]),
            name=data["name"],
            version=data["version"],
            licence=data["licence"],
            commercial=data["commercial"],
            protocol=data["protocol"],
        )

    @classmethod
    def load(cls, path: str | Path = SHIPPED) -> Calibration:
        """Read a ``model.json``, or the one in a folder.

        Raises:
            ModelError: the file is missing or is not a fusion model.
        """
        file = Path(path)
        if file.is_dir():
            file = file / "model.json"
        try:
            return cls.from_dict(json.loads(file.read_text(encoding="utf-8")))
        except OSError:
            raise ModelError(f"no fusion model at {file}: recipes/fusion.py makes one") from None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ModelError(
                f"{file} is not a fusion model ({error!r}): recipes/fusion.py makes one"
            ) from error


def family(source: str) -> str:
    """The part of a source's name before the slash: ``voice/base`` gives ``voice``."""
    return source.split("/", 1)[0]


def set_key(families: Iterable[str]) -> str:
    """The name of a set of families: sorted, joined by ``+``."""
    return "+".join(sorted(set(families)))
