"""Gold and soft labels from votes."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Sequence

from hearfelt.types import Example

Tie = Callable[[Sequence[str]], str | None]
"""Picks one of the labels with the most votes, which come in the order of the votes, or none."""


def shares(votes: Sequence[str]) -> dict[str, float]:
    """Label to its share of the votes, most votes first; they sum to 1, or there are none."""
    return {name: count / len(votes) for name, count in Counter(votes).most_common()}


def majority(votes: Sequence[str], *, tie: Tie | None = None, above: float = 0.0) -> str | None:
    """The label with the most votes; None where there are no votes.

    Args:
        votes: one label a vote.
        tie: who wins where several labels have the most votes; nobody where None.
        above: the share of the votes that the winner must exceed; 0.5 asks for an absolute majority, as
            IEMOCAP and MSP-Podcast do for most of their labels.
    """
    counts = Counter(votes)
    most = max(counts.values(), default=0)
    winners = [name for name, count in counts.items() if count == most]
    if not winners or most <= above * len(votes):
        return None
    return winners[0] if len(winners) == 1 else tie(winners) if tie else None


def label(
    examples: Sequence[Example], *, tie: Tie | None = None, above: float = 0.0, replace: bool = False
) -> list[Example]:
    """Examples with the gold label of the majority and the soft label of all their votes.

    Args:
        examples: those without votes stay as they are.
        tie, above: as for `majority`.
        replace: True takes the majority instead of a gold label that is there, such as what an actor meant.
    """
    found = []
    for example in examples:
        if example.votes:
            gold = majority(example.votes, tie=tie, above=above)
            keep = example.gold is not None and not replace
            example = dataclasses.replace(
                example, gold=example.gold if keep else gold, soft=shares(example.votes)
            )
        found.append(example)
    return found
