"""Is it a difference? Intervals, paired tests of two systems on the same clips, and gaps between groups.

Clips of one speaker are alike, so everything but McNemar's test draws or swaps whole speakers. With few
speakers no test can find much: `randomisation` of 4 speakers cannot give a p below 0.125, and says so by
giving exact values.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hearfelt.evaluation import metrics

Labels = Sequence[Any] | npt.NDArray[Any]
Rows = npt.NDArray[np.int64]
Score = Callable[[Rows], float]
"""A score of the clips at some positions."""

EXACT_UP_TO = 12
"""Up to so many speakers `randomisation` tries every swap."""
_TIE = 1e-12


@dataclass(frozen=True, slots=True)
class Interval:
    """A score and its percentile interval over draws of speakers; None where there is only one speaker."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Difference:
    """One score less another, its interval and the two-sided p of no difference.

    ``low`` and ``high`` are None where nothing can be drawn again, ``p`` is then 1.
    """

    value: float
    low: float | None
    high: float | None
    p: float


@dataclass(frozen=True, slots=True)
class Group:
    """One group of clips against all others.

    Args:
        name: the value of the column.
        score: of this group.
        gap: the score of this group less that of all clips of other groups, tested.
        significant: whether the gap's p, corrected for the number of groups (Holm), is below 5 %.
    """

    name: str
    clips: int
    speakers: int
    score: Interval
    gap: Difference
    significant: bool


def interval(
    score: Score, speakers: Labels, *, samples: int = 1000, level: float = 0.95, seed: int = 0
) -> Interval:
    """Percentile bootstrap over speakers of any score, such as ``lambda rows: ccc(x[rows], y[rows])``."""
    who = np.asarray(speakers)
    value = score(np.arange(len(who)))
    if len(np.unique(who)) < 2:
        return Interval(value, None, None)
    drawn = [score(rows) for rows in metrics.redrawn(who, samples, seed)]
    return Interval(value, *_ends(np.asarray(drawn), level))


def label_interval(
    name: str,
    gold: Labels,
    predicted: Labels,
    speakers: Labels,
    *,
    folds: Labels | None = None,
    samples: int = 1000,
    seed: int = 0,
) -> Interval:
    """`interval` of a score of `metrics.OF_COUNTS`, quickly: the tables of confusions of speakers are added.

    Args:
        folds: the score is the mean over folds, as EmoBox reports it, and each fold's speakers are drawn
            among themselves (whole folds are drawn where each has one speaker); all clips are one fold where
            None.
    """
    score = metrics.OF_COUNTS[name]
    where = np.zeros(len(gold), dtype=np.int64) if folds is None else np.asarray(folds)
    who, random = np.asarray(speakers), np.random.default_rng(seed)
    tables = _tables(gold, predicted, [where, who])
    values, drawn, many = [], [], 0
    for fold in np.unique(where):
        counts = np.stack([table for (place, _), table in tables.items() if place == fold])
        values.append(float(score(counts.sum(axis=0))))
        drawn.append(score(_sums(counts, random, samples)))
        many = max(many, len(counts))
    value = float(np.mean(values))
    if many > 1:
        return Interval(value, *_ends(np.mean(drawn, axis=0)))
    if len(values) > 1 and len(np.unique(who)) == len(values):
        picked = random.integers(0, len(values), (samples, len(values)))
        return Interval(value, *_ends(np.asarray(values)[picked].mean(axis=1)))
    return Interval(value, None, None)


def paired_bootstrap(
    one: Score, other: Score, speakers: Labels, *, samples: int = 2000, level: float = 0.95, seed: int = 0
) -> Difference:
    """``one`` less ``other`` with both scored on the same draws of speakers.

    The p is twice the share of draws on the far side of 0 (Efron and Tibshirani 1993, chapter 16, by
    inverting the percentile interval), at least 2 / (samples + 1).
    """
    who = np.asarray(speakers)
    rows = np.arange(len(who))
    value = one(rows) - other(rows)
    if len(np.unique(who)) < 2:
        return Difference(value, None, None, 1.0)
    drawn = np.asarray([one(rows) - other(rows) for rows in metrics.redrawn(who, samples, seed)])
    return Difference(value, *_ends(drawn, level), _p(drawn))


