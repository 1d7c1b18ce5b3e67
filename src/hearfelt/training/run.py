"""A run: the folds of a recipe's protocol, the model on all data, and the folder that holds what they gave.

``out/fold0 …`` each hold the network that has not heard the fold's test speakers (torch and ONNX, loadable by
`hearfelt.models.onnx.VoiceModel`), ``out/heldout.npz`` what they said of those speakers, ``out/scores.json``
how good that was, ``out/final`` the network trained on everything.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hearfelt.datasets import splits
from hearfelt.datasets.splits import Split
from hearfelt.errors import ModelError, OptionError
from hearfelt.evaluation import protocols
from hearfelt.evaluation.protocols import HeldOut
from hearfelt.features.logmel import LogMel
from hearfelt.models.neural import VoiceNetwork
from hearfelt.training import export, loop
from hearfelt.training.files import atomic, write_json
from hearfelt.training.inputs import Clips, Report
from hearfelt.training.recipe import Recipe

TRAINED = "trained on the ratings of the corpora with a concordance loss"
"""What the card says of the dimensions of a network that has learnt them."""


def describe(recipe: Recipe) -> dict[str, Any]:
    """What repeats a run: its options, seed, code and versions."""
    return {
        "recipe": dataclasses.asdict(recipe),
        "seed": recipe.seed,
        "commit": commit(),
        "torch": torch.__version__,
        "created": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
    }


def commit() -> str:
    """The git commit of the code, a plus where files differ from it; "uncommitted" where there is none."""
    here = Path(__file__).parent
    try:
        run = [
            subprocess.run(["git", *words], cwd=here, capture_output=True, text=True, timeout=20, check=True)
            for words in (("rev-parse", "--short=12", "HEAD"), ("status", "--porcelain", "--", "."))
        ]
    except (OSError, subprocess.SubprocessError):
        return "uncommitted"
    return run[0].stdout.strip() + ("+" if run[1].stdout.strip() else "")


def open_folder(recipe: Recipe, out: Path) -> None:
    """Make the run's folder, or check that it belongs to the same recipe.

    Raises:
        OptionError: the folder holds a run with other options.
    """
    path = out / "run.json"
    out.mkdir(parents=True, exist_ok=True)
    options = json.loads(json.dumps(dataclasses.asdict(recipe)))
    if path.is_file():
        stored = json.loads(path.read_text(encoding="utf-8"))["recipe"]
        if _filled(stored, json.loads(json.dumps(dataclasses.asdict(Recipe())))) != options:
            raise OptionError(
                f"{out} holds a run with other options: give another --out or remove that folder"
            )
        return
    write_json(path, describe(recipe))


def _filled(stored: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """A stored recipe with the options that it is too old to name: they had the default's effect."""
    sections = {
        name: defaults[name] | value if isinstance(value, dict) and name in defaults else value
        for name, value in stored.items()
    }
    return defaults | sections


def protocol_splits(recipe: Recipe, clips: Clips, data: Path) -> list[Split]:
    """The folds of the recipe's protocol.

    Raises:
        OptionError: the EmoBox protocol with several corpora.
    """
    if recipe.protocol.kind == "speaker_folds":
        return splits.speaker_folds(clips.examples, recipe.protocol.folds, recipe.protocol.seed)
    if len(recipe.data.corpora) != 1:
        raise OptionError(f"EmoBox folds are of one corpus, the recipe has {', '.join(recipe.data.corpora)}")
    return splits.emobox(clips.examples, data / "emobox" / recipe.data.corpora[0])


def run_folds(
    recipe: Recipe, clips: Clips, folds: Sequence[Split], out: Path, report: Report, only: Sequence[int] = ()
) -> HeldOut:
    """Train and judge each fold not done yet; what all finished folds said (``heldout.npz``)."""
    for number, split in enumerate(folds):
        if only and number not in only:
            continue
        folder = out / f"fold{number}"
        if not (folder / "heldout.npz").is_file():

            def named(line: str, number: int = number) -> None:
                report(f"fold {number}: {line}")

            network = loop.train(recipe, clips, split.train, folder, named)
            logits = loop.logits(network, clips, split.test)
            save_network(network, recipe, folder, f"{recipe.name}-fold{number}")
            with atomic(folder / "heldout.npz") as part, part.open("wb") as stream:
                _held_out(clips, split, logits, number).save(stream)
        collect(out)
    return collect(out)


def collect(out: Path) -> HeldOut:
    """Join what the finished folds said, and write it and its scores."""
    parts = [protocols.load(path) for path in sorted(out.glob("fold*/heldout.npz"))]
    if not parts:
        raise OptionError(f"no fold of {out} is finished: run its folds first")
    held = protocols.join(parts)
    with atomic(out / "heldout.npz") as part, part.open("wb") as stream:
        held.save(stream)
    write_json(
        out / "scores.json", protocols.by_group(held) | {"mean_over_folds": protocols.mean_over_folds(held)}
    )
    return held


def run_final(recipe: Recipe, clips: Clips, out: Path, report: Report) -> VoiceNetwork:
    """Train on every clip. Nothing is measured on it: its scores are those of the folds."""
    folder = out / "final"
    network = loop.train(
        recipe, clips, range(len(clips.examples)), folder, lambda line: report(f"all clips: {line}")
    )
    save_network(network, recipe, folder, recipe.name)
    return network


def save_network(
    network: VoiceNetwork, recipe: Recipe, folder: Path, name: str, temperature: float = 1.0
) -> float:
    """Write ``network.pt``, ``model.onnx``, ``model.json``; the difference between torch and onnxruntime."""
    with atomic(folder / "network.pt") as part:
        torch.save(network.state_dict(), part)
    worst = export.export(network, folder / "model.onnx")
    write_json(folder / "model.json", card(recipe, name, temperature))
    return worst


def card(recipe: Recipe, name: str, temperature: float) -> dict[str, Any]:
    """What `VoiceModel` needs to know of a model; `publish` adds scores and licence."""
    facts = describe(recipe)
    trained = {"dimensions": TRAINED} if recipe.network.dimensions else {}
    return trained | {
        "name": name,
        "version": recipe.version,
        "kind": "voice",
        "labels": list(recipe.data.labels),
        "sample_rate_hz": recipe.features.sample_rate_hz,
        "features": {"space": LogMel().space, "options": dataclasses.asdict(recipe.features)},
        "temperature": temperature,
        "corpora": list(recipe.data.corpora),
        "licence": "unpublished",
        "commercial": False,
        "commit": facts["commit"],
        "created": facts["created"],
        "recipe": facts["recipe"],
    }


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


def _held_out(clips: Clips, split: Split, logits: np.ndarray, fold: int) -> HeldOut:
    chosen = [clips.examples[i] for i in split.test]
    return HeldOut(
        file=np.array([Path(e.file).name for e in chosen]),
        corpus=np.array([e.corpus for e in chosen]),
        speaker=np.array([e.speaker or "" for e in chosen]),
        gender=np.array([e.gender or "" for e in chosen]),
        gold=np.array([e.gold or "" for e in chosen]),
        labels=np.array(clips.labels),
        logits=logits,
        duration_s=clips.durations_s[list(split.test)],
        fold=np.full(len(chosen), fold, dtype=np.int64),
    )
