"""Why a model answers as it does: which groups of features it leans on, and what speaks for one answer.

Permutation importance: L. Breiman: Random forests. Machine Learning 45 (2001) 5-32; whole groups of features
are shuffled together, because features of one group stand in for each other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hearfelt.errors import ModelError, OptionError
from hearfelt.models.base import Input
from hearfelt.models.classical import ClassicalModel
from hearfelt.types import Example, FloatArray

GROUPS: tuple[tuple[str, str], ...] = (
    # The first pattern that a name matches decides; openSMILE's, ours, and those of mel functionals.
    ("voice quality", r"^(jitter|shimmer|HNR|logRelF0|logHNR)"),
    ("tempo", r"PerSec|SegmentLength|SegLen|modulation|^bursts|^peaks|^log_frames|^loud_share"),
    ("pitch", r"^F0|^voicing"),
    ("formants", r"^F[1-5](frequency|bandwidth|amplitude)"),
    ("loudness", r"^loudness|^equivalentSoundLevel|^level|^audspec|RMSenergy|^mfcc0_|^peak_to_mean_level"),
    ("cepstrum", r"^mfcc"),
    ("bands", r"^(relative_)?band\d|^audSpec"),
    (
        "spectrum",
        r"^(alphaRatio|hammarberg|slope|spectralFlux|pcm_|centroid|spread|flux|low_to_high|entropy)",
    ),
)
"""Group and the pattern of its names; a layer of an encoder is a group of its own, the rest is "other"."""

LINEAR = ("svm-linear", "logistic")


@dataclass(frozen=True, slots=True)
class Importance:
    """What the score loses when a group of features says nothing.

    Args:
        drop: mean loss of UAR over repeats.
        low, high: percentile interval of 95 % over repeats, speakers drawn again in each.
    """

    group: str
    features: int
    drop: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Importances:
    """Groups, the most important first; prints as a table."""

    uar: float
    clips: int
    repeats: int
    groups: tuple[Importance, ...]

    def __str__(self) -> str:
        lines = [f"UAR {self.uar:.3f} on {self.clips} clips; what it loses without …"]
        lines += [
            f"{one.group:<14} {one.drop:+.3f}  [{one.low:+.3f}, {one.high:+.3f}]  {one.features} features"
            for one in self.groups
        ]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one feature adds to the score of a label.

    Args:
        value: the feature, standardised over the training clips.
        weight: the label's weight of it.
        amount: ``value * weight``.
    """

    feature: str
    group: str
    value: float
    weight: float
    amount: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """What speaks for (and against) the label of one utterance in a linear model.

    Args:
        score: the label's score: ``offset`` and the sum of all groups.
        groups: group to what it adds, strongest first.
        strongest: single features, strongest first.
    """

    label: str
    score: float
    offset: float
    groups: tuple[tuple[str, float], ...]
    strongest: tuple[Contribution, ...]

    def __str__(self) -> str:
        groups = ", ".join(f"{name} {amount:+.2f}" for name, amount in self.groups)
        lines = [f"{self.label} (score {self.score:+.2f}): {groups}"]
        lines += [f"  {c.amount:+.3f}  {c.feature} at {c.value:+.1f} deviations" for c in self.strongest]
        return "\n".join(lines)


def group_of(name: str) -> str:
    """The group of a feature by its name."""
    for group, pattern in GROUPS:
        if re.search(pattern, name):
            return group
    layer = re.match(r"(layers?\d*|utterance)_", name)
    return layer[1] if layer else "other"


def importances(
    predict: Callable[[FloatArray], FloatArray],
    values: FloatArray,
    gold: npt.NDArray[np.int64],
    names: Sequence[str],
    *,
    speakers: Sequence[str] | None = None,
    repeats: int = 20,
    seed: int = 0,
) -> Importances:
    """Permutation importance of each group of features, for any model.

    Args:
        predict: features ``(n, n_dims)`` to probabilities or scores ``(n, n_labels)``.
        values: features of clips that the model has not learnt from.
        gold: index of each clip's label, ``(n,)``.
        names: of the features.
        speakers: of the clips: whole speakers are drawn again for the interval; single clips where None.
        repeats: how often each group is shuffled.

    Raises:
        OptionError: no clips, lengths that differ, or fewer than one repeat.
    """
    if not len(gold) or len(gold) != len(values) or values.shape[1] != len(names) or repeats < 1:
        raise OptionError(
            f"features {values.shape}, {len(gold)} labels, {len(names)} names, {repeats} repeats: give a row "
            "a label, a name a feature, and at least one of each"
        )
    random = np.random.default_rng(seed)
    who = (
        np.arange(len(gold)) if speakers is None else np.unique(np.asarray(speakers), return_inverse=True)[1]
    )
    members = [np.flatnonzero(who == one) for one in np.unique(who)]
    right = predict(values).argmax(axis=1) == gold
    columns: dict[str, list[int]] = {}
    for column, name in enumerate(names):
        columns.setdefault(group_of(name), []).append(column)
    found = []
    for group, own in columns.items():
        drops, redrawn = [], []
        for _ in range(repeats):
            shuffled = values.copy()
            shuffled[:, own] = values[random.permutation(len(values))][:, own]
            still = predict(shuffled).argmax(axis=1) == gold
            drops.append(_uar(right, gold) - _uar(still, gold))
            drawn = np.concatenate([members[i] for i in random.integers(0, len(members), len(members))])
            redrawn.append(_uar(right[drawn], gold[drawn]) - _uar(still[drawn], gold[drawn]))
        low, high = np.quantile(redrawn, (0.025, 0.975))
        found.append(Importance(group, len(own), float(np.mean(drops)), float(low), float(high)))
    found.sort(key=lambda one: -one.drop)
    return Importances(_uar(right, gold), len(gold), repeats, tuple(found))


