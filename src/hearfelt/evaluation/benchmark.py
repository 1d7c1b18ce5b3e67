"""Systems judged on the folds of a split, one fold after the other, each kept on disk as soon as it is done.

A system is anything with ``predict_proba(examples)`` and ``classes_`` in scikit-learn's manners, with or
without ``fit(examples)``, or a plain function that takes examples and gives a label for each.
"""

from __future__ import annotations

import hashlib
import json
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hearfelt.datasets import splits as splitting
from hearfelt.datasets.files import atomic
from hearfelt.datasets.splits import Split
from hearfelt.errors import CorpusError, HearfeltError, InputError, OptionError
from hearfelt.evaluation.answers import Answers, answered
from hearfelt.types import Example

Report = Callable[[str], None]
Factory = Callable[[], Any]
"""Makes a system that has learnt nothing yet, anew for every fold."""

TIMED = 20
"""Clips that the real-time factor is measured on."""


@dataclass(frozen=True, eq=False)
class Result:
    """What a system said of all test clips, fold after fold.

    Args:
        name: of the system.
        answers: of all folds; a label that a fold's model did not know has probability 0 there.
        folds: names of the splits, in the order of ``answers.fold``.
        trained: whether it has a ``fit``.
        fit_s: seconds that learning took, over all folds, with measuring what no cache held.
        predict_s: seconds that answering took, over all folds; features may come from a cache.
        rtf: real-time factor of answering, seconds of work a second of sound: of the first `TIMED` clips of
            the first fold, asked a second time without a cache; None where a sound file is not there.
        seen: corpora that a trained system says it has learnt from.
    """

    name: str
    answers: Answers
    folds: tuple[str, ...]
    trained: bool
    fit_s: float
    predict_s: float
    rtf: float | None
    seen: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Fold:
    labels: npt.NDArray[np.str_]
    probabilities: npt.NDArray[np.float64]
    facts: dict[str, Any]


def run(
    systems: Mapping[str, Factory],
    examples: Sequence[Example],
    splits: Sequence[Split],
    *,
    folder: Path | None = None,
    report: Report = lambda _: None,
    options: Mapping[str, Any] | None = None,
) -> dict[str, Result]:
    """Judge each system on every split; name to result, in the order of ``systems``.

    Args:
        folder: keeps each fold's answers as ``<system>/<split>.npz``; a run that was stopped goes on behind
            the folds that are there. None keeps nothing.
        report: gets a sentence for each fold.
        options: whatever else decides the answers, plain JSON data: a folder of other options is refused.

    Raises:
        CorpusError: splits of which nothing can be learnt, a system whose answers are NaN, of the wrong shape
            or about other labels, or a folder that cannot be written. Folds that were done stay.
        OptionError: the folder holds folds of other clips or options.
        HearfeltError: what a system itself says no to, with its name and fold in front.
    """
    fixed = _check(systems, examples, splits)
    results = {}
    for name, factory in systems.items():
        done = []
        for number, split in enumerate(splits):
            place = None if folder is None else folder / _file(name) / f"{_file(split.name)}.npz"
            mark = _mark(name, examples, split, options or {})
            fold = None if place is None else _load(place, mark)
            if fold is None:
                fold = _answer(name, factory, examples, split, timed=number == 0)
                if place is not None:
                    _save(place, fold, mark)
                took = f"fit {fold.facts['fit_s']:.1f} s, answers {fold.facts['predict_s']:.1f} s"
            else:
                took = "kept from before"
            left = (len(splits) - number - 1) * (fold.facts["fit_s"] + fold.facts["predict_s"])
            took += f", about {left:.0f} s left for this model" if left >= 1 else ""
            report(f"{name}: {split.name} ({number + 1} of {len(splits)}), {took}")
            done.append(fold)
        results[name] = _joined(name, examples, splits, done, name in fixed)
    return results


def _check(
    systems: Mapping[str, Factory], examples: Sequence[Example], splits: Sequence[Split]
) -> frozenset[str]:
    """Refuse what cannot be judged; gives the systems that learn nothing."""
    if not systems:
        raise OptionError("no system to judge: name at least one")
    if not splits:
        raise CorpusError("no split to judge on: give at least one")
    fixed = frozenset(name for name, factory in systems.items() if not hasattr(factory(), "fit"))
    if len(fixed) < len(systems):
        splitting.check(examples, splits)
    return fixed


def _answer(name: str, factory: Factory, examples: Sequence[Example], split: Split, *, timed: bool) -> _Fold:
    system = factory()
    train, test = ([examples[i] for i in part] for part in (split.train, split.test))
    try:
        started = time.perf_counter()
        if hasattr(system, "fit"):
            system.fit(train)
        fitted = time.perf_counter()
        labels, table = _asked(system, test)
        done = time.perf_counter()
        checked = answered(test, labels, table, who=name)
    except HearfeltError as error:
        raise (
            type(error)(f"{name}, {split.name}: {error}") if not hasattr(error, "extra") else error
        ) from None
    assert checked.probabilities is not None
    facts = {
        "fit_s": fitted - started,
        "predict_s": done - fitted,
        "rtf": _real_time_factor(system, test[:TIMED]) if timed else None,
        "seen": list(getattr(system, "corpora", ())),
    }
    return _Fold(np.array(checked.labels), checked.probabilities, facts)


