"""Whether an answer given with probability p is right in p of the cases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating[Any]]
Gold = Sequence[int] | npt.NDArray[np.int64]
Bin = tuple[float, float, int]


def reliability(
    probabilities: FloatArray, gold: Gold, bins: int = 15, *, adaptive: bool = False
) -> list[Bin]:
    """Mean confidence, accuracy and count of each bin of confidence that holds an answer.

    Args:
        adaptive: bins of as equal count as can be instead of equal width.
    """
    p, truth = checked(probabilities, gold)
    return _curve(p.max(axis=1), p.argmax(axis=1) == truth, bins, adaptive)


def ece(probabilities: FloatArray, gold: Gold, bins: int = 15) -> float:
    """Expected calibration error of the top label (Guo et al., arXiv:1706.04599), bins of equal width."""
    return _gap(reliability(probabilities, gold, bins))


def adaptive_ece(probabilities: FloatArray, gold: Gold, bins: int = 15) -> float:
    """`ece` over bins of equal count (Nixon et al., arXiv:1904.01685): no bin is nearly empty."""
    return _gap(reliability(probabilities, gold, bins, adaptive=True))


def classwise_ece(probabilities: FloatArray, gold: Gold, bins: int = 15) -> float:
    """Mean over labels of the error of each label's own probability (Kull et al., arXiv:1910.12656)."""
    p, truth = checked(probabilities, gold)
    return float(np.mean([_gap(_curve(p[:, k], truth == k, bins, False)) for k in range(p.shape[1])]))


def brier(probabilities: FloatArray, gold: Gold) -> float:
    """Mean squared distance to the right answer, summed over labels (Brier 1950): 0 is best, 2 worst."""
    p, truth = checked(probabilities, gold)
    return float(((p - np.eye(p.shape[1])[truth]) ** 2).sum(axis=1).mean())


def log_loss(probabilities: FloatArray, gold: Gold) -> float:
    """Mean negative logarithm of the probability of the right label."""
    p, truth = checked(probabilities, gold)
    return float(-np.log(np.maximum(p[np.arange(len(p)), truth], 1e-12)).mean())


def checked(probabilities: FloatArray, gold: Gold) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Both as arrays.

    Raises:
        ValueError: not one row a label, or none.
    """
    p, truth = np.asarray(probabilities, dtype=np.float64), np.asarray(gold, dtype=np.int64)
    if p.ndim != 2 or len(p) != len(truth) or not len(p):
        raise ValueError(
            f"probabilities of shape {p.shape} for {len(truth)} labels: one row a label, at least one"
        )
    return p, truth


def _curve(
    said: npt.NDArray[np.float64], true: npt.NDArray[np.bool_], bins: int, adaptive: bool
) -> list[Bin]:
    if adaptive:
        # Answers of one confidence stay together: the bin of the first of them holds all.
        ranks = np.searchsorted(np.sort(said), said, side="left")
        which = ranks * bins // len(said)
    else:
        which = np.minimum((said * bins).astype(np.int64), bins - 1)
    return [
        (float(said[which == b].mean()), float(true[which == b].mean()), int((which == b).sum()))
        for b in np.unique(which)
    ]


def _gap(curve: list[Bin]) -> float:
    weights = np.array([row[2] for row in curve])
    return float(np.average([abs(row[0] - row[1]) for row in curve], weights=weights))
