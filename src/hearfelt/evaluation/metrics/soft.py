"""Distance of answered probabilities from the shares of the raters' votes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Table = npt.NDArray[np.floating[Any]]


def kl(shares: Table, probabilities: Table) -> float:
    """Mean Kullback–Leibler divergence of the answers from the votes, in nats.

    A probability below 1e-12 counts as 1e-12.
    """
    p, q = _pair(shares, probabilities)
    return float(_divergence(p, np.maximum(q, 1e-12)).mean())


def js(shares: Table, probabilities: Table) -> float:
    """Mean Jensen–Shannon divergence (Lin 1991) in nats: 0 where they agree, ln 2 where nothing is shared."""
    p, q = _pair(shares, probabilities)
    middle = (p + q) / 2
    return float((_divergence(p, middle) + _divergence(q, middle)).mean() / 2)


def _divergence(p: npt.NDArray[np.float64], q: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    ratio = np.where(p > 0, p, 1.0) / np.where(p > 0, q, 1.0)
    result: npt.NDArray[np.float64] = (p * np.log(ratio)).sum(axis=1)
    return result


def _pair(shares: Table, probabilities: Table) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    p, q = np.asarray(shares, dtype=np.float64), np.asarray(probabilities, dtype=np.float64)
    if p.ndim != 2 or p.shape != q.shape or not p.size:
        raise ValueError(f"tables of shape {p.shape} and {q.shape}: give two of one shape, a row a clip")
    if (p < 0).any() or (p.sum(axis=1) <= 0).any():
        raise ValueError("a row of vote shares is negative or sums to 0: give each clip at least one vote")
    return p / p.sum(axis=1, keepdims=True), q
