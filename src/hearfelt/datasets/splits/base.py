"""One split, the groups of a table, and what makes a split useless."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hearfelt.errors import CorpusError, unknown_name
from hearfelt.types import Example

GROUPS = ("speaker", "text", "gender", "language", "corpus", "intensity", "licence", "file")
"""Columns that examples can be grouped by. Speakers and sentences of two corpora are two groups."""

Group = tuple[str, str]
"""Corpus and value for speakers and sentences, else an empty string and the value."""


@dataclass(frozen=True, slots=True)
class Split:
    """Indices into a table of examples.

    Args:
        name: such as ``fold 0`` or ``speaker 03``.
        train, test: positions, ascending.
        dev: positions that options may be chosen on, where the corpus sets some apart.
    """

    name: str
    train: tuple[int, ...]
    test: tuple[int, ...]
    dev: tuple[int, ...] = ()


def check(examples: Sequence[Example], splits: Iterable[Split]) -> None:
    """Refuse splits of which a classifier can learn nothing, or whose test it cannot pass.

    Raises:
        CorpusError: an example without a label, a part without examples, one class only, or a test part with
            a label that its training part lacks.
    """
    for split in splits:
        for part in ("train", "test"):
            chosen = getattr(split, part)
            if not chosen:
                raise CorpusError(f"the {part} part of {split.name} is empty: use another kind of split")
            bare = [i for i in chosen if not examples[i].gold]
            if bare:
                raise CorpusError(
                    f"{len(bare)} of the {len(chosen)} examples in the {part} part of {split.name} have no "
                    f"label, the first is {examples[bare[0]].file}: label them or take them out"
                )
        learnt = {str(examples[i].gold) for i in split.train}
        if len(learnt) < 2:
            raise CorpusError(
                f"all {len(split.train)} training examples of {split.name} are labelled {learnt.pop()}: "
                "a classifier needs at least 2 labels"
            )
        unseen = sorted({str(examples[i].gold) for i in split.test} - learnt)
        if unseen:
            raise CorpusError(
                f"{split.name} tests {', '.join(unseen)}, which its training part lacks: drop the label, "
                "or use fewer folds or another kind of split"
            )


def speaker_overlap(examples: Sequence[Example], split: Split) -> float:
    """Share of the test speakers who are also in the training part; 0 means speaker-independent."""
    train = {(examples[i].corpus, examples[i].speaker) for i in split.train}
    test = {(examples[i].corpus, examples[i].speaker) for i in split.test}
    return len(test & train) / len(test)


def key(example: Example, column: str) -> Group:
    """The group of an example; names of speakers, sentences and files count within their corpus."""
    value = str(getattr(example, column) or "")
    if column == "text":
        value = sentence(value)
    return (example.corpus if column in ("speaker", "text") else "", value)


def sentence(text: str) -> str:
    """A text without case, punctuation and doubled spaces, so that two spellings of a sentence are one."""
    return " ".join("".join(c if c.isalnum() else " " for c in text.casefold()).split())


def groups(examples: Sequence[Example], column: str) -> dict[Group, list[int]]:
    """Positions of each group's examples, sorted by group.

    Raises:
        OptionError: a column that examples cannot be grouped by.
        CorpusError: an example that names no group, or fewer than two groups.
    """
    if column not in GROUPS:
        raise unknown_name("column to group by", column, GROUPS)
    found: dict[Group, list[int]] = defaultdict(list)
    for index, example in enumerate(examples):
        found[key(example, column)].append(index)
    bare = sorted(index for group, indices in found.items() if not group[1] for index in indices)
    if bare:
        first = examples[bare[0]].file
        if column == "speaker":
            more = f" (nor do {len(bare) - 1} others)" if len(bare) > 1 else ""
            raise CorpusError(f"{first} names no speaker{more}: a speaker-independent split needs one")
        raise CorpusError(
            f"{len(bare)} of {len(examples)} examples name no {column}, the first is {first}: "
            f"fill in the column {column} or group by another one"
        )
    if len(found) < 2:
        raise CorpusError(f"{len(found)} {column} cannot be both learnt from and held out: use at least 2")
    return dict(sorted(found.items()))


def hold_out(name: str, size: int, held_out: Iterable[int]) -> Split:
    """A split of positions 0 to ``size`` - 1 that tests the given ones and learns from all others."""
    test = set(held_out)
    return Split(name, tuple(i for i in range(size) if i not in test), tuple(sorted(test)))


def stem(example: Example) -> str:
    """File name without folder and ending."""
    return Path(example.file).stem
