"""What the decoder writes, as numbers; no torch."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hearfelt.models.written import AXES, LEVELS, Answer

PAD, ASK, END, NO, YES = range(5)
_FIRST_LEVEL = 5
_FIRST_LABEL = _FIRST_LEVEL + len(AXES) * len(LEVELS)


@dataclass(frozen=True)
class Vocabulary:
    """The tokens: five special ones, each level of each dimension, the labels, the words of captions.

    Args:
        labels: in the order of the scores.
        words: of captions.
        multi_label: a clip may have several labels: yes or no is written for each.
    """

    labels: tuple[str, ...]
    words: tuple[str, ...] = ()
    multi_label: bool = False

    @property
    def size(self) -> int:
        """How many tokens there are."""
        return _FIRST_LABEL + len(self.labels) + len(self.words)

    @property
    def asks(self) -> int:
        """How many answers about labels come first: one, or one a label."""
        return len(self.labels) if self.multi_label else 1

    @property
    def first_label(self) -> int:
        """Number of the first label."""
        return _FIRST_LABEL

    def level(self, axis: int, place: int) -> int:
        """The token of a level of a dimension."""
        return _FIRST_LEVEL + axis * len(LEVELS) + place

    def label_tokens(self, labels: Sequence[str]) -> list[int]:
        """What is written at the places that ask for labels."""
        if self.multi_label:
            return [YES if label in labels else NO for label in self.labels]
        return [_FIRST_LABEL + self.labels.index(labels[0])]

    def rest_tokens(self, answer: Answer, dimensions: bool, caption: bool) -> list[int]:
        """Levels, words of the caption, the end; -1 for a level that is not known, which is not learnt."""
        found: list[int] = []
        if dimensions:
            levels = enumerate(answer.levels)
            found = [-1 if place is None else self.level(axis, place) for axis, place in levels]
        if caption:
            first = _FIRST_LABEL + len(self.labels)
            place = {word: first + number for number, word in enumerate(self.words)}
            found += [place[word] for word in split(answer.caption) if word in place]
        return [*found, END]

    def read_back(self, tokens: Sequence[int]) -> tuple[tuple[int | None, int | None, int | None], str]:
        """Levels and caption of what was written after the labels."""
        levels: list[int | None] = [None, None, None]
        words: list[str] = []
        for token in tokens:
            if token == END:
                break
            if _FIRST_LEVEL <= token < _FIRST_LABEL:
                axis, place = divmod(token - _FIRST_LEVEL, len(LEVELS))
                levels[axis] = place
            elif token >= _FIRST_LABEL + len(self.labels):
                words.append(self.words[token - _FIRST_LABEL - len(self.labels)])
        return (levels[0], levels[1], levels[2]), " ".join(words).replace(" ,", ",")

    def to_json(self) -> str:
        """A text that `of_json` reads."""
        return json.dumps({"labels": self.labels, "words": self.words, "multi_label": self.multi_label})


def of_json(text: str) -> Vocabulary:
    """The vocabulary that `Vocabulary.to_json` wrote."""
    found = json.loads(text)
    return Vocabulary(tuple(found["labels"]), tuple(found["words"]), bool(found["multi_label"]))


def split(caption: str) -> list[str]:
    """Words and commas of a caption, in lower case."""
    return caption.lower().replace(",", " , ").split()


def words_of(captions: Iterable[str], most: int = 500) -> tuple[str, ...]:
    """The most frequent words of captions, sorted."""
    counts = Counter(word for caption in captions for word in split(caption))
    return tuple(sorted(word for word, _ in counts.most_common(most)))
