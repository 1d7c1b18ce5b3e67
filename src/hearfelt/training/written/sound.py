"""The trunk of a run that was trained before, for a speech-LLM to hear with."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hearfelt.errors import CorpusError, ModelError, OptionError
from hearfelt.evaluation import protocols
from hearfelt.features.logmel import LogMelOptions
from hearfelt.models.speech_llm.sound import SoundOptions
from hearfelt.training.recipe import from_table
from hearfelt.types import Example

State = dict[str, Tensor]


def chosen(options: SoundOptions, features: LogMelOptions, place: str) -> tuple[SoundOptions, State]:
    """The options with the kind and size of the network that ``source`` holds, and its weights.

    Args:
        features: the log-mels that the recipe makes.
        place: ``fold3`` or ``final``: which network of a run is taken.

    Raises:
        ModelError: no network there, or one of an unknown shape.
        OptionError: it hears other log-mels.
    """
    if not options.source:
        return options, {}
    run = Path(options.source)
    folder = run / place if (run / "run.json").is_file() else run
    recipe = _recipe(run, folder)
    heard = from_table(LogMelOptions, _plain(recipe["features"]))
    if heard != features:
        unlike = [
            f.name for f in dataclasses.fields(heard) if getattr(heard, f.name) != getattr(features, f.name)
        ]
        wanted = ", ".join(f"features.{name} = {getattr(heard, name)}" for name in unlike)
        raise OptionError(f"the network in {folder} hears other log-mels: set {wanted}")
    path = next((p for p in (folder / "member0" / "network.pt", folder / "network.pt") if p.is_file()), None)
    if path is None:
        raise ModelError(
            f"{folder} holds no network.pt: train it first, by hearfelt train with --stage folds"
        )
    try:
        return _trunk(options, recipe, torch.load(path, weights_only=True))
    except (OSError, RuntimeError, KeyError, TypeError) as error:
        raise ModelError(f"{path} is no network of a run of the kind voice or network: {error}") from None


def _recipe(run: Path, folder: Path) -> dict[str, Any]:
    for path in (run / "run.json", folder / "model.json"):
        if path.is_file():
            found = json.loads(path.read_text(encoding="utf-8")).get("recipe")
            if isinstance(found, dict) and "features" in found and "network" in found:
                return found
    raise ModelError(
        f"{run} holds no run of a network: sound.source is the folder of a run of the kind voice or network, "
        "or a folder with its network.pt and model.json"
    )


def _plain(table: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in table.items() if value is not None}


def _trunk(
    options: SoundOptions, recipe: Mapping[str, Any], stored: Mapping[str, Any]
) -> tuple[SoundOptions, State]:
    network = recipe["network"]
    if "state" in stored:  # of the kind network
        size = dataclasses.replace(options, kind=network["kind"], options=network["options"])
        head = "trunk."
        return size, {k.removeprefix(head): v for k, v in stored["state"].items() if k.startswith(head)}
    size = dataclasses.replace(
        options, kind="cnn-gru-stats", options={k: v for k, v in network.items() if k != "dimensions"}
    )
    heads = ("head.", "dimension_head.")
    return size, {f"network.{key}": value for key, value in stored.items() if not key.startswith(heads)}


def check_unheard(options: SoundOptions, fold: int, test: Sequence[Example]) -> None:
    """Refuse a trunk that has learnt from clips of the test part.

    Raises:
        OptionError: the fold of the run that ``source`` names held out other clips.
    """
    run = Path(options.source)
    if not options.source or not (run / "run.json").is_file():
        return
    path = run / f"fold{fold}" / "heldout.npz"
    try:
        held = set(protocols.load(path).file.tolist())
    except CorpusError:
        raise OptionError(f"{run} has no finished fold {fold}: run its folds first") from None
    missing = [e.file for e in test if Path(e.file).name not in held]
    if missing:
        raise OptionError(
            f"fold {fold} of {run} has learnt from {len(missing)} of the {len(test)} test clips, the first "
            f"is {missing[0]}: give both recipes the same protocol"
        )
