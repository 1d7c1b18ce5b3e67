"""How far distributions over the same labels lie apart."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def jensen_shannon(first: npt.ArrayLike, second: npt.ArrayLike) -> Array:
    """Jensen–Shannon divergence in bits, in [0, 1] (Lin, IEEE Trans. Inf. Theory 1991).

    Args:
        first, second: probabilities, shape ``(…, n_labels)``.

    Returns:
        Shape ``(…)``.
    """
    p, q = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    middle = (p + q) / 2

    def divergence(a: Array) -> Array:
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = np.where(a > 0, a * np.log2(a / middle), 0.0)
        total: Array = terms.sum(axis=-1)
        return total

    return (divergence(p) + divergence(q)) / 2


def distance(first: npt.ArrayLike, second: npt.ArrayLike) -> float:
    """Jensen–Shannon distance, the root of the divergence: a metric, 0 for the same and 1 for no overlap.

    D. M. Endres, J. E. Schindelin: A new metric for probability distributions. IEEE Trans. Inf. Theory 2003.
    """
    return float(np.sqrt(np.clip(jensen_shannon(first, second), 0.0, 1.0)))


def mean_distance(distributions: Sequence[npt.ArrayLike]) -> float:
    """Mean distance over all pairs, in [0, 1]; 0 where there are fewer than two."""
    pairs = [distance(p, q) for p, q in combinations(distributions, 2)]
    return float(np.mean(pairs)) if pairs else 0.0
