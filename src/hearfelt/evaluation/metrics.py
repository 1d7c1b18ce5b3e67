"""How good the answers are: recalls, F1, agreement of curves, calibration, and intervals over speakers.

Labels are strings or integers; probabilities have shape ``(n, n_labels)``. Everything is numpy and is checked
against scikit-learn in the tests.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Labels = Sequence[Any] | npt.NDArray[Any]
FloatArray = npt.NDArray[np.floating[Any]]


def confusion(gold: Labels, predicted: Labels, labels: Labels) -> npt.NDArray[np.int64]:
    """Counts, shape ``(n_labels, n_labels)``: rows are gold, columns predicted.

    Raises:
        ValueError: lengths differ, there is nothing to count, or a label is not in ``labels``.
    """
    if len(gold) != len(predicted) or not len(gold):
        raise ValueError(
            f"{len(gold)} gold and {len(predicted)} predicted labels: give as many of both, at least one"
        )
    names = np.asarray(labels)
    order = np.argsort(names)
    rows, columns = (_positions(np.asarray(values), names, order) for values in (gold, predicted))
    size = len(names)
    counts: npt.NDArray[np.int64] = np.bincount(rows * size + columns, minlength=size * size)
    return counts.reshape(size, size)


def recalls(gold: Labels, predicted: Labels, labels: Labels | None = None) -> dict[Any, float]:
    """Share of each gold label that was found; labels without a gold example are left out."""
    names = _names(gold, predicted, labels)
    counts = confusion(gold, predicted, names)
    totals = counts.sum(axis=1)
    return {name: float(counts[i, i] / totals[i]) for i, name in enumerate(names) if totals[i]}


def uar(gold: Labels, predicted: Labels) -> float:
    """Unweighted average recall (UA, balanced accuracy) over the labels that occur in ``gold``."""
    return float(np.mean(list(recalls(gold, predicted).values())))


def accuracy(gold: Labels, predicted: Labels) -> float:
    """Share of right answers (weighted accuracy, WA)."""
    counts = confusion(gold, predicted, _names(gold, predicted, None))
    return float(np.trace(counts) / counts.sum())


def f1(gold: Labels, predicted: Labels, average: str = "macro") -> float:
    """F1 averaged over the labels that occur, plainly (``macro``) or by how often they do (``weighted``)."""
    if average not in ("macro", "weighted"):
        raise ValueError(f"unknown average {average!r}; known: macro, weighted")
    counts = confusion(gold, predicted, _names(gold, predicted, None))
    found, truth = counts.sum(axis=0), counts.sum(axis=1)
    each = 2 * np.diag(counts) / np.maximum(found + truth, 1)
    return float(np.average(each, weights=truth if average == "weighted" else None))


def ccc(one: Sequence[float] | FloatArray, other: Sequence[float] | FloatArray) -> float:
    """Concordance correlation coefficient (Lin, Biometrics 45, 1989), population moments; in [-1, 1]."""
    x, y = np.asarray(one, dtype=np.float64), np.asarray(other, dtype=np.float64)
    if x.shape != y.shape or not x.size:
        raise ValueError(
            f"curves of shape {x.shape} and {y.shape}: give two of the same length, at least one value"
        )
    spread = x.var() + y.var() + (x.mean() - y.mean()) ** 2
    return float(2 * ((x - x.mean()) * (y - y.mean())).mean() / spread) if spread else 1.0


def ece(probabilities: FloatArray, gold: Sequence[int] | npt.NDArray[np.int64], bins: int = 15) -> float:
    """Expected calibration error of the top label (Guo et al., arXiv:1706.04599), bins of equal width."""
    table = reliability(probabilities, gold, bins)
    weights = np.array([row[2] for row in table])
    return float(np.average([abs(row[0] - row[1]) for row in table], weights=weights))


def reliability(
    probabilities: FloatArray, gold: Sequence[int] | npt.NDArray[np.int64], bins: int = 15
) -> list[tuple[float, float, int]]:
    """Mean confidence, accuracy and count of each bin of confidence that holds an answer."""
    p, truth = _probabilities(probabilities, gold)
    confidence, right = p.max(axis=1), p.argmax(axis=1) == truth
    which = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    return [
        (float(confidence[which == b].mean()), float(right[which == b].mean()), int((which == b).sum()))
        for b in np.unique(which)
    ]


def brier(probabilities: FloatArray, gold: Sequence[int] | npt.NDArray[np.int64]) -> float:
    """Mean squared distance to the right answer, summed over labels (Brier 1950): 0 is best, 2 worst."""
    p, truth = _probabilities(probabilities, gold)
    return float(((p - np.eye(p.shape[1])[truth]) ** 2).sum(axis=1).mean())


def log_loss(probabilities: FloatArray, gold: Sequence[int] | npt.NDArray[np.int64]) -> float:
    """Mean negative logarithm of the probability of the right label."""
    p, truth = _probabilities(probabilities, gold)
    return float(-np.log(np.maximum(p[np.arange(len(p)), truth], 1e-12)).mean())


def bootstrap(
    metric: Callable[[npt.NDArray[Any], npt.NDArray[Any]], float],
    gold: Labels,
    predicted: Labels,
    groups: Labels,
    *,
    samples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """Percentile interval of a metric when whole groups (speakers) are drawn again with replacement.

    Args:
        metric: ``metric(gold, predicted)`` of labels as integers, which stand for the same labels in both.
        groups: the speaker of each example; clips of one are not independent, so they are drawn together.
    """
    truth, answers, who = np.asarray(gold), np.asarray(predicted), np.asarray(groups)
    if not len(truth) == len(answers) == len(who):
        raise ValueError(
            f"{len(truth)} gold labels, {len(answers)} answers and {len(who)} groups: give as many of each"
        )
    # Integers sort faster than strings, and a metric sorts them a thousand times.
    names = np.union1d(truth, answers)
    truth, answers = np.searchsorted(names, truth), np.searchsorted(names, answers)
    members = [np.flatnonzero(who == name) for name in np.unique(who)]
    random = np.random.default_rng(seed)
    scores = []
    for _ in range(samples):
        drawn = np.concatenate([members[i] for i in random.integers(0, len(members), len(members))])
        scores.append(metric(truth[drawn], answers[drawn]))
    low, high = np.quantile(scores, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _positions(
    values: npt.NDArray[Any], names: npt.NDArray[Any], order: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    at = order[np.minimum(np.searchsorted(names, values, sorter=order), len(names) - 1)]
    strange = values[names[at] != values]
    if len(strange):
        known = ", ".join(map(str, names.tolist()))
        raise ValueError(f"label {strange.tolist()[0]!r} is none of {known}")
    return at


def _names(gold: Labels, predicted: Labels, labels: Labels | None) -> list[Any]:
    if labels is not None:
        return list(np.asarray(labels).tolist())
    return list(np.union1d(np.asarray(gold), np.asarray(predicted)).tolist())


def _probabilities(
    probabilities: FloatArray, gold: Sequence[int] | npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    p, truth = np.asarray(probabilities, dtype=np.float64), np.asarray(gold, dtype=np.int64)
    if p.ndim != 2 or len(p) != len(truth) or not len(p):
        raise ValueError(
            f"probabilities of shape {p.shape} for {len(truth)} labels: one row a label, at least one"
        )
    return p, truth
