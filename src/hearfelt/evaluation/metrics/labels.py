"""Scores of one label a clip, all of them functions of the table of confusions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Labels = Sequence[Any] | npt.NDArray[Any]
Scores = npt.NDArray[np.float64]


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
    return float(uar_of(confusion(gold, predicted, _names(gold, predicted, None))))


def accuracy(gold: Labels, predicted: Labels) -> float:
    """Share of right answers (weighted accuracy, WA)."""
    return float(accuracy_of(confusion(gold, predicted, _names(gold, predicted, None))))


def f1(gold: Labels, predicted: Labels, average: str = "macro") -> float:
    """F1 averaged over the labels that occur, plainly (``macro``) or by how often they do (``weighted``)."""
    return float(f1_of(confusion(gold, predicted, _names(gold, predicted, None)), average))


def uar_of(counts: npt.NDArray[Any]) -> Scores:
    """`uar` of tables of confusions, shape ``(..., n_labels, n_labels)``; one score a table."""
    hits, truth = _hits(counts), counts.sum(axis=-1)
    present = truth > 0
    scores: Scores = (hits / np.maximum(truth, 1)).sum(axis=-1) / np.maximum(present.sum(axis=-1), 1)
    return scores


def accuracy_of(counts: npt.NDArray[Any]) -> Scores:
    """`accuracy` of tables of confusions, shape ``(..., n_labels, n_labels)``."""
    scores: Scores = _hits(counts).sum(axis=-1) / np.maximum(counts.sum(axis=(-2, -1)), 1)
    return scores


def f1_of(counts: npt.NDArray[Any], average: str = "macro") -> Scores:
    """`f1` of tables of confusions, shape ``(..., n_labels, n_labels)``.

    Raises:
        ValueError: an unknown average.
    """
    if average not in ("macro", "weighted"):
        raise ValueError(f"unknown average {average!r}; known: macro, weighted")
    truth, found = counts.sum(axis=-1), counts.sum(axis=-2)
    each = 2 * _hits(counts) / np.maximum(found + truth, 1)
    weights = truth if average == "weighted" else (found + truth > 0)
    scores: Scores = (each * weights).sum(axis=-1) / np.maximum(weights.sum(axis=-1), 1)
    return scores


OF_COUNTS: Mapping[str, Callable[[npt.NDArray[Any]], Scores]] = {
    "uar": uar_of,
    "wa": accuracy_of,
    "macro_f1": f1_of,
    "weighted_f1": lambda counts: f1_of(counts, "weighted"),
}
"""Name of a score to the function that takes tables of confusions."""


def _hits(counts: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.diagonal(counts, axis1=-2, axis2=-1)


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