def mcnemar(gold: Labels, one: Labels, other: Labels) -> float:
    """Exact two-sided p that two systems err equally often (McNemar 1947; the binomial test of the clips on
    which only one of them is right). It takes clips as independent, which those of one speaker are not.
    """
    truth = np.asarray(gold)
    right, also = np.asarray(one) == truth, np.asarray(other) == truth
    first, second = int((right & ~also).sum()), int((also & ~right).sum())
    n, few = first + second, min(first, second)
    if first == second:
        return 1.0
    ways, total = 1, 1
    for k in range(1, few + 1):
        ways = ways * (n - k + 1) // k
        total += ways
    return min(1.0, 2 * math.exp(math.log(total) - n * math.log(2)))


def randomisation(
    name: str,
    gold: Labels,
    one: Labels,
    other: Labels,
    speakers: Labels,
    *,
    samples: int = 5000,
    seed: int = 0,
) -> float:
    """Two-sided p of the difference of a score of `metrics.OF_COUNTS` when the answers of whole speakers are
    swapped between the systems (approximate randomisation, Noreen 1989; Yeh, COLING 2000).

    Exact, over all swaps, up to `EXACT_UP_TO` speakers.
    """
    score = metrics.OF_COUNTS[name]
    names = np.unique(np.concatenate([np.asarray(gold), np.asarray(one), np.asarray(other)]))
    first, second = (
        np.stack(list(_tables(gold, answers, [speakers], names).values())) for answers in (one, other)
    )
    n = len(first)
    if n <= EXACT_UP_TO:
        swaps = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
    else:
        swaps = np.random.default_rng(seed).integers(0, 2, (samples, n))
    moved = np.tensordot(swaps, second - first, axes=1)
    a, b = first.sum(axis=0), second.sum(axis=0)
    found = abs(float(score(a) - score(b)))
    extreme = int((np.abs(score(a + moved) - score(b - moved)) >= found - _TIE).sum())
    return extreme / len(swaps) if n <= EXACT_UP_TO else (extreme + 1) / (len(swaps) + 1)


def holm(ps: Sequence[float]) -> list[float]:
    """p values corrected for their number (Holm, Scandinavian Journal of Statistics 6, 1979), in order."""
    order = np.argsort(ps, kind="stable")
    corrected = np.maximum.accumulate([(len(ps) - i) * ps[at] for i, at in enumerate(order)])
    result = np.empty(len(ps))
    result[order] = np.minimum(corrected, 1.0)
    return [float(p) for p in result]


def paired(
    gold: Labels,
    one: Labels,
    other: Labels,
    speakers: Labels,
    *,
    names: Sequence[str] = ("uar", "wa", "macro_f1"),
    samples: int = 1000,
    seed: int = 0,
) -> dict[str, Difference]:
    """Each score of two systems on the same clips: the difference and the interval of `paired_bootstrap`, and
    the p of `randomisation`, corrected for the number of scores (`holm`).
    """
    labels = np.unique(np.concatenate([np.asarray(gold), np.asarray(one), np.asarray(other)]))
    counts = [
        np.stack(list(_tables(gold, answers, [speakers], labels).values())).astype(np.float64)
        for answers in (one, other)
    ]
    n = len(counts[0])
    times = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=samples)
    ps = holm([randomisation(name, gold, one, other, speakers, seed=seed) for name in names])
    found = {}
    for name, p in zip(names, ps, strict=True):
        score = metrics.OF_COUNTS[name]
        value = float(score(counts[0].sum(axis=0)) - score(counts[1].sum(axis=0)))
        drawn = np.subtract(*(score(np.tensordot(times, part, axes=1)) for part in counts))
        low, high = _ends(drawn) if n > 1 else (None, None)
        found[name] = Difference(value, low, high, p)
    return found


