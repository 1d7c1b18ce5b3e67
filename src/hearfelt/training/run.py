"""A run: the folds of a recipe's protocol, the model on all data, and the folder that holds what they gave.

``out/fold0 …`` each hold the ensemble that has not heard the fold's test speakers (torch and ONNX, loadable
by `hearfelt.models.onnx.VoiceModel`), ``out/heldout.npz`` what they said of those speakers,
``out/scores.json`` how good that was, ``out/final`` the ensemble trained on everything.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hearfelt.datasets.splits import Split
from hearfelt.errors import ModelError, OptionError
from hearfelt.evaluation import protocols
from hearfelt.evaluation.protocols import HeldOut
from hearfelt.features import melfunctionals
from hearfelt.models.neural import Linear, VoiceEnsemble, VoiceNetwork
from hearfelt.training import deal, export, linear, loop, runfolder, scored
from hearfelt.training.files import atomic, write_json, write_state
from hearfelt.training.inputs import Clips
from hearfelt.training.recipe import Recipe
from hearfelt.training.runfolder import describe, open_folder
from hearfelt.training.scored import collect, unfinished
from hearfelt.training.watch import How, Report, named
from hearfelt.types import FloatArray

__all__ = ["collect", "describe", "open_folder", "run_final", "run_folds"]

UNJUDGED_WEIGHT = 0.5
"""Of the linear model in a run without folds: between the networks alone and as much again. Not measured."""


SECOND_COURSE = 100
"""Added to the seed, so that a second course draws other changes than the first."""


def protocol_splits(recipe: Recipe, clips: Clips, data: Path) -> list[Split]:
    """The folds of the recipe's protocol; see `hearfelt.training.deal.folds`."""
    return deal.folds(recipe.protocol, clips.examples, data)


def run_folds(
    recipe: Recipe,
    clips: Clips,
    folds: Sequence[Split],
    out: Path,
    report: Report,
    only: Sequence[int] = (),
    how: How | None = None,
) -> HeldOut:
    """Train and judge each fold not done yet; what all finished folds said (``heldout.npz``)."""
    for number, split, folder in unfinished(folds, out, only, "answers.npz"):
        found = networks(recipe, clips, split.train, folder, named(report, f"fold {number}"), how)
        answers: dict[str, Any] = {
            "networks": np.stack([loop.logits(network, clips, split.test) for network in found]),
            "linear": _linear(recipe, clips, split.train, folder, split.test),
            "test": np.array(split.test),
        }
        with atomic(folder / "answers.npz") as part, part.open("wb") as stream:
            np.savez(stream, **answers)
    return fuse(recipe, clips, out)


def networks(
    recipe: Recipe,
    clips: Clips,
    indices: Sequence[int],
    folder: Path,
    report: Report,
    how: How | None = None,
) -> list[VoiceNetwork]:
    """The networks of an ensemble, each trained and kept, or read where it was finished before.

    Args:
        folder: of a fold or the final model; a recipe with ``start`` looks for that run two folders above.
    """
    found = []
    for number in range(recipe.members):
        own = member_recipe(recipe, number)
        place = folder / f"member{number}"
        if not (place / "network.pt").is_file():
            start = start_of(recipe, number, folder.parent.parent) if recipe.start else None
            _learn(own, clips, indices, place, named(report, f"network {number}"), start, how)
        found.append(load_network(own, place))
    return found


def _learn(
    recipe: Recipe,
    clips: Clips,
    indices: Sequence[int],
    place: Path,
    report: Report,
    start: loop.Start | None,
    how: How | None,
) -> None:
    """One network, in one course or two, to ``network.pt``; a course that was finished is not run again."""
    if not recipe.finish.epochs:
        network = loop.train(recipe, clips, indices, place, report, start, how)
        write_state(place / "network.pt", network.state_dict())
        return
    first = place / "first.pt"
    if not first.is_file():
        write_state(first, loop.train(recipe, clips, indices, place, report, start, how).state_dict())
    then = dataclasses.replace(
        recipe,
        seed=recipe.seed + SECOND_COURSE,
        loop=dataclasses.replace(recipe.loop, **dataclasses.asdict(recipe.finish)),
    )
    begun = loop.Start(first, clips.labels)
    network = loop.train(then, clips, indices, place / "finish", named(report, "finish"), begun, how)
    write_state(place / "network.pt", network.state_dict())


