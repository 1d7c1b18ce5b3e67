"""A made corpus whose features need no measuring: a table of examples and a row of numbers for each."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from hearfelt.features import matrix
from hearfelt.types import Example, FloatArray

LABELS = ("anger", "happiness", "neutral", "sadness")


@dataclasses.dataclass(frozen=True)
class Corpus:
    """Examples and their features, float32 ``(n, 12)``."""

    examples: tuple[Example, ...]
    values: FloatArray

    def of(self, *speakers: str) -> list[Example]:
        return [e for e in self.examples if e.speaker in speakers]

    def rows(self, examples: Sequence[Example]) -> FloatArray:
        place = {e.file: i for i, e in enumerate(self.examples)}
        return self.values[[place[e.file] for e in examples]]

    @property
    def gold(self) -> list[str]:
        return [str(e.gold) for e in self.examples]


def made(speakers: int = 6, takes: int = 6, seed: int = 0) -> Corpus:
    """Four labels as overlapping clouds; each speaker has an offset of the size of the clouds."""
    random = np.random.default_rng(seed)
    centres = random.standard_normal((4, 12)) * 1.3
    examples, rows = [], []
    for speaker in range(speakers):
        offset = random.standard_normal(12) * 0.7
        for number in range(4 * takes):
            label = number % 4
            row = centres[label] + offset + random.standard_normal(12)
            other = LABELS[(label + 1) % 4]
            examples.append(
                Example(
                    f"s{speaker}-{number}.wav",
                    LABELS[label],
                    speaker=f"s{speaker}",
                    corpus="made",
                    licence="CC0",
                    soft={LABELS[label]: 0.7, other: 0.3},
                    arousal=float(np.tanh(0.3 * row[0])),
                    valence=float(np.tanh(0.3 * row[1])),
                )
            )
            rows.append(row)
    return Corpus(tuple(examples), np.array(rows, dtype=np.float32))


@pytest.fixture
def corpus(monkeypatch: pytest.MonkeyPatch) -> Corpus:
    """The made corpus; `hearfelt.features.matrix.measure` looks its features up instead of measuring."""
    made_corpus = made()
    place = {e.file: i for i, e in enumerate(made_corpus.examples)}

    def measure(inputs: Sequence[object], extractor: object, **_: object) -> matrix.Measured:
        names = [str(getattr(one, "file", one)) for one in inputs]
        values = made_corpus.values[[place[Path(name).name] for name in names]]
        return matrix.Measured(values, tuple(f"f{i}" for i in range(12)), "made/1", {})

    monkeypatch.setattr(matrix, "measure", measure)
    return made_corpus