def by_group(
    name: str,
    gold: Labels,
    predicted: Labels,
    speakers: Labels,
    groups: Labels,
    *,
    samples: int = 1000,
    seed: int = 0,
) -> list[Group]:
    """A score of `metrics.OF_COUNTS` in each group of clips, and its gap to all other clips, tested.

    Speakers are drawn among those who occur in the same groups (women among women), so that no draw lacks a
    group. A gap whose group or whose rest has one speaker only is not tested.
    """
    score = metrics.OF_COUNTS[name]
    which, who = np.asarray(groups), np.asarray(speakers)
    tables = _tables(gold, predicted, [who, which])
    values = np.unique(which)
    size = next(iter(tables.values())).shape[-1]
    counts = np.zeros((len(np.unique(who)), len(values), size, size), dtype=np.int64)
    for row, speaker in enumerate(np.unique(who)):
        for column, value in enumerate(values):
            counts[row, column] = tables.get((speaker, value), 0)
    drawn = _stratified(counts, np.random.default_rng(seed), samples)
    whole = counts.sum(axis=0)
    scores, spread = score(whole), score(drawn)
    rest, rest_spread = (score(c.sum(axis=-3, keepdims=True) - c) for c in (whole, drawn))
    heard = counts.sum(axis=(2, 3)) > 0
    gaps = []
    for column in range(len(values)):
        inside, outside = heard[:, column], np.delete(heard, column, axis=1).any(axis=1)
        value = float(scores[column] - rest[column]) if outside.any() else 0.0
        if min(inside.sum(), outside.sum()) < 2:
            gaps.append(Difference(value, None, None, 1.0))
        else:
            differences = spread[:, column] - rest_spread[:, column]
            gaps.append(Difference(value, *_ends(differences), _p(differences)))
    found = []
    for column, (gap, p) in enumerate(zip(gaps, holm([gap.p for gap in gaps]), strict=True)):
        many = int(heard[:, column].sum())
        ends = _ends(spread[:, column]) if many > 1 else (None, None)
        clips = int(whole[column].sum())
        own = Interval(float(scores[column]), *ends)
        found.append(Group(str(values[column]), clips, many, own, gap, p < 0.05))
    return found


def _tables(
    gold: Labels, predicted: Labels, keys: Sequence[Labels], names: npt.NDArray[Any] | None = None
) -> Mapping[tuple[Any, ...], npt.NDArray[np.int64]]:
    """A table of confusions for each combination of keys that occurs, sorted."""
    truth, answers = np.asarray(gold), np.asarray(predicted)
    if {len(truth), len(answers)} != {len(key) for key in keys}:
        many = ", ".join(str(len(key)) for key in keys)
        raise ValueError(
            f"{len(truth)} gold labels, {len(answers)} answers and {many} speakers, folds or groups: "
            "give as many of each"
        )
    columns = [np.unique(np.asarray(key), return_inverse=True) for key in keys]
    labels = np.union1d(truth, answers) if names is None else names
    places = np.stack([inverse for _, inverse in columns], axis=1)
    found = {}
    for place in np.unique(places, axis=0):
        rows = (places == place).all(axis=1)
        key = tuple(column[at] for (column, _), at in zip(columns, place, strict=True))
        found[key] = metrics.confusion(truth[rows], answers[rows], labels)
    return found


def _sums(
    counts: npt.NDArray[np.int64], random: np.random.Generator, samples: int
) -> npt.NDArray[np.float64]:
    """Tables of as many speakers, drawn with replacement and added; the first axis becomes ``samples``."""
    n = len(counts)
    times = random.multinomial(n, np.full(n, 1 / n), size=samples)
    return np.tensordot(times.astype(np.float64), counts.astype(np.float64), axes=1)


def _stratified(
    counts: npt.NDArray[np.int64], random: np.random.Generator, samples: int
) -> npt.NDArray[np.float64]:
    heard = counts.sum(axis=(2, 3)) > 0
    kinds = np.unique(heard, axis=0, return_inverse=True)[1].reshape(-1)
    parts = [_sums(counts[kinds == kind], random, samples) for kind in np.unique(kinds)]
    total: npt.NDArray[np.float64] = np.sum(parts, axis=0)
    return total


def _ends(drawn: npt.NDArray[Any], level: float = 0.95) -> tuple[float, float]:
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _p(drawn: npt.NDArray[Any]) -> float:
    less, more = int((drawn <= _TIE).sum()), int((drawn >= -_TIE).sum())
    return min(1.0, 2 * (min(less, more) + 1) / (len(drawn) + 1))
