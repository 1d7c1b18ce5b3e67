"""Splits that somebody gave: the official parts of a corpus, and one corpus against another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from hearfelt.datasets.splits.base import Split
from hearfelt.errors import CorpusError, unknown_name
from hearfelt.types import Example

_PARTS = {
    "train": "train",
    "training": "train",
    "dev": "dev",
    "devel": "dev",
    "development": "dev",
    "val": "dev",
    "valid": "dev",
    "validation": "dev",
}


def official(examples: Sequence[Example]) -> list[Split]:
    """The split that the corpus comes with: its column ``split`` says train, dev or test.

    A corpus with several test parts (test1, test2 …, as MSP-Podcast has) gives one split for each.

    Raises:
        CorpusError: an example without a part, a part of another name, or no training or test part.
    """
    parts: dict[str, list[int]] = defaultdict(list)
    for index, example in enumerate(examples):
        name = (example.split or "").strip().casefold()
        part = _PARTS.get(name, name)
        if part not in ("train", "dev") and not part.startswith("test"):
            what = f"the split {example.split!r}" if name else "no split"
            raise CorpusError(
                f"{example.file} has {what}; known: train, dev, test: fill in the column split, "
                "or use another kind of split"
            )
        parts[part].append(index)
    tests = sorted(part for part in parts if part.startswith("test"))
    if not parts["train"] or not tests:
        there = ", ".join(sorted(part for part in parts if parts[part])) or "none"
        raise CorpusError(f"the column split has the parts {there}: it needs train and test")
    train, dev = tuple(parts["train"]), tuple(parts["dev"])
    return [Split(f"official {part}", train, tuple(parts[part]), dev) for part in tests]


def cross_corpus(examples: Sequence[Example], train: Sequence[str], test: Sequence[str]) -> Split:
    """Learn from some corpora, be tested on others; examples with labels that one side lacks are left out.

    Raises:
        OptionError: a corpus that no example is of.
        CorpusError: a corpus on both sides, or fewer than two shared labels.
    """
    known = sorted({e.corpus for e in examples})
    for name in (*train, *test):
        if name not in known:
            raise unknown_name("corpus", name, known)
    both = sorted(set(train) & set(test))
    if both:
        raise CorpusError(f"{', '.join(both)} cannot be both learnt from and tested on: leave it out of one")
    labels = [{e.gold for e in examples if e.corpus in side and e.gold} for side in (train, test)]
    shared = labels[0] & labels[1]
    if len(shared) < 2:
        raise CorpusError(
            f"{'+'.join(train)} and {'+'.join(test)} share {len(shared)} labels: use corpora that share at "
            "least 2, or rename labels with a label map"
        )
    sides = [
        tuple(i for i, e in enumerate(examples) if e.corpus in side and e.gold in shared)
        for side in (train, test)
    ]
    return Split(f"{'+'.join(train)} → {'+'.join(test)}", sides[0], sides[1])


def leave_one_corpus_out(examples: Sequence[Example]) -> list[Split]:
    """`cross_corpus` once for each corpus, which is tested on with a model of all others.

    Raises:
        CorpusError: fewer than two corpora, or fewer than two labels that a corpus shares with the others.
    """
    names = sorted({e.corpus for e in examples})
    if len(names) < 2:
        raise CorpusError(f"{len(names)} corpus cannot be both learnt from and held out: use at least 2")
    return [cross_corpus(examples, [n for n in names if n != name], [name]) for name in names]