def member_recipe(recipe: Recipe, number: int) -> Recipe:
    """What one network of the ensemble learns by."""
    return dataclasses.replace(recipe, seed=recipe.seed + number)


def start_of(recipe: Recipe, number: int, runs: Path) -> loop.Start:
    """Where a network begins: the final one of the same number in the run ``recipe.start``.

    Raises:
        ModelError: there is no such run, or it has no final networks.
    """
    folder = runs / recipe.start
    try:
        options = json.loads((folder / "run.json").read_text(encoding="utf-8"))["recipe"]
        path = folder / "final" / f"member{number % options['members']}" / "network.pt"
        if not path.is_file():
            raise FileNotFoundError(path)
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(
            f"the recipe starts from the run {recipe.start}, and {folder} has no final networks ({error}): "
            f"train the recipe {recipe.start} with --stage final first"
        ) from None
    return loop.Start(path, tuple(options["data"]["labels"]))


def _linear(
    recipe: Recipe, clips: Clips, indices: Sequence[int], folder: Path, test: Sequence[int]
) -> FloatArray:
    """Logits of the linear model on functionals, which is kept; zeros where the recipe has none."""
    if not recipe.functionals.use:
        return np.zeros((len(test), len(clips.labels)), dtype=np.float32)
    model = linear.fit(recipe, clips, list(indices))
    write_state(folder / "linear.pt", model.state_dict())
    return linear.logits(model, clips, list(test))


def fuse(recipe: Recipe, clips: Clips, out: Path) -> HeldOut:
    """Join the networks and the linear model of the finished folds, and write what they said.

    The weight of the linear model in a fold is the one of least log loss on the held-out answers of the other
    folds (at the temperature that suits each weight): a fold's own test speakers have no say in it.

    Raises:
        OptionError: no fold is finished.
    """
    stored = {int(path.parent.name[4:]): _answers(path) for path in sorted(out.glob("fold*/answers.npz"))}
    if not stored:
        raise OptionError(f"no fold of {out} is finished: run its folds first")
    weights = {}
    for number, answers in stored.items():
        others = [one for other, one in stored.items() if other != number] or [answers]
        weights[number] = best_weight(recipe, clips, others)
        folder = out / f"fold{number}"
        logits = answers["networks"].mean(axis=0) + weights[number] * answers["linear"]
        with atomic(folder / "heldout.npz") as part, part.open("wb") as stream:
            held_out(clips, answers["test"].tolist(), logits, number).save(stream)
        if not (folder / "model.onnx").is_file() or _weight_of(folder) != weights[number]:
            ensemble = load_ensemble(recipe, folder, weights[number])
            save_ensemble(ensemble, recipe, folder, f"{recipe.name}-fold{number}")
    final = best_weight(recipe, clips, list(stored.values()))
    write_json(out / "weights.json", {"folds": weights, "final": final})
    return collect(out)


