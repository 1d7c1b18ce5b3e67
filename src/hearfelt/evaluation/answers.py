"""What a system said of labelled clips."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from hearfelt.errors import CorpusError
from hearfelt.types import Example

Floats = npt.NDArray[np.float64]
Strings = npt.NDArray[np.str_]

_SUM_TOLERANCE = 0.02


@dataclass(frozen=True, eq=False)
class Answers:
    """Labelled clips and what a system said of each.

    Args:
        examples: the clips, all with a gold label.
        labels: what the system may answer.
        predicted: its answers, shape ``(n,)``.
        probabilities: shape ``(n, n_labels)``, or None where it gave labels only.
        fold: which fold's model answered, shape ``(n,)``.
        ratings: arousal, valence or dominance as answered, shape ``(n,)``, NaN where it gave none.
        sets: the label sets it gave, true and false of shape ``(n, n_labels)``, or None.
    """

    examples: tuple[Example, ...]
    labels: tuple[str, ...]
    predicted: Strings
    probabilities: Floats | None
    fold: npt.NDArray[np.int64]
    ratings: Mapping[str, Floats] = field(default_factory=dict)
    sets: npt.NDArray[np.bool_] | None = None

    @property
    def gold(self) -> Strings:
        """The gold labels."""
        return np.array([e.gold or "" for e in self.examples])

    @property
    def targets(self) -> npt.NDArray[np.int64]:
        """Column of each gold label in ``labels``."""
        place = {label: i for i, label in enumerate(self.labels)}
        return np.array([place[e.gold or ""] for e in self.examples], dtype=np.int64)

    @property
    def speakers(self) -> Strings:
        """Speakers, named apart between corpora; a clip without one is a speaker of its own."""
        return np.array([speaker_of(e) for e in self.examples])

    @property
    def corpora(self) -> Strings:
        """The corpus of each clip."""
        return np.array([e.corpus for e in self.examples])

    @property
    def lacking(self) -> dict[str, tuple[str, ...]]:
        """Corpus to the labels that may be answered and that no clip of it has, where there are any."""
        gold, corpora = self.gold, self.corpora
        found = {
            str(name): tuple(x for x in self.labels if x not in set(gold[corpora == name].tolist()))
            for name in np.unique(corpora)
        }
        return {name: labels for name, labels in found.items() if labels}

    @property
    def predicted_within(self) -> Strings | None:
        """The most probable of the labels that each clip's corpus has; None without probabilities."""
        if self.probabilities is None:
            return None
        hidden = self.probabilities.copy()
        for name, labels in self.lacking.items():
            hidden[np.ix_(self.corpora == name, np.isin(self.labels, labels))] = -1.0
        answers: Strings = np.array(self.labels)[hidden.argmax(axis=1)]
        return answers

    def where(self, chosen: npt.NDArray[np.bool_]) -> Answers:
        """The clips for which ``chosen`` is true."""
        rows = np.flatnonzero(chosen)
        return dataclasses.replace(
            self,
            examples=tuple(self.examples[i] for i in rows),
            predicted=self.predicted[rows],
            probabilities=None if self.probabilities is None else self.probabilities[rows],
            fold=self.fold[rows],
            ratings={name: values[rows] for name, values in self.ratings.items()},
            sets=None if self.sets is None else self.sets[rows],
        )


def speaker_of(example: Example) -> str:
    """Corpus and speaker; the file where no speaker is named."""
    return f"{example.corpus}/{example.speaker}" if example.speaker else example.file


def answered(
    examples: Sequence[Example],
    labels: Sequence[str],
    probabilities: npt.NDArray[Any] | None,
    *,
    predicted: Sequence[str] | Strings | None = None,
    fold: npt.NDArray[np.int64] | None = None,
    ratings: Mapping[str, Floats] | None = None,
    sets: npt.NDArray[np.bool_] | None = None,
    who: str = "the system",
) -> Answers:
    """Answers that were checked: gold labels that may be answered, rows that are distributions.

    Raises:
        CorpusError: no clip, a clip without a gold label, a gold label that is not among ``labels``, or
            probabilities that are of the wrong shape, NaN, negative or do not sum to 1.
    """
    names = tuple(str(label) for label in labels)
    _check_gold(examples, names, who)
    table = None
    if probabilities is not None:
        table = _distribution(np.asarray(probabilities, dtype=np.float64), examples, names, who)
        if predicted is None:
            predicted = np.array(names)[table.argmax(axis=1)]
    if predicted is None:
        raise CorpusError(f"{who} gave neither labels nor probabilities: give one of them for every clip")
    return Answers(
        examples=tuple(examples),
        labels=names,
        predicted=np.asarray(predicted, dtype=np.str_),
        probabilities=table,
        fold=np.zeros(len(examples), dtype=np.int64) if fold is None else fold,
        ratings=ratings or {},
        sets=sets,
    )


def _check_gold(examples: Sequence[Example], labels: tuple[str, ...], who: str) -> None:
    if not examples:
        raise CorpusError("there is no clip to judge: give at least one")
    bare = [e.file for e in examples if not e.gold]
    if bare:
        raise CorpusError(
            f"{len(bare)} of {len(examples)} clips have no gold label, the first is {bare[0]}: label them or "
            "take them out"
        )
    strange = sorted({str(e.gold) for e in examples} - set(labels))
    if strange:
        raise CorpusError(
            f"the gold labels {', '.join(strange)} are none that {who} can answer ({', '.join(labels)}): "
            "rename them (--map calm=neutral), leave their clips out (--drop calm), or leave this model out"
        )


def _distribution(table: Floats, examples: Sequence[Example], labels: tuple[str, ...], who: str) -> Floats:
    if table.shape != (len(examples), len(labels)):
        raise CorpusError(
            f"{who} gave probabilities of shape {table.shape} for {len(examples)} clips and {len(labels)} "
            "labels: give one row a clip and one column a label"
        )
    bad = np.flatnonzero(~np.isfinite(table).all(axis=1))
    if len(bad):
        raise CorpusError(
            f"{who} gave NaN or infinite probabilities for {len(bad)} of {len(table)} clips, the first is "
            f"{examples[bad[0]].file}: look for features that are NaN"
        )
    sums = table.sum(axis=1)
    bad = np.flatnonzero((table < -1e-6).any(axis=1) | (np.abs(sums - 1) > _SUM_TOLERANCE))
    if len(bad):
        raise CorpusError(
            f"{who} gave {examples[bad[0]].file} probabilities that sum to {sums[bad[0]]:.3g}, the lowest "
            f"{table[bad[0]].min():.3g}: each must be at least 0 and all together 1"
        )
    kept = np.maximum(table, 0)
    result: Floats = kept / kept.sum(axis=1, keepdims=True)
    return result
