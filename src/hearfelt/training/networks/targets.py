"""What the tasks learn from a table: targets in the shapes of `hearfelt.models.networks.heads`."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from hearfelt.errors import CorpusError
from hearfelt.models.networks.heads import DIMENSIONS, Task, encode
from hearfelt.models.networks.losses import balanced
from hearfelt.training.networks.recipe import TaskChoice
from hearfelt.types import Example, Segment

SENTIMENTS = ("negative", "neutral", "positive")
NEUTRAL_VALENCE = 0.15
"""Words whose valence lies this close to 0 are neutral."""

Targets = Mapping[str, npt.NDArray[Any]]


def named(
    choices: Sequence[TaskChoice], examples: Sequence[Example], emotions: Sequence[str] = ()
) -> tuple[TaskChoice, ...]:
    """The choices with the labels of a table where they name none, so that all folds have the same.

    Args:
        emotions: of the task ``emotion``, where the recipe names them for all tasks.
    """
    found = []
    for choice in choices:
        own = emotions if choice.name == "emotion" else ()
        labels = choice.labels or tuple(own) or _LABELS[choice.name](examples)
        found.append(dataclasses.replace(choice, labels=labels))
    return tuple(found)


def resolve(choices: Sequence[TaskChoice], examples: Sequence[Example]) -> tuple[Task, ...]:
    """The tasks with their labels and class weights, taken from the examples to learn from.

    Raises:
        CorpusError: a task of which these examples teach nothing; the sentence says which column to fill in.
    """
    return tuple(_resolved(choice, examples) for choice in choices)


def _resolved(choice: TaskChoice, examples: Sequence[Example]) -> Task:
    labels = choice.labels or _LABELS[choice.name](examples)
    _check(choice, examples)
    task = Task(
        choice.name,
        choice.kind_,
        labels,
        choice.weight,
        loss=choice.loss,
        focal_gamma=choice.focal_gamma,
        smoothing=choice.smoothing,
    )
    if not choice.balanced or choice.kind_ != "single":
        return task
    found = targets([task], [choice], examples)[task.name]
    weights = balanced([int(value) for value in found], len(labels))
    return dataclasses.replace(task, class_weights=weights)


def _check(choice: TaskChoice, examples: Sequence[Example]) -> None:
    column = {"dimensions": "arousal, valence and dominance", "characters": "text", "sentiment": "text"}
    if choice.name == "dimensions":
        taught = sum(any(value is not None for value in _ratings(e)) for e in examples)
    else:
        taught = len(_LABELS[choice.name](examples))
    few = 1 if choice.name == "characters" else 2
    if taught < few:
        raise CorpusError(
            f"the task {choice.name!r} learns from the column {column.get(choice.name, choice.name)}, which "
            f"has {taught or 'no'} {'rated clips' if choice.name == 'dimensions' else 'different values'} in "
            f"the {len(examples)} training clips, at least {few} are needed: fill it in or leave the task out"
        )


def _ratings(example: Example) -> tuple[float | None, float | None, float | None]:
    return example.arousal, example.valence, example.dominance


def _distinct(column: str) -> Callable[[Sequence[Example]], tuple[str, ...]]:
    return lambda examples: tuple(sorted({str(v) for e in examples if (v := getattr(e, column))}))


def _emotions(examples: Sequence[Example]) -> tuple[str, ...]:
    voted = {label for e in examples for label in (e.soft or {})}
    return tuple(sorted(voted | {e.gold for e in examples if e.gold}))


_LABELS: Mapping[str, Callable[[Sequence[Example]], tuple[str, ...]]] = {
    "emotion": _emotions,
    "dimensions": lambda examples: DIMENSIONS,
    "gender": _distinct("gender"),
    "language": _distinct("language"),
    "sentiment": lambda examples: SENTIMENTS if any(e.text for e in examples) else (),
    "characters": lambda examples: tuple(sorted({c for e in examples for c in (e.text or "").lower()})),
}


def targets(
    tasks: Sequence[Task], choices: Sequence[TaskChoice], examples: Sequence[Example]
) -> dict[str, npt.NDArray[Any]]:
    """One array a task, a row an example; what is missing is marked as the heads' table says."""
    return {task.name: _targets(task, choice, examples) for task, choice in zip(tasks, choices, strict=True)}


def _targets(task: Task, choice: TaskChoice, examples: Sequence[Example]) -> npt.NDArray[Any]:
    if task.name == "dimensions":
        rows = [[math.nan if v is None else v for v in _ratings(e)] for e in examples]
        return np.array(rows, dtype=np.float32)
    if task.name == "characters":
        return _texts(task, examples)
    if task.name == "emotion" and task.kind != "single":
        shares = np.array([_shares(task, e) for e in examples], dtype=np.float32)
        if task.kind == "soft":
            return shares
        present = (shares >= choice.min_share).astype(np.float32)
        present[np.isnan(shares)] = np.nan
        return present
    place = {label: number for number, label in enumerate(task.labels)}
    return np.array([place.get(v, -1) for v in _values(task.name, examples)], dtype=np.int64)


def _values(name: str, examples: Sequence[Example]) -> list[str]:
    if name == "emotion":
        return [e.gold or "" for e in examples]
    if name == "sentiment":
        return [sentiment(e.text, e.language) if e.text else "" for e in examples]
    return [getattr(e, name) or "" for e in examples]


def _shares(task: Task, example: Example) -> list[float]:
    votes = example.soft or ({example.gold: 1.0} if example.gold else {})
    shares = [float(votes.get(label, 0.0)) for label in task.labels]
    total = sum(shares)
    return [share / total for share in shares] if total > 0 else [math.nan] * len(shares)


def _texts(task: Task, examples: Sequence[Example]) -> npt.NDArray[np.int64]:
    rows = [encode(task, e.text or "") for e in examples]
    found = np.full((len(rows), max(1, *map(len, rows))), -1, dtype=np.int64)
    for row, characters in zip(found, rows, strict=True):
        row[: len(characters)] = characters
    return found


@lru_cache(maxsize=1)
def _reader() -> Any:
    from hearfelt.language.words.text import TextModel

    return TextModel.load()


@lru_cache(maxsize=65536)
def sentiment(text: str, language: str | None) -> str:
    """What the shipped text model reads in a text; empty where it does not read its language."""
    (evidence,) = _reader().predict([(text, Segment(0.0, 0.0))], language)
    if evidence is None:
        return ""
    valence = evidence.emotion.valence or 0.0
    if abs(valence) < NEUTRAL_VALENCE:
        return "neutral"
    return "positive" if valence > 0 else "negative"
