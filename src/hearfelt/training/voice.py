"""Recipes of the kind ``voice``, run by `hearfelt.training.run`; see `hearfelt.training.kinds.Runner`."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hearfelt.datasets.splits import Split
from hearfelt.evaluation.protocols import HeldOut
from hearfelt.models.neural import VoiceEnsemble
from hearfelt.training import inputs, linear, loop, run, table
from hearfelt.training.inputs import Clips
from hearfelt.training.recipe import Recipe
from hearfelt.training.run import run_folds as run_folds
from hearfelt.training.tell import tell
from hearfelt.training.watch import How, Report
from hearfelt.types import Example


def read(recipe: Recipe, data: Path | str) -> list[Example]:
    """The table, every clip with a label."""
    return table.read(recipe.data, data)


def filled(recipe: Recipe, examples: Sequence[Example]) -> Recipe:
    """The labels of the table where the recipe names none."""
    if recipe.data.labels:
        return recipe
    data = dataclasses.replace(recipe.data, labels=table.labels_of(examples))
    return dataclasses.replace(recipe, data=data)


def measure(recipe: Recipe, examples: Sequence[Example], cache: Path, report: Report, workers: int) -> Clips:
    """Log-mels and functionals."""
    return inputs.measured(recipe, examples, cache, report, workers)


def run_final(recipe: Recipe, clips: Clips, out: Path, report: Report, how: How) -> VoiceEnsemble:
    """As `run.run_final`; the model's card also tells the temperature and scores that the folds gave."""
    ensemble = run.run_final(recipe, clips, out, report, how)
    tell(out, recipe, clips.examples)
    return ensemble


def judged(recipe: Recipe, clips: Clips, split: Split, folder: Path, report: Report, how: How) -> HeldOut:
    """What networks and linear model say of the test part, joined by `run.UNJUDGED_WEIGHT`."""
    found = run.networks(recipe, clips, split.train, folder, report, how)
    logits = np.mean([loop.logits(network, clips, split.test) for network in found], axis=0)
    if recipe.functionals.use:
        model = linear.fit(recipe, clips, list(split.train))
        logits = logits + run.UNJUDGED_WEIGHT * linear.logits(model, clips, list(split.test))
    return run.held_out(clips, split.test, logits, 0)
