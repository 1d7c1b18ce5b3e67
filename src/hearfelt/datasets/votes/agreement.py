"""How far raters agree: Krippendorff's alpha with its interval, and each rater against the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hearfelt.datasets.votes.table import FloatTable, Votes, arrays
from hearfelt.errors import CorpusError, unknown_name
from hearfelt.types import Example

LEVELS = ("nominal", "interval")
"""Labels without order; numbers whose differences count."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Krippendorff's alpha of some votes: 1 is full agreement, 0 what chance would give.

    Args:
        alpha: the value.
        low, high: its bootstrap interval over items.
        items: examples with at least two votes.
        votes: the votes on them.
    """

    alpha: float
    low: float
    high: float
    items: int
    votes: int


def alpha(ratings: npt.ArrayLike, level: str = "nominal") -> float:
    """Krippendorff's alpha (Content Analysis, 4th edition, 2019, ch. 12).

    Args:
        ratings: shape ``(n_items, n_raters)``, NaN where somebody did not rate; labels as numbers. Items with
            fewer than two ratings have no say.
        level: one of `LEVELS`.

    Raises:
        OptionError: an unknown level.
        CorpusError: no item with two ratings, or all ratings alike: alpha is not defined there.
    """
    observed, statistics = _statistics(ratings, level)
    return float(_alpha(observed.sum(), statistics.sum(axis=0), level))


def alpha_interval(
    ratings: npt.ArrayLike,
    level: str = "nominal",
    *,
    confidence: float = 0.95,
    draws: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """Percentile bootstrap interval of `alpha`: items are drawn anew with replacement.

    Draws in which all ratings are alike have no alpha and are left out.
    """
    observed, statistics = _statistics(ratings, level)
    size = len(observed)
    random = np.random.default_rng(seed)
    times = random.multinomial(size, np.full(size, 1 / size), size=draws).astype(np.float64)
    values = _alpha(times @ observed, times @ statistics, level)
    values = values[np.isfinite(values)]
    tail = (1 - confidence) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)


def agreement(
    examples: Sequence[Example], *, confidence: float = 0.95, draws: int = 1000, seed: int = 0
) -> Agreement:
    """Nominal alpha of the votes of examples, with its interval.

    Raises:
        CorpusError: as for `alpha` and `arrays`.
    """
    table = arrays(examples)
    counts = table.counts()
    packed = _packed(table)
    value = alpha(packed)
    low, high = alpha_interval(packed, confidence=confidence, draws=draws, seed=seed)
    pairable = counts.sum(axis=1) > 1
    return Agreement(value, low, high, int(pairable.sum()), int(counts[pairable].sum()))


def label_alphas(examples: Sequence[Example]) -> dict[str, float]:
    """Alpha of each label against all others together, in the order of the labels; NaN where undefined.

    Raises:
        CorpusError: as for `arrays`.
    """
    table = arrays(examples)
    packed = _packed(table)
    found = {}
    for number, name in enumerate(table.labels):
        is_it = np.where(np.isnan(packed), np.nan, packed == number)
        try:
            found[name] = alpha(is_it)
        except CorpusError:
            found[name] = float("nan")
    return found


def _packed(table: Votes) -> FloatTable:
    """Votes as numbers, shape ``(n_items, most votes of an item)``, NaN where there are fewer.

    Alpha does not ask who voted: an item's votes stand side by side in any order.
    """
    packed = np.full((table.n_items, int(table.counts().sum(axis=1).max())), np.nan)
    order = np.argsort(table.item, kind="stable")
    item = table.item[order]
    place = np.arange(len(item)) - np.searchsorted(item, item)
    packed[item, place] = table.label[order]
    return packed


def rater_agreement(examples: Sequence[Example]) -> dict[str, tuple[float, int]]:
    """Each rater's agreement with the others: the mean share of the other votes on an item that say the same.

    Returns:
        Rater to that share in [0, 1] and the number of votes it rests on, least agreeing first. Raters whose
        items nobody else rated are left out.

    Raises:
        CorpusError: votes without raters.
    """
    table = arrays(examples)
    if not table.raters:
        raise CorpusError("the votes do not name their raters: write them as rater=label|rater=label")
    counts = table.counts()
    total = counts.sum(axis=1)
    # A second vote of the same rater on an item is no other opinion.
    pair = table.item * len(table.raters) + table.rater
    own = np.bincount(pair, minlength=table.n_items * len(table.raters))[pair]
    same_pair = pair * len(table.labels) + table.label
    _, inverse, times = np.unique(same_pair, return_inverse=True, return_counts=True)
    others = total[table.item] - own
    same = counts[table.item, table.label] - times[inverse]
    known = others > 0
    share = same[known] / others[known]
    n = np.bincount(table.rater[known], minlength=len(table.raters))
    mean = np.bincount(table.rater[known], share, minlength=len(table.raters)) / np.maximum(n, 1)
    found = {name: (float(mean[i]), int(n[i])) for i, name in enumerate(table.raters) if n[i]}
    return dict(sorted(found.items(), key=lambda pair: pair[1][0]))


def _statistics(ratings: npt.ArrayLike, level: str) -> tuple[FloatTable, FloatTable]:
    """Observed disagreement of each item, and the sums from which the expected one follows.

    Both are sums over items, so that a bootstrap draw is one matrix product.
    """
    if level not in LEVELS:
        raise unknown_name("level of measurement", level, LEVELS)
    table = np.asarray(ratings, np.float64)
    there = np.isfinite(table)
    table, there = table[there.sum(axis=1) > 1], there[there.sum(axis=1) > 1]
    number = there.sum(axis=1).astype(np.float64)
    values, coded = np.unique(table[there], return_inverse=True)
    if len(values) < 2:
        what = "only one label" if len(values) else "no item with two votes"
        raise CorpusError(
            f"agreement is not defined on {what}: it needs items that two raters could differ on"
        )
    if level == "interval":
        # Numbers far from 0 would lose the small differences between them in their squares.
        filled = np.where(there, table - table[there].mean(), 0.0)
        total, squares = filled.sum(axis=1), (filled**2).sum(axis=1)
        observed = 2 * (number * squares - total**2) / (number - 1)
        return observed, np.stack([number, total, squares], axis=1)
    item = np.nonzero(there)[0]
    flat = np.bincount(item * len(values) + coded, minlength=len(table) * len(values))
    counts = flat.reshape(len(table), len(values)).astype(np.float64)
    observed = (number**2 - (counts**2).sum(axis=1)) / (number - 1)
    return observed, counts


def _alpha(observed: FloatTable, statistics: FloatTable, level: str) -> FloatTable:
    """Alpha from sums over items; the last axis of ``statistics`` holds them."""
    if level == "interval":
        number, total, squares = statistics[..., 0], statistics[..., 1], statistics[..., 2]
        expected = 2 * (number * squares - total**2) / (number - 1)
    else:
        number = statistics.sum(axis=-1)
        expected = (number**2 - (statistics**2).sum(axis=-1)) / (number - 1)
    some = expected > 1e-12 * number
    return np.where(some, 1 - observed / np.where(some, expected, 1.0), np.nan)
