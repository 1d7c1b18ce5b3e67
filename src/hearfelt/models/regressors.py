"""Arousal, valence and dominance from features: one regression a dimension, on the clips that are rated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hearfelt.errors import CorpusError
from hearfelt.types import Example

DIMENSION_NAMES = ("arousal", "valence", "dominance")
_LEAST_RATED = 10


class Regressors:
    """A learner for each dimension that was rated.

    Args:
        pipelines: dimension to a scikit-learn pipeline that has learnt.
    """

    def __init__(self, pipelines: Mapping[str, Any]) -> None:
        self.pipelines = dict(pipelines)

    @classmethod
    def learn(cls, kind: str, rows: Any, examples: Sequence[Example]) -> Regressors | None:
        """Learn every dimension that at least ten clips are rated for.

        Args:
            kind: "ridge", "svr", "auto" (ridge where clips are rated), "derived" (None comes back).
            rows: features, ``(n, n_dims)``.

        Raises:
            CorpusError: "ridge" or "svr" without ratings.
        """
        if kind == "derived":
            return None
        pipelines = {}
        for name in DIMENSION_NAMES:
            ratings = np.array([np.nan if (v := getattr(e, name)) is None else v for e in examples])
            rated = np.flatnonzero(np.isfinite(ratings))
            if len(rated) >= _LEAST_RATED:
                pipelines[name] = _pipeline(kind, rows.shape[1]).fit(rows[rated], ratings[rated])
        if not pipelines and kind != "auto":
            raise CorpusError(
                f"dimensions={kind!r} learns from ratings, and fewer than {_LEAST_RATED} of "
                f"{len(examples)} clips have them: add arousal, valence or dominance, or set "
                "dimensions='derived'"
            )
        return cls(pipelines) if pipelines else None

    def predict(self, rows: Any) -> list[tuple[float | None, float | None, float | None]]:
        """Of each row arousal, valence and dominance in [-1, 1]; None for a dimension nobody rated."""
        if not len(rows):
            return []
        columns: list[list[float | None]] = []
        for name in DIMENSION_NAMES:
            learner = self.pipelines.get(name)
            found = None if learner is None else np.clip(learner.predict(rows), -1, 1)
            columns.append([None] * len(rows) if found is None else [float(value) for value in found])
        arousal, valence, dominance = columns
        return list(zip(arousal, valence, dominance, strict=True))


def _pipeline(kind: str, n_dims: int) -> Any:
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVR

    # Standardised rows have a squared length of about n_dims: an alpha of that size shrinks alike everywhere.
    learner = SVR(C=0.5, epsilon=0.05) if kind == "svr" else Ridge(alpha=float(n_dims))
    steps = [
        ("impute", SimpleImputer(strategy="median", keep_empty_features=True)),
        ("standardise", StandardScaler()),
        (kind, learner),
    ]
    return Pipeline(steps)
