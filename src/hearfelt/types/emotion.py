"""What is felt: what one source says, what they say together, and what follows from it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hearfelt.types.sound import Segment

UNCERTAIN = "uncertain"
"""The label of an estimate that abstained."""


@dataclass(frozen=True, slots=True)
class Emotion:
    """Probabilities over a named label set and the three dimensions.

    Args:
        labels: the label set, in a fixed order.
        probabilities: one a label; they sum to 1 unless ``multi_label``.
        arousal, valence, dominance: in [-1, 1], or None where unknown.
        multi_label: True where each probability stands for itself.
    """

    labels: tuple[str, ...]
    probabilities: tuple[float, ...]
    arousal: float | None = None
    valence: float | None = None
    dominance: float | None = None
    multi_label: bool = False

    def __post_init__(self) -> None:
        if len(self.labels) != len(self.probabilities):
            raise ValueError(f"{len(self.labels)} labels but {len(self.probabilities)} probabilities")
        if any(not math.isfinite(p) or p < -1e-6 or p > 1 + 1e-6 for p in self.probabilities):
            raise ValueError(f"probabilities must lie in [0, 1], got {self.probabilities}")

    @property
    def label(self) -> str:
        """The most probable label."""
        return self.labels[max(range(len(self.labels)), key=self.probabilities.__getitem__)]

    @property
    def scores(self) -> dict[str, float]:
        """Label to probability, most probable first."""
        pairs = zip(self.labels, self.probabilities, strict=True)
        return dict(sorted(pairs, key=lambda pair: -pair[1]))

    def probability(self, label: str) -> float:
        """Probability of one label; 0 for a label outside the set."""
        return self.probabilities[self.labels.index(label)] if label in self.labels else 0.0


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one source says of one segment.

    Args:
        source: who says it: ``voice/base``, ``words/goemotions``, ``llm/NAME``.
        reliability: how much weight it deserves here, in [0, 1].
        note: why, for a person to read.
        details: figures behind it (plain JSON data), such as all 28 GoEmotions scores.
    """

    source: str
    segment: Segment
    emotion: Emotion
    reliability: float = 1.0
    note: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Estimate:
    """The fused verdict on one segment.

    Args:
        emotion: fused probabilities and dimensions.
        confidence: calibrated probability that ``emotion.label`` is right.
        label_set: conformal set: holds the true label with probability ``coverage``.
        abstained: True where the risk of a wrong label was too high; ``label`` is then "uncertain".
        evidence: what the verdict rests on.
        conflict: True where the sources contradict each other.
        text: the words, empty where there are none.
        reason: the verdict in plain language.
        cues: what was heard, in words, strongest first.
    """

    segment: Segment
    emotion: Emotion
    confidence: float
    label_set: tuple[str, ...] = ()
    coverage: float = 0.9
    abstained: bool = False
    evidence: tuple[Evidence, ...] = ()
    conflict: bool = False
    text: str = ""
    reason: str = ""
    cues: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The verdict in one word."""
        return UNCERTAIN if self.abstained else self.emotion.label


@dataclass(frozen=True, slots=True)
class Event:
    """One estimate of a live stream; ``final`` is False while the utterance is still open."""

    estimate: Estimate
    sequence: int
    final: bool = True


@dataclass(frozen=True, slots=True)
class Alert:
    """What a policy wants somebody to know."""

    policy: str
    severity: str
    reason: str
    events: tuple[Event, ...] = ()
