"""Recipes of the kinds ``speech-llm`` and ``scratch``; see `hearfelt.training.kinds.Runner`.

``out/fold0 …`` each hold the network that has not heard the fold's test speakers and ``answers.npz``, the
score of every label; ``out/heldout.npz`` joins them, ``out/scores.json`` says how good they are,
``out/final`` is the network that has learnt from everything.
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
from hearfelt.models.writer import Writer
from hearfelt.training import scored, table
from hearfelt.training.files import atomic, write_json
from hearfelt.training.networks import scores, targets
from hearfelt.training.networks.recipe import TaskChoice
from hearfelt.training.tell import tell
from hearfelt.training.watch import How, Report, named
from hearfelt.training.written import lesson, material, model, sound
from hearfelt.training.written.material import Material
from hearfelt.training.written.recipe import ScratchRecipe, SpeechLlmRecipe, WrittenRecipe
from hearfelt.types import Example


def read(recipe: WrittenRecipe, data: Path | str) -> list[Example]:
    """The table of labelled clips."""
    return table.read(recipe.data, data)


def filled(recipe: WrittenRecipe, examples: Sequence[Example]) -> WrittenRecipe:
    """The labels of the table where the recipe names none."""
    labels = recipe.data.labels or table.labels_of(examples)
    return dataclasses.replace(recipe, data=dataclasses.replace(recipe.data, labels=labels))


def measure(
    recipe: WrittenRecipe, examples: Sequence[Example], cache: Path, report: Report, workers: int
) -> Material:
    """Log-mels, and cues where they are read or written."""
    waveform = lesson.hears_waveform(recipe)
    if waveform:
        report("this network hears the waveform: clips are cut to loop.max_s, [augment] is not applied")
    return material.measured(recipe, examples, cache, report, workers, waveform)


def run_folds(
    recipe: WrittenRecipe,
    clips: Material,
    folds: Sequence[Split],
    out: Path,
    report: Report,
    only: Sequence[int] = (),
    how: How | None = None,
) -> dict[str, Any]:
    """Train and judge each fold not done yet; the scores of all finished folds."""
    for number, split, folder in scored.unfinished(folds, out, only, "answers.npz"):
        if isinstance(recipe, SpeechLlmRecipe):
            sound.check_unheard(recipe.sound, number, [clips.examples[i] for i in split.test])
        network = model.learnt(recipe, clips, split.train, folder, named(report, f"fold {number}"), how)
        model.write(network, recipe, folder, onnx=False)
        said = lesson.scores(network, clips, split.test)
        with atomic(folder / "heldout.npz") as part, part.open("wb") as stream:
            held_out(network, clips, split.test, said, number).save(stream)
        # Last, for it says that the fold is done.
        with atomic(folder / "answers.npz") as part, part.open("wb") as stream:
            np.savez(stream, scores=said, test=np.array(split.test))
        found = protocols.by_group(protocols.load(folder / "heldout.npz"))
        report(f"fold {number}: UAR {found['all']['uar']:.3f}")
    return collect(recipe, clips, out)


def run_final(
    recipe: WrittenRecipe, clips: Material, out: Path, report: Report, how: How | None = None
) -> Writer:
    """Train on every clip. Nothing is measured on it: its scores are those of the folds."""
    folder, everything = out / "final", range(len(clips.examples))
    network = model.learnt(recipe, clips, everything, folder, named(report, "all clips"), how)
    model.write(network, recipe, folder)
    tell(out, recipe, clips.examples, temperature=False)
    return network


def judged(
    recipe: WrittenRecipe, clips: Material, split: Split, folder: Path, report: Report, how: How
) -> HeldOut:
    """What a network says of the test part of a split."""
    network = model.learnt(recipe, clips, split.train, folder, report, how)
    return held_out(network, clips, split.test, lesson.scores(network, clips, split.test), 0)


def held_out(network: Writer, clips: Material, test: Sequence[int], said: Any, fold: int) -> HeldOut:
    """The label scores of test clips as held-out answers."""
    return scored.held_out(
        [clips.examples[i] for i in test],
        network.labels,
        said,
        fold,
        durations_s=clips.clips.durations_s[list(test)],
    )


def collect(recipe: WrittenRecipe, clips: Material, out: Path) -> dict[str, Any]:
    """Join what the finished folds said, and write it and its scores.

    Raises:
        OptionError: no fold is finished.
    """
    held = scored.collect(out)
    found = protocols.by_group(held) | {"mean_over_folds": protocols.mean_over_folds(held)}
    kind = "multi" if isinstance(recipe, ScratchRecipe) and recipe.network.multi_label else "single"
    task = Task("emotion", kind, recipe.data.labels)
    stored = sorted(out.glob("fold*/answers.npz"))
    if not stored:
        raise OptionError(f"no fold of {out} is finished: run its folds first")
    parts = []
    for path in stored:
        with np.load(path) as answers:
            parts.append((answers["scores"], answers["test"]))
    said, test = (np.concatenate(column) for column in zip(*parts, strict=True))
    choice = TaskChoice(kind=kind, min_share=recipe.teach.min_share)
    truth = targets.targets([task], [choice], clips.examples)["emotion"][test]
    found["tasks"] = {"emotion": {k: round(v, 4) for k, v in scores.of(task, said, truth).items()}}
    write_json(out / "scores.json", found)
    return found
