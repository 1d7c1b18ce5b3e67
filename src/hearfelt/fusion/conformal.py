"""Conformal label sets: sets that hold the right label with a stated probability.

Three scores (the larger, the stranger the label):
* ``lac``: 1 minus the label's probability. Smallest sets (Sadinle, Lei, Wasserman, JASA 2019).
* ``aps``: the probability of all likelier labels. Sets grow where the source is unsure (Romano, Sesia,
  Candès, "Classification with valid and adaptive coverage", NeurIPS 2020), here without the random number
  (u = 0), so that the same sound always gives the same set, which always holds the likeliest label.
* ``raps``: ``aps`` with a penalty for each label beyond the first few (Angelopoulos, Bates, Malik, Jordan,
  "Uncertainty sets for image classifiers using conformal prediction", ICLR 2021).

With equal weights this is split conformal prediction, which holds for any number of exchangeable samples.
Held-out speech is not that: speakers gave unequal numbers of utterances that resemble each other, and labels
differ in number. So speakers and labels are weighed alike (pooled CDFs as in Dunn, Wasserman, Ramdas,
"Distribution-free prediction sets for two-layer hierarchical models", JASA 2023; label weights as in
Podkopaev, Ramdas, "Distribution-free uncertainty quantification for classification under label shift", UAI
2021). Coverage is then asymptotic in the number of speakers; `benchmarks/fusion.py` measures it on new ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hearfelt.errors import InputError, OptionError, unknown_name

Array = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]

METHODS = ("lac", "aps", "raps")
LEVELS = tuple(round(0.5 + 0.01 * step, 2) for step in range(50))
"""Coverages for which a fitted table holds a quantile: 0.50 to 0.99."""
ALL = 10.0
"""A quantile above every score: the set holds all labels."""


@dataclass(frozen=True)
class ConformalOptions:
    """How strange a label is.

    Args:
        method: ``lac``, ``aps`` or ``raps``.
        penalty: ``raps`` only: what each label beyond the free ones costs.
        n_free: ``raps`` only: labels that cost nothing.
    """

    method: str = "raps"
    penalty: float = 0.02
    n_free: int = 2

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise unknown_name("conformal method", self.method, METHODS)


def scores(probabilities: npt.ArrayLike, options: ConformalOptions) -> Array:
    """Strangeness of every label, same shape as `probabilities`: ``(…, n_labels)``."""
    p = np.asarray(probabilities, dtype=np.float64)
    if options.method == "lac":
        lac: Array = 1 - p
        return lac
    order = np.argsort(-p, axis=-1, kind="stable")
    ordered = np.take_along_axis(p, order, axis=-1)
    likelier = np.cumsum(ordered, axis=-1) - ordered
    if options.method == "raps":
        likelier = likelier + options.penalty * np.maximum(0, np.arange(p.shape[-1]) + 1 - options.n_free)
    result = np.empty_like(p)
    np.put_along_axis(result, order, likelier, axis=-1)
    return result


def quantile(values: npt.ArrayLike, level: float, weights: npt.ArrayLike | None = None) -> float:
    """The smallest value that a new sample does not exceed, with probability `level`.

    Args:
        values: scores of the right labels, shape ``(n,)``.
        level: in (0, 1).
        weights: how much each sample counts, shape ``(n,)``; None for equally.

    Returns:
        The quantile, or `ALL` where there are too few samples for so high a level.

    Raises:
        InputError: there are no values.
    """
    v = np.asarray(values, dtype=np.float64)
    if len(v) == 0:
        raise InputError("no held-out scores to take a quantile of; give at least one")
    mass = np.ones(len(v)) if weights is None else np.asarray(weights, dtype=np.float64)
    mass = mass / mass.sum() * len(v) / (len(v) + 1)  # the rest belongs to the sample still to come
    order = np.argsort(v, kind="stable")
    place = int(np.searchsorted(np.cumsum(mass[order]), level - 1e-12))
    return float(v[order[place]]) if place < len(v) else ALL


class ConformalSets:
    """Label sets at any of the coverages in `LEVELS`.

    Attributes:
        quantiles_: one a level, rising.
    """

    def __init__(self, options: ConformalOptions = ConformalOptions()) -> None:
        self.options = options
        self.quantiles_: tuple[float, ...] = ()

    def fit(
        self, probabilities: npt.ArrayLike, labels: npt.ArrayLike, weights: npt.ArrayLike | None = None
    ) -> ConformalSets:
        """Learn from held-out probabilities ``(n, n_labels)``, label indices and weights ``(n,)``.

        Raises:
            InputError: there are no samples.
        """
        y = np.asarray(labels, dtype=np.int64)
        right = scores(probabilities, self.options)[np.arange(len(y)), y]
        self.quantiles_ = tuple(quantile(right, level, weights) for level in LEVELS)
        return self

    def quantile(self, coverage: float) -> float:
        """The quantile of a coverage, rounded up to the next level.

        Raises:
            OptionError: the coverage lies outside the levels.
        """
        if not LEVELS[0] <= coverage <= LEVELS[-1]:
            raise OptionError(
                f"coverage {coverage} is not between {LEVELS[0]} and {LEVELS[-1]}; 0.9 is usual"
            )
        return self.quantiles_[int(np.searchsorted(LEVELS, coverage - 1e-9))]

    def sets(self, probabilities: npt.ArrayLike, coverage: float = 0.9) -> Booleans:
        """Which labels belong to the set, same shape as given; the most likely label always does.

        Raises:
            OptionError: the coverage lies outside the levels.
        """
        p = np.asarray(probabilities, dtype=np.float64)
        inside: Booleans = scores(p, self.options) <= self.quantile(coverage) + 1e-12
        top: Booleans = p >= p.max(axis=-1, keepdims=True)
        return inside | top

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        return {
            "method": self.options.method,
            "penalty": self.options.penalty,
            "n_free": self.options.n_free,
            "quantiles": [round(q, 6) for q in self.quantiles_],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ConformalSets:
        """What `to_dict` wrote."""
        made = cls(ConformalOptions(data["method"], data["penalty"], data["n_free"]))
        made.quantiles_ = tuple(data["quantiles"])
        return made