def importances_of(
    model: ClassicalModel, examples: Sequence[Example], *, repeats: int = 20, seed: int = 0
) -> Importances:
    """`importances` of a classical model on labelled clips that it has not learnt from.

    Raises:
        OptionError: a clip without one of the model's labels.
    """
    strange = [e.file for e in examples if e.gold not in model.classes_]
    if strange:
        raise OptionError(
            f"{len(strange)} clips have none of the labels {', '.join(model.classes_)}, the first is "
            f"{strange[0]}: leave them out"
        )
    gold = np.array([model.classes_.index(str(e.gold)) for e in examples], dtype=np.int64)
    names = np.array([f"{e.corpus}/{e.speaker}" for e in examples])
    speakers = names if all(e.speaker for e in examples) else None
    values = model.measured(examples).values

    def predict(rows: FloatArray) -> FloatArray:
        return model.proba_of(rows, names if model.options.normalise == "own-speakers" else None)

    return importances(
        predict,
        values,
        gold,
        model.names_,
        speakers=None if speakers is None else speakers.tolist(),
        repeats=repeats,
        seed=seed,
    )


def contributions(model: ClassicalModel, inputs: Sequence[Input], *, top: int = 8) -> list[Explanation]:
    """What speaks for the answer to each input, for linear SVMs and logistic regression.

    The score of a label is its logit in logistic regression. A linear SVM votes between pairs of labels; the
    score is the mean of the label's margins over the others, of which the vote is the rounded form.

    Raises:
        ModelError: the model is not linear.
    """
    if model.options.kind not in LINEAR:
        raise ModelError(
            f"{model.name} is of kind {model.options.kind}, which has no weight for each feature: "
            f"contributions need {' or '.join(LINEAR)}; importances_of works for every kind"
        )
    measured = model.measured(inputs)
    pipeline = model.fitted_.pipeline
    rows: Any = model.fitted_rows(measured.values)
    for _, step in pipeline.steps[:-1]:
        rows = step.transform(rows)
    weights, offsets = _linear(pipeline[-1], len(model.classes_))
    answers = model.proba_of(measured.values).argmax(axis=1)
    groups = np.array([group_of(name) for name in model.names_])
    return [
        _explained(model, groups, np.asarray(row), weights[label], float(offsets[label]), int(label), top)
        for row, label in zip(rows, answers, strict=True)
    ]


def _explained(
    model: ClassicalModel,
    groups: npt.NDArray[np.str_],
    row: npt.NDArray[Any],
    weights: npt.NDArray[Any],
    offset: float,
    label: int,
    top: int,
) -> Explanation:
    amounts = row * weights
    sums = [(str(group), float(amounts[groups == group].sum())) for group in np.unique(groups)]
    order = np.argsort(-np.abs(amounts), kind="stable")[:top]
    return Explanation(
        model.classes_[label],
        float(amounts.sum() + offset),
        offset,
        tuple(sorted(sums, key=lambda pair: -abs(pair[1]))),
        tuple(
            Contribution(model.names_[i], str(groups[i]), float(row[i]), float(weights[i]), float(amounts[i]))
            for i in order
        ),
    )


def _linear(learner: Any, n_labels: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Weights ``(n_labels, n_dims)`` and offsets of each label's score."""
    weights, offsets = np.asarray(learner.coef_), np.asarray(learner.intercept_)
    if n_labels == 2:
        return np.concatenate([-weights / 2, weights / 2]), np.concatenate([-offsets / 2, offsets / 2])
    if len(weights) == n_labels and not hasattr(learner, "support_"):
        return weights, offsets
    score, offset = np.zeros((n_labels, weights.shape[1])), np.zeros(n_labels)
    pair = 0
    for one in range(n_labels):
        for other in range(one + 1, n_labels):
            for label, sign in ((one, 1), (other, -1)):
                score[label] += sign * weights[pair] / (n_labels - 1)
                offset[label] += sign * offsets[pair] / (n_labels - 1)
            pair += 1
    return score, offset


def _uar(right: npt.NDArray[np.bool_], gold: npt.NDArray[np.int64]) -> float:
    return float(np.mean([right[gold == label].mean() for label in np.unique(gold)]))
