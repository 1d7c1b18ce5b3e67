"""Below which confidence a language model is worth asking: a threshold from held-out answers.

No answers of a real language model stand beside labelled voices here, so a stand-in answers: right with a
stated probability, else with another label drawn at random, as probabilities that say just that. What it
gains is an upper limit for a model of that quality: its mistakes know nothing of those of voice and words,
unless ``lean`` makes it repeat their verdict, as a model may that is told it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from hearfelt.fusion import reliability
from hearfelt.fusion.calibrate import Array, Integers
from hearfelt.fusion.combine import conflict_score
from hearfelt.fusion.fit import HeldOut, alone, may_conflict, pairs, pooled
from hearfelt.fusion.learned import Calibration

QUALITIES = (0.5, 0.6, 0.7, 0.8)
"""How often the stand-ins are right: about what language models reach on seven emotions, and better."""
THRESHOLDS = tuple(round(0.2 + 0.05 * step, 2) for step in range(17))
"""Confidences that are tried: 0.2 (nobody is asked) to 1 (everybody is)."""
KEEP = 0.95
"""The share of the best gain that a threshold must keep."""


@dataclass(frozen=True, eq=False)
class Cascade:
    """Verdicts on the same samples with and without the language model, and who would be asked.

    Args:
        labels: the right ones, shape ``(n,)``.
        without, always: probabilities without the model, and with it for everybody, shape ``(n, n_labels)``.
        conflict: whether voice and words contradict each other, shape ``(n,)``.
    """

    labels: Integers
    without: Array
    always: Array
    conflict: npt.NDArray[np.bool_]

    def asked(self, below: float, *, conflicts: bool = True) -> npt.NDArray[np.bool_]:
        """Whom ``--ask uncertain`` asks, shape ``(n,)``; without ``conflicts`` the unsure alone."""
        unsure: npt.NDArray[np.bool_] = self.without.max(axis=1) < below
        return unsure | self.conflict if conflicts else unsure

    def verdicts(self, below: float, *, conflicts: bool = True) -> Array:
        """The probabilities where the model is asked below a confidence, shape ``(n, n_labels)``."""
        asked = self.asked(below, conflicts=conflicts)
        found: Array = np.where(asked[:, None], self.always, self.without)
        return found


def stand_in(
    labels: Integers,
    n_labels: int,
    quality: float,
    random: np.random.Generator,
    *,
    others: Integers | None = None,
    lean: float = 0.0,
) -> Array:
    """A language model's answers, shape ``(n, n_labels)``.

    Args:
        labels: the right ones, shape ``(n,)``.
        quality: how often it is right.
        others: what the other sources say together, shape ``(n,)``.
        lean: how often it just repeats them, right or wrong.
    """
    wrong = (labels + random.integers(1, n_labels, len(labels))) % n_labels
    said = np.where(random.random(len(labels)) < quality, labels, wrong)
    if others is not None and lean > 0:
        said = np.where(random.random(len(labels)) < lean, others, said)
    found: Array = np.full((len(labels), n_labels), (1 - quality) / (n_labels - 1))
    found[np.arange(len(labels)), said] = quality
    return found


def cascade(
    calibration: Calibration,
    voice: HeldOut,
    words: HeldOut,
    quality: float,
    random: np.random.Generator,
    *,
    lean: float = 0.0,
) -> Cascade:
    """Every clip with a sentence of its label, judged without and with a stand-in of this quality."""
    clips, sentences = pairs(voice, words, random)
    v, w = voice.take(clips), words.take(sentences)
    sources: Mapping[str, HeldOut] = {"voice": v, "words": w}
    without = pooled(calibration, sources)
    says = stand_in(v.labels, without.shape[1], quality, random, others=without.argmax(axis=1), lean=lean)
    trust = np.array([reliability.llm(int(n)) for n in w.amount])
    llm = replace(w, probabilities=says, reliability=trust)
    p, q = alone(calibration, "voice", v), alone(calibration, "words", w)
    conflict = may_conflict(p, q) & (conflict_score(p, q) > calibration.conflict_threshold)
    return Cascade(v.labels, without, pooled(calibration, {**sources, "llm": llm}), conflict)


def recall(probabilities: Array, labels: Integers) -> float:
    """Unweighted average recall."""
    hit = probabilities.argmax(axis=1) == labels
    return float(np.mean([hit[labels == label].mean() for label in np.unique(labels)]))


def choose(
    cascades: Sequence[Cascade], thresholds: Sequence[float] = THRESHOLDS, keep: float = KEEP
) -> float:
    """The lowest confidence to ask below that keeps most of what asking gains, on average over stand-ins."""
    gains = [
        float(np.mean([recall(c.verdicts(below), c.labels) - recall(c.without, c.labels) for c in cascades]))
        for below in thresholds
    ]
    best = max(gains)
    return next(below for below, gain in zip(thresholds, gains, strict=True) if gain >= keep * best)
