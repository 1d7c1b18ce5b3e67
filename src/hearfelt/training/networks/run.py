"""Recipes of the kind ``network``; see `hearfelt.training.kinds.Runner`.

``out/fold0 …`` each hold the network that has not heard the fold's test speakers, ``answers.npz`` what it
said of them for every task; ``out/heldout.npz`` the answers of the first task with one label a clip over all
folds, ``out/scores.json`` figures of every task, ``out/final`` the network that has learnt from everything.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hearfelt.datasets.splits import Split
from hearfelt.errors import OptionError
from hearfelt.evaluation import protocols
from hearfelt.evaluation.protocols import HeldOut
from hearfelt.models.networks.heads import Task
from hearfelt.training import scored, table
from hearfelt.training.files import atomic, write_json
from hearfelt.training.networks import lesson, material, model, scores, targets
from hearfelt.training.networks.lesson import Answers
from hearfelt.training.networks.material import Material
from hearfelt.training.networks.recipe import NetworkRecipe
from hearfelt.training.tell import tell
from hearfelt.training.watch import How, Report, named
from hearfelt.types import Example


def read(recipe: NetworkRecipe, data: Path | str) -> list[Example]:
    """The table; clips without a label are kept where a task learns from another column."""
    needs_label = all(task.name == "emotion" for task in recipe.tasks)
    return table.read(recipe.data, data, unlabelled=not needs_label)


def filled(recipe: NetworkRecipe, examples: Sequence[Example]) -> NetworkRecipe:
    """Every task with its labels."""
    tasks = targets.named(recipe.tasks, examples, recipe.data.labels)
    targets.resolve(tasks, examples)
    return dataclasses.replace(recipe, tasks=tasks)


def measure(
    recipe: NetworkRecipe, examples: Sequence[Example], cache: Path, report: Report, workers: int
) -> Material:
    """Log-mels, and functionals where they are fused."""
    waveform = lesson.hears_waveform(recipe)
    if waveform:
        report("this network hears the waveform: clips are cut to loop.max_s, [augment] is not applied")
    return material.measured(recipe, examples, cache, report, workers, waveform)


def run_folds(
    recipe: NetworkRecipe,
    clips: Material,
    folds: Sequence[Split],
    out: Path,
    report: Report,
    only: Sequence[int] = (),
    how: How | None = None,
) -> dict[str, Any]:
    """Train and judge each fold not done yet; the scores of all finished folds."""
    for number, split, folder in scored.unfinished(folds, out, only, "answers.npz"):
        network = model.learnt(recipe, clips, split.train, folder, named(report, f"fold {number}"), how)
        said = lesson.answers(network, clips, split.test)
        with atomic(folder / "answers.npz") as part, part.open("wb") as stream:
            np.savez(stream, test=np.array(split.test), **{f"task_{k}": v for k, v in said.items()})  # type: ignore[arg-type]
    return collect(recipe, clips, out)


def run_final(recipe: NetworkRecipe, clips: Material, out: Path, report: Report, how: How) -> Any:
    """Train on every clip. Nothing is measured on it: its scores are those of the folds."""
    folder, everything = out / "final", range(len(clips.examples))
    network = model.learnt(recipe, clips, everything, folder, named(report, "all clips"), how)
    model.write(network, recipe, folder)
    tell(out, recipe, clips.examples)
    return network


def judged(
    recipe: NetworkRecipe, clips: Material, split: Split, folder: Path, report: Report, how: How
) -> HeldOut:
    """What a network says of the test part of a split; for a recipe whose first task has one label a clip.

    Raises:
        OptionError: the first task is of another kind.
    """
    network = model.learnt(recipe, clips, split.train, folder, report, how)
    task = network.tasks[0]
    if task.kind not in ("single", "soft"):
        raise OptionError(
            f"the first task {task.name!r} is of kind {task.kind!r}: put one with a label a clip first"
        )
    said = lesson.answers(network, clips, split.test)
    truth = targets.targets([task], recipe.tasks[:1], clips.examples)[task.name]
    return held_out(task, said[task.name], truth, clips, split.test, 0)


def collect(recipe: NetworkRecipe, clips: Material, out: Path) -> dict[str, Any]:
    """Join what the finished folds said, and write it and its scores.

    Raises:
        OptionError: no fold is finished.
    """
    stored = {int(path.parent.name[4:]): _stored(path) for path in sorted(out.glob("fold*/answers.npz"))}
    if not stored:
        raise OptionError(f"no fold of {out} is finished: run its folds first")
    tasks = targets.resolve(recipe.tasks, clips.examples)
    truth = targets.targets(tasks, recipe.tasks, clips.examples)
    found: dict[str, Any] = {"tasks": {}}
    test = np.concatenate([answers["test"] for answers in stored.values()])
    for task in tasks:
        said = np.concatenate([answers[f"task_{task.name}"] for answers in stored.values()])
        figures = scores.of(task, said, truth[task.name][test])
        found["tasks"][task.name] = {name: round(value, 4) for name, value in figures.items()}
    labelled = next((task for task in tasks if task.kind in ("single", "soft")), None)
    if labelled is not None:
        parts = []
        for number, answers in sorted(stored.items()):
            name = labelled.name
            held = held_out(
                labelled, answers[f"task_{name}"], truth[name], clips, answers["test"].tolist(), number
            )
            with atomic(out / f"fold{number}" / "heldout.npz") as part, part.open("wb") as stream:
                held.save(stream)
            parts.append(held)
        joined = protocols.join(parts)
        with atomic(out / "heldout.npz") as part, part.open("wb") as stream:
            joined.save(stream)
        found |= protocols.by_group(joined) | {"mean_over_folds": protocols.mean_over_folds(joined)}
    write_json(out / "scores.json", found)
    return found


def held_out(task: Task, logits: Any, truth: Any, clips: Material, test: Sequence[int], fold: int) -> HeldOut:
    """Answers of a task with one label a clip, of the clips that have a target."""
    gold = truth[list(test)]
    known = np.flatnonzero(gold >= 0 if task.kind == "single" else np.isfinite(gold).all(axis=1)).tolist()
    places = gold[known] if task.kind == "single" else gold[known].argmax(axis=1)
    chosen = [clips.examples[test[i]] for i in known]
    return scored.held_out(
        chosen,
        task.labels,
        np.asarray(logits)[known],
        fold,
        gold=np.array(task.labels)[places].tolist(),
        durations_s=clips.clips.durations_s[[test[i] for i in known]],
    )


def _stored(path: Path) -> Answers:
    with np.load(path) as stored:
        return {name: stored[name] for name in stored.files}