def _asked(system: Any, test: Sequence[Example]) -> tuple[tuple[str, ...], npt.NDArray[Any]]:
    """The labels a system may answer and its probabilities; labels alone become probabilities of 1."""
    if hasattr(system, "predict_proba"):
        table = np.asarray(system.predict_proba(test))
        return tuple(map(str, system.classes_)), table
    given = [str(label) for label in system(test)]
    if len(given) != len(test):
        raise CorpusError(f"{len(given)} labels for {len(test)} clips: a system must answer each of them")
    labels = tuple(sorted({*given, *(str(e.gold) for e in test)}))
    return labels, np.array([[float(label == one) for label in labels] for one in given])


def _real_time_factor(system: Any, clips: Sequence[Example]) -> float | None:
    """How long it takes to answer clips with nothing cached, a second of sound."""
    seconds = _seconds(clips)
    if not seconds:
        return None
    cache = getattr(system, "cache", None)
    if cache is not None:
        system.cache = None
    started = time.perf_counter()
    _asked(system, clips)
    took = time.perf_counter() - started
    if cache is not None:
        system.cache = cache
    return took / seconds


def _seconds(test: Sequence[Example]) -> float | None:
    from hearfelt import audio

    total = 0.0
    for example in test:
        if example.segment is not None:
            total += example.segment.duration_s
            continue
        try:
            seconds = audio.probe(Path(example.file)).duration_s
        except InputError:
            seconds = None
        if seconds is None:
            return None
        total += seconds
    return total


def _joined(
    name: str, examples: Sequence[Example], splits: Sequence[Split], folds: Sequence[_Fold], fixed: bool
) -> Result:
    labels = tuple(dict.fromkeys(label for fold in folds for label in fold.labels.tolist()))
    labels = labels if len({fold.labels.tobytes() for fold in folds}) == 1 else tuple(sorted(labels))
    tables, numbers, tested = [], [], []
    for number, (split, fold) in enumerate(zip(splits, folds, strict=True)):
        table = np.zeros((len(fold.probabilities), len(labels)))
        table[:, [labels.index(label) for label in fold.labels.tolist()]] = fold.probabilities
        tables.append(table)
        numbers += [number] * len(table)
        tested += [examples[i] for i in split.test]
    answers = answered(tested, labels, np.concatenate(tables), fold=np.array(numbers), who=name)
    return Result(
        name=name,
        answers=answers,
        folds=tuple(split.name for split in splits),
        trained=not fixed,
        fit_s=sum(fold.facts["fit_s"] for fold in folds),
        predict_s=sum(fold.facts["predict_s"] for fold in folds),
        rtf=folds[0].facts["rtf"],
        seen=tuple(dict.fromkeys(corpus for fold in folds for corpus in fold.facts["seen"])),
    )


def _file(name: str) -> str:
    """A name that every file system takes; a mark in the file tells apart what this makes alike."""
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in name).lstrip(".") or "_"


def _mark(name: str, examples: Sequence[Example], split: Split, options: Mapping[str, Any]) -> str:
    """A hash of what decides a fold's answers: the system, its options, and every clip with its label."""
    state = hashlib.sha256(json.dumps([name, split.name, options], sort_keys=True, default=str).encode())
    for part in (split.train, split.dev, split.test):
        rows = [
            (Path(e.file).name, e.segment.start_s if e.segment else None, e.corpus, e.speaker, e.gold)
            for e in (examples[i] for i in part)
        ]
        state.update(json.dumps(rows).encode())
    return state.hexdigest()


def _save(path: Path, fold: _Fold, mark: str) -> None:
    facts = json.dumps(fold.facts | {"mark": mark})
    arrays = {"labels": fold.labels, "probabilities": fold.probabilities, "facts": np.array(facts)}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic(path) as part, part.open("wb") as stream:
            np.savez(stream, **arrays)  # type: ignore[arg-type]
    except OSError as error:
        raise CorpusError(
            f"the answers of a fold cannot be written to {path} ({error.strerror or error}): free space or "
            "name another folder; the folds before it are kept"
        ) from None


def _load(path: Path, mark: str) -> _Fold | None:
    """A fold that was done before; None where there is none."""
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as stored:
            facts = json.loads(str(stored["facts"]))
            fold = _Fold(stored["labels"], stored["probabilities"], facts)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise CorpusError(f"{path} cannot be read ({error}): remove it, and its fold is run again") from None
    if facts.get("mark") != mark:
        raise OptionError(
            f"{path} was made of other clips, labels or options: name another folder, or remove this one"
        )
    return fold
