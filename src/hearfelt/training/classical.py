"""Recipes of the kind ``classical``: a feature set and a learner; see `hearfelt.training.kinds.Runner`."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hearfelt.datasets.splits import Split
from hearfelt.errors import OptionError, unknown_name
from hearfelt.evaluation.protocols import HeldOut
from hearfelt.models.classical import ClassicalModel
from hearfelt.models.learners import ClassicalOptions
from hearfelt.models.multilabel import MultiLabelModel
from hearfelt.training import scored, table
from hearfelt.training.files import atomic
from hearfelt.training.recipe import DataOptions, ProtocolOptions
from hearfelt.training.tell import tell
from hearfelt.training.watch import How, Parts, Report
from hearfelt.types import Example, FloatArray

_LEAST = 1e-6
"""Probabilities are at least this before their logarithm is taken."""


@dataclass(frozen=True)
class ClassicalRecipe:
    """Everything that decides what a run of a classical model learns.

    Args:
        kind: says in a TOML file that it is a recipe of this kind.
        seed: of everything that draws; ``model.seed`` is not read.
        model: features, learner and how it learns; see `hearfelt.models.learners.ClassicalOptions`.
    """

    kind: str = "classical"
    name: str = "classical"
    version: str = "1"
    seed: int = 1
    data: DataOptions = field(default_factory=lambda: DataOptions(corpora=(), labels=()))
    model: ClassicalOptions = field(default_factory=ClassicalOptions)
    protocol: ProtocolOptions = field(default_factory=ProtocolOptions)

    def __post_init__(self) -> None:
        if self.kind != "classical":
            raise unknown_name("kind of a recipe for classical models", self.kind, ("classical",))
        if self.model.seed:
            raise OptionError(f"model.seed={self.model.seed}: set seed at the top of the recipe instead")


@dataclass(frozen=True, eq=False)
class Measured:
    """A table, and where its features are kept."""

    examples: tuple[Example, ...]
    cache: Path
    workers: int


def read(recipe: ClassicalRecipe, data: Path | str) -> list[Example]:
    """The table, every clip with a label."""
    return table.read(recipe.data, data)


def filled(recipe: ClassicalRecipe, examples: Sequence[Example]) -> ClassicalRecipe:
    """The labels of the table where the recipe names none."""
    found = table.labels_of(examples)
    data = dataclasses.replace(recipe.data, labels=recipe.data.labels or found)
    return dataclasses.replace(recipe, data=data)


def measure(
    recipe: ClassicalRecipe, examples: Sequence[Example], cache: Path, report: Report, workers: int
) -> Measured:
    """Features of all clips, kept in the cache for every fold.

    Raises:
        FeatureError: clips that cannot be measured; the first is named.
    """
    make(recipe, Measured(tuple(examples), cache, workers), report).measured(examples)
    return Measured(tuple(examples), cache, workers)


def make(recipe: ClassicalRecipe, clips: Measured, report: Report) -> ClassicalModel:
    """The model of a recipe, which has learnt nothing yet."""
    options = dataclasses.replace(recipe.model, seed=recipe.seed)
    kind = MultiLabelModel if options.target == "multi" else ClassicalModel
    return kind(options, name=recipe.name, cache=clips.cache, report=report, workers=clips.workers)


def run_folds(
    recipe: ClassicalRecipe,
    clips: Measured,
    folds: Sequence[Split],
    out: Path,
    report: Report,
    only: Sequence[int] = (),
    how: How | None = None,
) -> HeldOut:
    """Learn and judge each fold not done yet; what all finished folds said."""
    todo = list(scored.unfinished(folds, out, only, "heldout.npz"))
    with Parts("folds", len(todo), report, how is not None and how.bars) as parts:
        for number, split, folder in todo:
            held = _judged(recipe, clips, split, folder / "model", report, number)
            with atomic(folder / "heldout.npz") as part, part.open("wb") as stream:
                held.save(stream)
            parts.done(f"fold {number} of {len(folds)}: UAR {scored.uar(held):.3f}")
    return scored.collect(out)


def run_final(
    recipe: ClassicalRecipe, clips: Measured, out: Path, report: Report, how: How | None = None
) -> ClassicalModel:
    """Learn from every clip and write the model to ``final/``."""
    report(f"the final model learns from all {len(clips.examples)} clips")
    model = make(recipe, clips, report).fit(clips.examples)
    model.save(out / "final")
    tell(out, recipe, clips.examples, temperature=False)
    return model


def judged(
    recipe: ClassicalRecipe, clips: Measured, split: Split, folder: Path, report: Report, how: How
) -> HeldOut:
    """What a model that has learnt from the training part says of the test part."""
    return _judged(recipe, clips, split, None, report, 0)


def _judged(
    recipe: ClassicalRecipe, clips: Measured, split: Split, save: Path | None, report: Report, fold: int
) -> HeldOut:
    model = make(recipe, clips, report).fit([clips.examples[i] for i in split.train])
    if save is not None:
        save.parent.mkdir(parents=True, exist_ok=True)
        model.save(save)
    chosen = [clips.examples[i] for i in split.test]
    logits = _logits(model.predict_proba(chosen), model.classes_, recipe.data.labels)
    return scored.held_out(chosen, recipe.data.labels, logits, fold)


def _logits(shares: FloatArray, own: Sequence[str], labels: Sequence[str]) -> Any:
    """Log-probabilities in the order of the recipe's labels; those not learnt are the least likely."""
    found = np.full((len(shares), len(labels)), np.log(_LEAST), dtype=np.float32)
    for column, label in enumerate(own):
        if label in labels:
            found[:, list(labels).index(label)] = np.log(np.maximum(shares[:, column], _LEAST))
    return found
