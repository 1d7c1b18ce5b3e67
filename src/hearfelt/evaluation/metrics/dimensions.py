"""Agreement of curves: arousal, valence and dominance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Curve = Sequence[float] | npt.NDArray[np.floating[Any]]


def ccc(one: Curve, other: Curve) -> float:
    """Concordance correlation coefficient (Lin, Biometrics 45, 1989), population moments; in [-1, 1]."""
    x, y = _pair(one, other)
    spread = x.var() + y.var() + (x.mean() - y.mean()) ** 2
    return float(2 * ((x - x.mean()) * (y - y.mean())).mean() / spread) if spread else 1.0


def pearson(one: Curve, other: Curve) -> float:
    """Pearson's correlation; 0 where a curve does not move."""
    x, y = _pair(one, other)
    spread = x.std() * y.std()
    return float(((x - x.mean()) * (y - y.mean())).mean() / spread) if spread else 0.0


def rmse(one: Curve, other: Curve) -> float:
    """Root of the mean squared difference, in the unit of the curves."""
    x, y = _pair(one, other)
    return float(np.sqrt(((x - y) ** 2).mean()))


def _pair(one: Curve, other: Curve) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    x, y = np.asarray(one, dtype=np.float64), np.asarray(other, dtype=np.float64)
    if x.shape != y.shape or not x.size:
        raise ValueError(
            f"curves of shape {x.shape} and {y.shape}: give two of the same length, at least one value"
        )
    return x, y