def _answers(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as stored:
        return {name: stored[name] for name in stored.files}


def _weight_of(folder: Path) -> float | None:
    path = folder / "model.json"
    if not path.is_file():
        return None
    found: float | None = json.loads(path.read_text(encoding="utf-8")).get("linear_weight")
    return found


def best_weight(recipe: Recipe, clips: Clips, answers: Sequence[dict[str, np.ndarray]]) -> float:
    """The weight of `FunctionalsOptions.weights` with the least log loss, the mean over corpora."""
    if not recipe.functionals.use:
        return 0.0
    losses = []
    for weight in recipe.functionals.weights:
        parts = [
            held_out(clips, a["test"].tolist(), a["networks"].mean(axis=0) + weight * a["linear"], n)
            for n, a in enumerate(answers)
        ]
        held = protocols.join(parts)
        each = [held.where(held.corpus == corpus) for corpus in np.unique(held.corpus)]
        own = [part.calibrated_log_loss() for part in each]
        losses.append(float(np.mean(own)))
    return recipe.functionals.weights[int(np.argmin(losses))]


def run_final(
    recipe: Recipe, clips: Clips, out: Path, report: Report, how: How | None = None
) -> VoiceEnsemble:
    """Train on every clip. Nothing is measured on it: its scores are those of the folds.

    The linear model's weight is the one that the folds chose; `UNJUDGED_WEIGHT` where no fold was run.
    """
    folder, everything = out / "final", range(len(clips.examples))
    networks(recipe, clips, everything, folder, named(report, "all clips"), how)
    if recipe.functionals.use and not (folder / "linear.pt").is_file():
        _linear(recipe, clips, everything, folder, ())
    chosen = out / "weights.json"
    weight = UNJUDGED_WEIGHT
    if chosen.is_file():
        weight = float(json.loads(chosen.read_text(encoding="utf-8"))["final"])
    ensemble = load_ensemble(recipe, folder, weight)
    save_ensemble(ensemble, recipe, folder, recipe.name)
    return ensemble


def save_network(
    network: VoiceNetwork, recipe: Recipe, folder: Path, name: str, temperature: float = 1.0
) -> float:
    """Write ``network.pt``, ``model.onnx``, ``model.json``; the difference between torch and onnxruntime."""
    with atomic(folder / "network.pt") as part:
        torch.save(network.state_dict(), part)
    worst = export.export(network, folder / "model.onnx")
    write_json(folder / "model.json", card(recipe, name, temperature))
    return worst


def save_ensemble(ensemble: VoiceEnsemble, recipe: Recipe, folder: Path, name: str) -> float:
    """Write ``model.onnx`` and ``model.json``; the difference between torch and onnxruntime."""
    worst = export.export(ensemble, folder / "model.onnx")
    facts = card(recipe, name, 1.0)
    if ensemble.linear is not None:
        facts |= {"functionals": melfunctionals.SPACE, "linear_weight": ensemble.weight}
    write_json(folder / "model.json", facts | {"parameters": ensemble.n_parameters})
    return worst


def card(recipe: Recipe, name: str, temperature: float) -> dict[str, Any]:
    """What `VoiceModel` needs to know of a model; `publish` adds scores and licence."""
    trained = {"dimensions": runfolder.TRAINED} if recipe.network.dimensions else {}
    return trained | runfolder.card(recipe, name, "voice", recipe.data.labels, temperature)


def load_network(recipe: Recipe, folder: Path) -> VoiceNetwork:
    """The trained network of a fold or of the final run.

    Raises:
        ModelError: there is none, or it is of another shape than the recipe's.
    """
    network = loop.build(recipe)
    try:
        network.load_state_dict(torch.load(folder / "network.pt", weights_only=True))
    except (OSError, RuntimeError) as error:
        raise ModelError(f"{folder} holds no network of this recipe ({error}): train it first") from None
    return network.eval()


def load_ensemble(recipe: Recipe, folder: Path, weight: float) -> VoiceEnsemble:
    """The trained networks and linear model of a fold or of the final run; errors as of `load_network`."""
    members = [load_network(member_recipe(recipe, n), folder / f"member{n}") for n in range(recipe.members)]
    model = None
    if recipe.functionals.use:
        state = torch.load(folder / "linear.pt", weights_only=True)
        n_dims, n_labels = state["weight"].shape
        model = Linear(n_dims, n_labels, recipe.network.level_db)
        model.load_state_dict(state)
    return VoiceEnsemble(members, model, weight).eval()


def held_out(clips: Clips, test: Sequence[int], logits: np.ndarray, fold: int) -> HeldOut:
    """What a model said of the clips at ``test``."""
    chosen = [clips.examples[i] for i in test]
    return scored.held_out(chosen, clips.labels, logits, fold, durations_s=clips.durations_s[list(test)])
