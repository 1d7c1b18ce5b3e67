"""Lines of dialogue: who says what after whom, with which emotion, and which part of the split holds it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from hearfelt.errors import CorpusError

SPLITS = ("train", "dev", "test")

MEASURES = (
    "duration",
    "avg_intensity",
    "intensity_variation",
    "avg_pitch",
    "pitch_std",
    "pitch_range",
    "articulation_rate",
    "mean_hnr",
)
"""The vocal measures a line may bring: seconds, dB, dB, Hz, Hz, Hz, syllables a second, dB."""


@dataclass(frozen=True, slots=True)
class Line:
    """One turn of a dialogue.

    Args:
        dialogue: name of its dialogue, unique in the table.
        number: its place in the dialogue; ascending, gaps are allowed.
        speaker: who says it; empty where unknown.
        text: what is said.
        label: the gold label in the corpus's own words; None where nobody labelled it.
        split: of `SPLITS`.
        measures: as `Dialogues.measures` names them, NaN where one could not be measured; or none at all.
        language: ISO 639-1.
    """

    dialogue: str
    number: int
    speaker: str
    text: str
    label: str | None
    split: str
    measures: tuple[float, ...] = ()
    language: str = ""


@dataclass(frozen=True, slots=True)
class Dialogues:
    """A table of lines with what must stand beside every number measured on it.

    Args:
        name: of the corpus, or the stem of a user's table.
        lines: the dialogues one after the other, each in its order.
        labels: every label, in the corpus's order.
        measures: names of the vocal measures, of `MEASURES`; empty where the table has none.
        protocol: where the split comes from, in a sentence.
        licence: of the words.
        shippable: whether weights that learnt from it may be shipped.
    """

    name: str
    lines: tuple[Line, ...]
    labels: tuple[str, ...]
    measures: tuple[str, ...]
    protocol: str
    licence: str
    shippable: bool

    def part(self, split: str) -> tuple[Line, ...]:
        """The lines of a part of the split, in their order."""
        return tuple(line for line in self.lines if line.split == split)


def grouped(lines: Sequence[Line]) -> list[list[int]]:
    """Positions of each dialogue's lines by their number; dialogues in the order of their first line."""
    found: dict[str, list[int]] = {}
    for position, line in enumerate(lines):
        found.setdefault(line.dialogue, []).append(position)
    return [sorted(group, key=lambda i: lines[i].number) for group in found.values()]


def ordered(lines: Sequence[Line]) -> tuple[Line, ...]:
    """The lines dialogue by dialogue, each by its number."""
    return tuple(lines[i] for group in grouped(lines) for i in group)


def deal(
    lines: Sequence[Line], shares: Iterable[tuple[str, float]], seed: int, rest: str | None = None
) -> list[Line]:
    """Whole dialogues dealt to parts by chance.

    Args:
        shares: part and its share of the dialogues; each gets at least one.
        rest: the part of all others; as they are where None.

    Raises:
        CorpusError: too few dialogues.
    """
    wanted = list(shares)
    names = list(dict.fromkeys(line.dialogue for line in lines))
    if len(names) <= len(wanted):
        raise CorpusError(
            f"{len(names)} dialogues cannot be dealt to {', '.join(name for name, _ in wanted)} and a rest "
            f"to learn from: give at least {len(wanted) + 1}, or a column split"
        )
    order = [names[i] for i in np.random.default_rng(seed).permutation(len(names))]
    part: dict[str, str] = {}
    for name, share in wanted:
        count = max(1, round(share * len(names)))
        part |= dict.fromkeys(order[:count], name)
        order = order[count:]
    return [replace(line, split=part.get(line.dialogue, rest or line.split)) for line in lines]


def check(table: Dialogues) -> Dialogues:
    """The table itself.

    Raises:
        CorpusError: no lines, a turn that stands twice, a dialogue in two parts, a part without a labelled
            line, fewer than two labels to learn, or a label that is tested and never learnt.
    """
    if not table.lines:
        raise CorpusError(f"{table.name} has no lines: give a table with at least one row a line of dialogue")
    turns = Counter((line.dialogue, line.number) for line in table.lines)
    twice = [turn for turn, count in turns.items() if count > 1]
    if twice:
        dialogue, number = twice[0]
        raise CorpusError(
            f"{table.name} has line {number} of dialogue {dialogue!r} twice (and {len(twice) - 1} others): "
            "number the lines of a dialogue from 0, each once"
        )
    parts: dict[str, str] = {}
    for line in table.lines:
        if parts.setdefault(line.dialogue, line.split) != line.split:
            raise CorpusError(
                f"dialogue {line.dialogue!r} of {table.name} is in {parts[line.dialogue]} and in {line.split}"
                ": a dialogue must be learnt from or held out as a whole"
            )
    known = {
        split: {line.label for line in table.lines if line.split == split and line.label is not None}
        for split in SPLITS
    }
    for split, labels in known.items():
        if not labels:
            raise CorpusError(
                f"no line of {table.name} in the part {split} has a label: label some, or leave the column "
                "split out to have the dialogues dealt"
            )
    if len(known["train"]) < 2:
        raise CorpusError(
            f"all labelled training lines of {table.name} are {known['train'].pop()!r}: "
            "give at least 2 labels"
        )
    unseen = sorted((known["dev"] | known["test"]) - known["train"])
    if unseen:
        raise CorpusError(
            f"{table.name} tests {', '.join(unseen)}, which no training line is labelled: correct the label, "
            "or leave its lines unlabelled"
        )
    return table
