"""``hearfelt train``: a recipe, or a user's own corpus, from data to a run folder."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hearfelt.datasets import splits
from hearfelt.errors import OptionError, RunError, unknown_name
from hearfelt.training import changes, deal, default, kinds, runfolder
from hearfelt.training.kinds import Plan
from hearfelt.training.watch import How, Report

STAGES = ("folds", "final", "publish")


@dataclass(frozen=True)
class Order:
    """What `train` is asked for.

    Args:
        source: a recipe (``.toml``), or a user's own corpus: a folder per class, a table, ``NAME:PATH``.
        data: what the recipe learns from: the folder that holds ``audio/`` where it names corpora, else
            anything that ``source`` may be without a recipe.
        out: the run's folder; ``runs/<name of the recipe>`` where None.
        stages: of `STAGES`.
        folds: numbers of the folds to run; all where empty.
        settings: dotted keys of the recipe to set.
        weights: folder for ``publish``.
        how: device, TensorBoard, bars, processes.
    """

    source: str
    data: str | None = None
    out: Path | None = None
    stages: Sequence[str] = ("folds", "final")
    folds: Sequence[int] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    weights: Path | None = None
    how: How = field(default_factory=How)

    def __post_init__(self) -> None:
        for stage in self.stages:
            if stage not in STAGES:
                raise unknown_name("stage", stage, STAGES)
        if "publish" in self.stages and self.weights is None:
            raise OptionError("publishing needs --weights: the folder to write the weights to")


def train(order: Order, report: Report) -> Path:
    """Do what was ordered; finished folds are not done again, and one that was interrupted goes on.

    Returns:
        The run's folder.

    Raises:
        HearfeltError: a recipe, data, a disk or a loss that does not hold together; what was done stays.
    """
    if int(os.environ.get("RANK", "0")):
        report = _nobody
    plan, data = prepare(order, report)
    out = order.out or Path("runs") / plan.recipe.name
    if {"folds", "final"} & set(order.stages):
        _learn(order, plan, data, out, report)
    if "publish" in order.stages and order.weights is not None:
        from hearfelt.training import publish

        publish.of_run(out, order.weights)
    return out


def prepare(order: Order, report: Report) -> tuple[Plan, str]:
    """The recipe and the data that an order names; a recipe is made where it names data alone.

    Raises:
        OptionError, CorpusError: see `kinds.plan` and `default.recipe`.
    """
    if order.source.endswith(".toml"):
        plan = kinds.plan(Path(order.source), order.settings)
        if order.data is None and not plan.recipe.data.corpora:
            raise OptionError(
                f"the recipe {order.source} names no corpora: give --data, a folder per class or a table"
            )
        return plan, order.data or os.environ.get("HEARFELT_DATA", "../shared/data")
    if order.data is not None:
        raise OptionError(
            f"{order.source} is no recipe (.toml) and there is --data {order.data} too: give one of them"
        )
    return default.plan(order.source, order.settings, report), order.source


def _learn(order: Order, plan: Plan, data: str, out: Path, report: Report) -> None:
    kind = kinds.KINDS[plan.kind]
    if not kind.clips:
        if order.folds:
            raise OptionError(f"a recipe of kind {plan.kind} has no folds: leave --fold out")
        kind.train_all(plan.recipe, data, out, report, order.how)
        return
    runner = kind.load()
    examples = runner.read(plan.recipe, data)
    recipe = runner.filled(plan.recipe, examples)
    folds = deal.folds(recipe.protocol, examples, data)
    if all(example.gold for example in examples):
        splits.check(examples, folds)
    _check_folds(order.folds, len(folds))
    runfolder.open_folder(recipe, out)
    runfolder.note_data(out, plan.kind, examples, data, order.how.device)
    material = runner.measure(recipe, examples, out.parent / "cache", report, order.how.workers)
    if "folds" in order.stages and folds:
        runner.run_folds(recipe, material, folds, out, report, order.folds, order.how)
    if "final" in order.stages:
        runner.run_final(recipe, material, out, report, order.how)


def _check_folds(asked: Sequence[int], there: int) -> None:
    wrong = [number for number in asked if not 0 <= number < there]
    if wrong:
        raise OptionError(f"there is no fold {wrong[0]}: the protocol has {there}, counted from 0")


def summary(out: Path) -> Iterator[str]:
    """What a run gave, in lines for people: its score, its model, how to use it."""
    if (out / "table.md").is_file():
        yield from (out / "table.md").read_text(encoding="utf-8").splitlines()
        return
    if (out / "scores.json").is_file():
        scores = json.loads((out / "scores.json").read_text(encoding="utf-8"))
        yield from _scored(
            scores, out / "scores.json", runfolder.stored_run(out)["recipe"]["protocol"]["kind"]
        )
    card = out / "final" / "model.json"
    if card.is_file():
        yield f"the model: {out / 'final'}"
        if json.loads(card.read_text(encoding="utf-8")).get("kind") == "voice":
            yield f"use it: hearfelt analyze RECORDING --voice {out / 'final'}"


def _scored(scores: Mapping[str, Any], path: Path, protocol: str) -> Iterator[str]:
    found = scores.get("all")
    if found is not None:
        low, high = found["uar_ci95"]
        heard = "clips" if protocol == "clip_folds" else "speakers"
        yield (
            f"UAR {found['uar']:.3f} [{low:.3f}, {high:.3f}] on {found['clips']} clips, {heard} held out "
            f"({protocol}); {path}"
        )
    for name, figures in scores.get("tasks", {}).items():
        yield f"{name}: " + ", ".join(
            f"{key} {value:.3f}" for key, value in figures.items() if key != "clips"
        )


def write_recipe(order: Order, path: Path, report: Report) -> None:
    """Write the recipe of an order as TOML, and do nothing else.

    Raises:
        OptionError: there is a file already.
        RunError: it cannot be written.
    """
    if path.exists():
        raise OptionError(f"{path} is there already: name a new file")
    plan, data = prepare(order, report)
    comment = f"hearfelt train {path} --data {data}"
    try:
        path.write_text(kinds.to_toml(plan.kind, plan.recipe, comment), encoding="utf-8")
    except OSError as error:
        raise RunError(f"{path} cannot be written ({error.strerror or error}): name another place") from None


def settings(texts: Sequence[str]) -> dict[str, Any]:
    """Dotted keys from texts such as ``loop.epochs=3``; see `changes.parse`."""
    return changes.parse(texts)


def _nobody(line: str) -> None:
    """The first process reports for all."""
