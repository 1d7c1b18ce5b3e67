"""Scores of several labels a clip. ``gold`` and ``predicted`` are true or false, shape ``(n, n_labels)``."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Table = npt.NDArray[Any]


def multilabel_f1(gold: Table, predicted: Table, average: str = "macro") -> float:
    """F1 as the mean over labels (``macro``) or of all decisions together (``micro``).

    A label that nobody has and nobody answers counts 0, as in scikit-learn.

    Raises:
        ValueError: an unknown average, or tables of unlike or no size.
    """
    if average not in ("macro", "micro"):
        raise ValueError(f"unknown average {average!r}; known: macro, micro")
    truth, answers = _pair(gold, predicted)
    hits, total = (truth & answers).sum(axis=0), truth.sum(axis=0) + answers.sum(axis=0)
    if average == "micro":
        return float(2 * hits.sum() / max(int(total.sum()), 1))
    return float((2 * hits / np.maximum(total, 1)).mean())


def hamming(gold: Table, predicted: Table) -> float:
    """Share of all decisions, one a clip and label, that are wrong."""
    truth, answers = _pair(gold, predicted)
    return float((truth != answers).mean())


def lrap(gold: Table, scores: npt.NDArray[np.floating[Any]]) -> float:
    """Label ranking average precision (Schapire and Singer 2000): 1 where all true labels stand on top.

    Of each true label: which share of the labels that score at least as high are true. A clip with no true
    label, or with all, counts 1.
    """
    truth, _ = _pair(gold, np.asarray(scores) > 0)
    given = np.asarray(scores, dtype=np.float64)
    above = given[:, None, :] >= given[:, :, None]  # above[n, k, j]: j scores at least as high as k
    shares = (above & truth[:, None, :]).sum(axis=2) / above.sum(axis=2)
    many = truth.sum(axis=1)
    each = (shares * truth).sum(axis=1) / np.maximum(many, 1)
    return float(np.where((many == 0) | (many == truth.shape[1]), 1.0, each).mean())


def _pair(gold: Table, predicted: Table) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    truth, answers = np.asarray(gold).astype(bool), np.asarray(predicted).astype(bool)
    if truth.ndim != 2 or truth.shape != answers.shape or not truth.size:
        raise ValueError(
            f"tables of shape {truth.shape} and {answers.shape}: give two of one shape, a row a clip and a "
            "column a label"
        )
    return truth, answers
