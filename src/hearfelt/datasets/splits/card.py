"""What a score on a split means: who and what its parts share, and what the weights have heard before."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hearfelt.datasets.splits.base import Split, key
from hearfelt.types import Example

Counts = Mapping[str, tuple[int, int]]
"""Label to the fewest and the most examples that a fold has of it."""


@dataclass(frozen=True, slots=True)
class SplitCard:
    """What stands beside every score: `statement` first and loudly, then `sentences`.

    Args:
        kind: such as ``leave one speaker out``.
        folds: how many splits there are.
        corpora: of the test parts.
        test_speakers, shared_speakers: of the fold where most test speakers are also in training.
        nameless: examples that name no speaker.
        duplicates: test clips whose decoded samples are in their training part too; None where nobody
            looked.
        text_overlap: share of the test clips with a text whose sentence is in their training part too; None
            where no test clip has a text.
        labels: for each part, the fewest and most examples of each label over the folds.
        seeds: of the split and of the training, as the caller names them.
        seen: corpora that the weights had learnt from beforehand, as the caller names them.
    """

    kind: str
    folds: int
    corpora: tuple[str, ...]
    test_speakers: int
    shared_speakers: int
    nameless: int
    duplicates: int | None
    text_overlap: float | None
    labels: Mapping[str, Counts] = field(default_factory=dict)
    seeds: tuple[int, ...] = ()
    seen: tuple[str, ...] = ()

    @property
    def speaker_overlap(self) -> float:
        """Share of the test speakers who are also in training, in the worst fold; 1 where nobody knows."""
        return 1.0 if self.nameless else self.shared_speakers / max(self.test_speakers, 1)

    @property
    def speaker_independent(self) -> bool:
        """True where every example names its speaker and no test speaker is in training."""
        return not self.nameless and self.shared_speakers == 0

    @property
    def contaminated(self) -> tuple[str, ...]:
        """Test corpora that the weights had learnt from beforehand."""
        return tuple(name for name in self.corpora if name in self.seen)

    @property
    def statement(self) -> str:
        """One line to print with every score."""
        if self.nameless:
            line = (
                f"SPEAKERS UNKNOWN: {self.nameless} examples name no speaker, so test speakers may be "
                "in training"
            )
        elif self.shared_speakers:
            line = (
                f"SPEAKER-DEPENDENT: {self.shared_speakers} of {self.test_speakers} test speakers "
                "are also in training"
            )
        else:
            line = "speaker-independent: no test speaker is in training"
        if self.contaminated:
            line += f"; SEEN BEFORE: the weights learnt from {', '.join(self.contaminated)}"
        return line

    def sentences(self) -> tuple[str, ...]:
        """The rest of the card, a short sentence each."""
        said = [f"Protocol: {self.kind}, {self.folds} {'fold' if self.folds == 1 else 'folds'}."]
        if self.duplicates is not None:
            said.append(
                f"Exact duplicates: {self.duplicates} test clips are in training too."
                if self.duplicates
                else "Exact duplicates: no test clip is in training too."
            )
        else:
            said.append("Exact duplicates: not looked for.")
        if self.text_overlap is not None:
            said.append(
                f"Sentences: {self.text_overlap:.0%} of the test clips say one that is in training too."
            )
        missing = sorted(label for label, (fewest, _) in self.labels.get("test", {}).items() if not fewest)
        if missing:
            said.append(f"Labels: some test parts lack {', '.join(missing)}.")
        if self.seeds:
            said.append(f"Seeds: {', '.join(map(str, self.seeds))}.")
        said.append(f"The weights had learnt from: {', '.join(self.seen) or 'nothing'}.")
        return tuple(said)

    def to_dict(self) -> dict[str, Any]:
        """The card as plain JSON data, its statement and verdict included."""
        data = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        data["labels"] = {
            part: {label: list(ends) for label, ends in counts.items()}
            for part, counts in self.labels.items()
        }
        data |= {name: list(data[name]) for name in ("corpora", "seeds", "seen")}
        return data | {
            "statement": self.statement,
            "speaker_independent": self.speaker_independent,
            "speaker_overlap": self.speaker_overlap,
        }


def card(
    examples: Sequence[Example],
    splits: Sequence[Split],
    kind: str,
    *,
    seeds: Iterable[int] = (),
    seen: Iterable[str] = (),
    hashes: Sequence[str | None] | None = None,
) -> SplitCard:
    """The card of some splits of a table.

    The dev part counts as training: whoever chooses options on it has heard it.

    Args:
        kind: such as ``EmoBox folds``.
        seeds, seen: as in `SplitCard`.
        hashes: of each example's decoded samples (`hearfelt.datasets.quality.hashes`), None for one that
            could not be read; without any, duplicates are not looked for.
    """
    used = sorted({i for split in splits for i in (*split.train, *split.dev, *split.test)})
    speakers = [_overlap(examples, split, "speaker") for split in splits]
    shared, tested = max(speakers, key=lambda pair: (pair[0] / max(pair[1], 1), pair[1]), default=(0, 0))
    texts = [_said_before(examples, split) for split in splits]
    with_text = sum(total for _, total in texts)
    return SplitCard(
        kind=kind,
        folds=len(splits),
        corpora=tuple(sorted({examples[i].corpus for split in splits for i in split.test})),
        test_speakers=tested,
        shared_speakers=shared,
        nameless=sum(not examples[i].speaker for i in used),
        duplicates=None if hashes is None else sum(_heard_before(hashes, split) for split in splits),
        text_overlap=sum(known for known, _ in texts) / with_text if with_text else None,
        labels=_labels(examples, splits, used),
        seeds=tuple(seeds),
        seen=tuple(dict.fromkeys(seen)),
    )


def _overlap(examples: Sequence[Example], split: Split, column: str) -> tuple[int, int]:
    """How many of the test groups are also learnt from, and how many there are."""
    train = {key(examples[i], column) for i in (*split.train, *split.dev)}
    test = {key(examples[i], column) for i in split.test}
    return len(test & train), len(test)


def _said_before(examples: Sequence[Example], split: Split) -> tuple[int, int]:
    """How many test clips say a sentence of the training part, and how many have a text."""
    train = {key(examples[i], "text")[1] for i in (*split.train, *split.dev)}
    test = [key(examples[i], "text")[1] for i in split.test]
    return sum(bool(text) and text in train for text in test), sum(map(bool, test))


def _heard_before(hashes: Sequence[str | None], split: Split) -> int:
    train = {hashes[i] for i in (*split.train, *split.dev)} - {None}
    return sum(hashes[i] in train for i in split.test)


def _labels(examples: Sequence[Example], splits: Sequence[Split], used: Sequence[int]) -> dict[str, Counts]:
    names = sorted({str(examples[i].gold) for i in used if examples[i].gold})
    parts: dict[str, Counts] = {}
    for part in ("train", "dev", "test"):
        counts = [Counter(examples[i].gold for i in getattr(split, part)) for split in splits]
        if any(counts):
            parts[part] = {n: (min(c[n] for c in counts), max(c[n] for c in counts)) for n in names}
    return parts
