"""Intervals over speakers: whole speakers are drawn again, never single clips."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Labels = Sequence[Any] | npt.NDArray[Any]


def members(groups: Labels) -> list[npt.NDArray[np.int64]]:
    """Positions of each group's clips, sorted by group."""
    who = np.asarray(groups)
    _, inverse = np.unique(who, return_inverse=True)
    order = np.argsort(inverse, kind="stable")
    return np.split(order, np.cumsum(np.bincount(inverse))[:-1]) if len(who) else []


def redrawn(groups: Labels, samples: int, seed: int) -> Iterator[npt.NDArray[np.int64]]:
    """Positions of the clips of ``samples`` draws of as many groups with replacement."""
    parts = members(groups)
    random = np.random.default_rng(seed)
    for _ in range(samples):
        yield np.concatenate([parts[i] for i in random.integers(0, len(parts), len(parts))])


def bootstrap(
    metric: Callable[[npt.NDArray[Any], npt.NDArray[Any]], float],
    gold: Labels,
    predicted: Labels,
    groups: Labels,
    *,
    samples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """Percentile interval of a metric when whole groups (speakers) are drawn again with replacement.

    Args:
        metric: ``metric(gold, predicted)`` of labels as integers, which stand for the same labels in both.
        groups: the speaker of each example; clips of one are not independent, so they are drawn together.
    """
    truth, answers, who = np.asarray(gold), np.asarray(predicted), np.asarray(groups)
    if not len(truth) == len(answers) == len(who):
        raise ValueError(
            f"{len(truth)} gold labels, {len(answers)} answers and {len(who)} groups: give as many of each"
        )
    # Integers sort faster than strings, and a metric sorts them a thousand times.
    names = np.union1d(truth, answers)
    truth, answers = np.searchsorted(names, truth), np.searchsorted(names, answers)
    scores = [metric(truth[drawn], answers[drawn]) for drawn in redrawn(who, samples, seed)]
    low, high = np.quantile(scores, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
