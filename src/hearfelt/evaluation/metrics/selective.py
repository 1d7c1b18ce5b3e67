"""What is gained by abstaining, and how good sets of labels are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from hearfelt.evaluation.metrics.calibration import checked
from hearfelt.evaluation.metrics.resampling import members

Floats = npt.NDArray[np.floating[Any]]
Gold = Sequence[int] | npt.NDArray[np.int64]
Sets = npt.NDArray[np.bool_]


def risk_coverage(
    confidence: Floats | Sequence[float], right: Sequence[bool] | npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Share of clips answered, the surest first, and of wrong answers among them; each of shape ``(n,)``.

    Geifman and El-Yaniv, arXiv:1705.08500. Clips of one confidence come in any order: each counts as their
    mean error.
    """
    sure, wrong = np.asarray(confidence, dtype=np.float64), ~np.asarray(right, dtype=bool)
    if sure.shape != wrong.shape or sure.ndim != 1 or not sure.size:
        raise ValueError(
            f"{sure.shape} confidences and {wrong.shape} verdicts: give one of each a clip, at least one"
        )
    _, tied = np.unique(-sure, return_inverse=True)
    each = (np.bincount(tied, wrong) / np.bincount(tied))[np.sort(tied)]
    answered = np.arange(1, len(sure) + 1)
    return answered / len(sure), each.cumsum() / answered


def aurc(confidence: Floats | Sequence[float], right: Sequence[bool] | npt.NDArray[np.bool_]) -> float:
    """Area under `risk_coverage`: the mean risk over all coverages; 0 is best."""
    return float(risk_coverage(confidence, right)[1].mean())


def excess_aurc(confidence: Floats | Sequence[float], right: Sequence[bool] | npt.NDArray[np.bool_]) -> float:
    """`aurc` less that of an order with all right answers first (Geifman et al., arXiv:1805.08206)."""
    verdicts = np.asarray(right, dtype=np.float64)
    return aurc(confidence, right) - aurc(verdicts, right)


def set_coverage(sets: Sets, gold: Gold) -> float:
    """Share of clips whose set of labels, a row of true and false, holds the gold one."""
    inside, truth = checked(np.asarray(sets, dtype=np.float64), gold)
    return float(inside[np.arange(len(truth)), truth].mean())


def set_size(sets: Sets) -> float:
    """Mean number of labels in a set."""
    return float(np.asarray(sets).sum(axis=1).mean())


def conformal_sets(
    probabilities: Floats, gold: Gold, groups: Sequence[Any] | npt.NDArray[Any], coverage: float = 0.9
) -> Sets:
    """Sets that should hold the true label in ``coverage`` of the cases; shape ``(n, n_labels)``.

    Split conformal prediction with the probability as score (Sadinle et al., arXiv:1609.00451): a set holds
    every label above a threshold. The threshold of a clip is fitted on the clips of all other groups
    (speakers), so no clip has a say in its own set.

    Raises:
        ValueError: fewer than two groups, or a coverage outside (0, 1).
    """
    p, truth = checked(probabilities, gold)
    if not 0 < coverage < 1:
        raise ValueError(f"coverage={coverage}: use a share between 0 and 1, such as 0.9")
    parts = members(groups)
    if len(parts) < 2:
        raise ValueError(f"{len(parts)} group: thresholds need the clips of at least one other")
    said = p[np.arange(len(p)), truth]
    sets = np.zeros(p.shape, dtype=bool)
    for rows in parts:
        others = np.sort(np.delete(said, rows))
        # The floor((1 - coverage) (n + 1))-th smallest probability of a gold label; before it, every label.
        # A hair is added: (1 - 0.9) * 10 is a little below 1 in floating point.
        rank = math.floor((1 - coverage) * (len(others) + 1) + 1e-9)
        sets[rows] = p[rows] >= (others[rank - 1] if rank else 0.0)
    return sets
