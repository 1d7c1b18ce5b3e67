"""The votes of many examples as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hearfelt.errors import CorpusError
from hearfelt.types import Example

FloatTable = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Votes:
    """All votes, one entry each.

    Args:
        labels: the labels voted for, sorted.
        raters: their names, sorted; empty where the votes have none.
        item, rater, label: int, shape ``(n_votes,)``: which example, who (index into ``raters``, -1 where
            nobody knows), what (index into ``labels``).
        n_items: number of examples, those without votes included.
    """

    labels: tuple[str, ...]
    raters: tuple[str, ...]
    item: Indices
    rater: Indices
    label: Indices
    n_items: int

    def counts(self) -> FloatTable:
        """Votes for each label, shape ``(n_items, n_labels)``."""
        size = self.n_items * len(self.labels)
        flat = np.bincount(self.item * len(self.labels) + self.label, minlength=size)
        return flat.reshape(self.n_items, len(self.labels)).astype(np.float64)


def arrays(examples: Sequence[Example]) -> Votes:
    """The votes of examples as arrays.

    Raises:
        CorpusError: no example has votes, some have named raters and some do not, or the numbers of votes
            and raters differ.
    """
    voted = [e for e in examples if e.votes]
    if not voted:
        raise CorpusError(f"none of the {len(examples)} examples has votes: fill in the column votes")
    bare = [e for e in voted if not e.raters]
    if bare and len(bare) < len(voted):
        raise CorpusError(
            f"{len(bare)} of the {len(voted)} examples with votes do not name their raters, the first is "
            f"{bare[0].file}: name all raters or none"
        )
    uneven = [e for e in voted if e.raters and len(e.raters) != len(e.votes)]
    if uneven:
        raise CorpusError(
            f"{uneven[0].file} has {len(uneven[0].votes)} votes but {len(uneven[0].raters)} raters"
        )
    labels = sorted({vote for e in voted for vote in e.votes})
    raters = sorted({rater for e in voted for rater in e.raters})
    what, who = {name: i for i, name in enumerate(labels)}, {name: i for i, name in enumerate(raters)}
    item = [i for i, e in enumerate(examples) for _ in e.votes]
    rater = [who[name] for e in voted for name in e.raters] if raters else [-1] * len(item)
    label = [what[vote] for e in voted for vote in e.votes]
    return Votes(
        tuple(labels),
        tuple(raters),
        np.asarray(item, np.int64),
        np.asarray(rater, np.int64),
        np.asarray(label, np.int64),
        len(examples),
    )
