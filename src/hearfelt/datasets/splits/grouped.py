"""Splits that keep groups apart: leave one out, and folds with their share of everything."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from hearfelt.datasets.splits.base import Group, Split, groups, hold_out
from hearfelt.errors import CorpusError
from hearfelt.types import Example


def leave_one_speaker_out(examples: Sequence[Example]) -> list[Split]:
    """One split a speaker (of a corpus), who is then the test set.

    Raises:
        CorpusError: fewer than two speakers, or an example without one.
    """
    return leave_one_group_out(examples, "speaker")


def leave_one_group_out(examples: Sequence[Example], column: str) -> list[Split]:
    """One split a group of a column (`base.GROUPS`), which is then the test set.

    Raises:
        OptionError: a column that examples cannot be grouped by.
        CorpusError: fewer than two groups, or an example without one.
    """
    return [
        hold_out(f"{column} {value}", len(examples), indices)
        for (_, value), indices in groups(examples, column).items()
    ]


def speaker_folds(examples: Sequence[Example], folds: int, seed: int = 0) -> list[Split]:
    """Speakers dealt to ``folds`` folds, so that each has its share of every corpus and gender.

    Within each corpus and gender the speakers are shuffled by ``seed`` and dealt in turn, beginning with the
    fold that has the fewest examples of the corpus so far.

    Raises:
        CorpusError: fewer speakers than folds, or an example without a speaker.
    """
    members = groups(examples, "speaker")
    _check_folds(folds, len(members), "speakers")
    random = np.random.default_rng(seed)
    strata: dict[tuple[str, str], list[Group]] = defaultdict(list)
    for group, indices in members.items():
        strata[group[0], examples[indices[0]].gender or ""].append(group)
    held: list[list[int]] = [[] for _ in range(folds)]
    counts: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(folds))
    for (corpus, _), speakers in sorted(strata.items()):
        order = [sorted(speakers)[i] for i in random.permutation(len(speakers))]
        for start in range(0, len(order), folds):
            free = list(np.argsort(counts[corpus], kind="stable"))
            for speaker, fold in zip(order[start : start + folds], free, strict=False):
                held[fold] += members[speaker]
                counts[corpus][fold] += len(members[speaker])
    return [hold_out(f"fold {fold}", len(examples), indices) for fold, indices in enumerate(held)]


def group_folds(
    examples: Sequence[Example], folds: int, column: str = "speaker", seed: int = 0
) -> list[Split]:
    """Groups of any column dealt to ``folds`` folds, so that each has its share of every label and corpus.

    Groups are taken with the most uneven first (ties by ``seed``), each goes to the fold whose shares of the
    (corpus, label) pairs it then leaves most even: the greedy rule of scikit-learn's StratifiedGroupKFold,
    with the corpus as a second thing to balance.

    Raises:
        OptionError: a column that examples cannot be grouped by.
        CorpusError: fewer groups than folds, or an example without a group.
    """
    members = groups(examples, column)
    _check_folds(folds, len(members), f"groups of {column}")
    strata = sorted({(e.corpus, e.gold or "") for e in examples})
    place = {stratum: i for i, stratum in enumerate(strata)}
    counts = np.zeros((len(members), len(strata)))
    for row, indices in enumerate(members.values()):
        for i in indices:
            counts[row, place[examples[i].corpus, examples[i].gold or ""]] += 1
    share = counts / counts.sum(axis=0)
    shuffled = np.random.default_rng(seed).permutation(len(members))
    order = shuffled[np.argsort(-share.std(axis=1)[shuffled], kind="stable")]
    indices_of = list(members.values())
    filled = np.zeros((folds, len(strata)))
    held: list[list[int]] = [[] for _ in range(folds)]
    for left, row in zip(range(len(order), 0, -1), order, strict=True):
        empty = [fold for fold in range(folds) if not held[fold]]
        # Where as many groups are left as folds are empty, each of them must have one.
        free = empty if len(empty) == left else list(range(folds))
        unevenness = []
        for fold in free:
            filled[fold] += share[row]
            unevenness.append((float(filled.std(axis=0).mean()), len(held[fold])))
            filled[fold] -= share[row]
        best = free[min(range(len(free)), key=unevenness.__getitem__)]
        filled[best] += share[row]
        held[best] += indices_of[row]
    return [hold_out(f"fold {fold}", len(examples), indices) for fold, indices in enumerate(held)]


def _check_folds(folds: int, there: int, what: str) -> None:
    if folds < 2 or there < folds:
        raise CorpusError(f"{there} {what} cannot fill {folds} folds: use 2 to {there}")
