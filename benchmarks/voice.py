"""How well the voice model hears emotions in speakers it has not heard, and what it costs.

    python benchmarks/voice.py            # the figures of finished runs, and the cost of the shipped weights
    python benchmarks/voice.py --quick    # the same, and one RAVDESS fold trained briefly (at most a minute)
    python benchmarks/voice.py --retrain  # train what is missing in runs/ (hours on one core), then as above
    python benchmarks/voice.py --save     # also write benchmarks/results/voice.json

`ravdess_emobox_ua` is the mean UA over the six EmoBox folds of RAVDESS (8 labels, speakers held out) of
recipes/ravdess_emobox.toml: the options of the shipped recipe, trained on each fold's training files alone.
The figures of the shipped weights are those of recipes/base.toml under four folds of held-out speakers over
EmoDB, RAVDESS and nEMO. Runs are read from runs/; where there are none, from benchmarks/results/voice.json,
which says when and from which commit they were made. Ends with one line of JSON.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from hearfelt.audio import read
from hearfelt.datasets import corpora
from hearfelt.errors import CorpusError
from hearfelt.evaluation import metrics, protocols
from hearfelt.features.logmel import LogMel, LogMelOptions
from hearfelt.models.onnx import VoiceModel
from hearfelt.types import Audio

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("HEARFELT_DATA", ROOT.parent / "shared" / "data"))
WEIGHTS = ROOT / "src" / "hearfelt" / "weights" / "base"
SAVED = ROOT / "benchmarks" / "results" / "voice.json"
RUNS = ROOT / "runs"


def say(line: str) -> None:
    """Progress on standard error."""
    print(time.strftime("%H:%M:%S"), line, file=sys.stderr, flush=True)


def finished_runs() -> dict[str, Any]:
    """The figures of the runs, from runs/ where both are complete, else as they were saved."""
    try:
        emobox = protocols.load(RUNS / "ravdess_emobox" / "heldout.npz")
        base = protocols.load(RUNS / "base" / "heldout.npz")
    except CorpusError:
        say(f"no finished runs in {RUNS.name}/: taking the figures saved in {SAVED.name}")
        saved: dict[str, Any] = json.loads(SAVED.read_text(encoding="utf-8"))
        return saved
    recipes = {
        name: json.loads((RUNS / name / "run.json").read_text()) for name in ("ravdess_emobox", "base")
    }
    return {
        "made": datetime.date.today().isoformat(),
        "commands": [
            "python -m hearfelt.training recipes/ravdess_emobox.toml --stage folds",
            "python -m hearfelt.training recipes/base.toml --weights src/hearfelt/weights/base",
        ],
        "commits": {name: facts["commit"] for name, facts in recipes.items()},
        "seeds": {name: facts["seed"] for name, facts in recipes.items()},
        "ravdess_emobox": protocols.mean_over_folds(emobox) | protocols.by_group(emobox)["ravdess"],
        "base": protocols.by_group(base),
    }


def robustness() -> dict[str, float]:
    """UAR of one fold's model on its held-out RAVDESS clips as they are, 20 dB softer, and in white noise."""
    folder = RUNS / "base" / "fold0"
    if not (folder / "model.json").is_file():
        return {}
    model, held = VoiceModel.load(folder), protocols.load(folder / "heldout.npz")
    part = held.where(held.corpus == "ravdess")
    sounds = [read(DATA / "audio" / "ravdess" / "audio" / str(name))[0] for name in part.file]
    found = {}
    for name, gain_db, snr_db in (
        ("plain", 0, None),
        ("softer_20db", -20, None),
        ("noise_20db", 0, 20),
        ("noise_10db", 0, 10),
    ):
        say(f"held-out RAVDESS clips of fold 0: {name}")
        changed = [_changed(sound, gain_db, snr_db, number) for number, sound in enumerate(sounds)]
        predicted = np.array(model.labels)[model.logits(changed).argmax(axis=1)]
        found[name] = round(metrics.uar(part.gold, predicted), 4)
    return found


def _changed(sound: Audio, gain_db: float, snr_db: float | None, seed: int) -> Audio:
    samples = sound.samples
    if snr_db is not None:
        loud = samples[np.abs(samples) > 0.05 * np.abs(samples).max()]
        level = np.sqrt((loud**2).mean()) * 10 ** (-snr_db / 20)
        samples = samples + level * np.random.default_rng(seed).standard_normal(len(samples))
    return dataclasses.replace(sound, samples=(samples * 10 ** (gain_db / 20)).astype(np.float32))


def cost() -> dict[str, float]:
    """Real-time factor of the shipped model (log-mel and network) on one core, over real clips."""
    model = VoiceModel.load(WEIGHTS)
    try:
        files = [example.file for example in corpora.read("emodb", DATA)[::10]]
    except CorpusError as error:
        say(str(error))
        return {}
    sounds = [read(Path(file))[0] for file in files]
    seconds = sum(sound.duration_s for sound in sounds)
    extract = LogMel(LogMelOptions(**model.card["features"]["options"]))
    parts: dict[str, Callable[[Audio], object]] = {
        "rtf": lambda sound: model.predict([sound]),
        "logmel_rtf": extract,
    }
    found = {}
    for name, part in parts.items():
        times = []
        for _ in range(4):
            began = time.process_time()
            for sound in sounds:
                part(sound)
            times.append(time.process_time() - began)
        found[name] = round(min(times) / seconds, 5)
    say(f"{len(sounds)} EmoDB clips of {seconds:.0f} s, best of 4 rounds: {found}")
    return found


def quick() -> dict[str, float]:
    """One fold, a sixteenth of the training: shows that the recipe runs, not how good it is."""
    from hearfelt.training import inputs, loop, recipe, run

    say("quick: fold 1 of RAVDESS, every second clip, 4 epochs of 480; its UA is far below the full run's")
    chosen = recipe.load(ROOT / "recipes" / "ravdess_emobox.toml")
    chosen = dataclasses.replace(
        chosen,
        loop=dataclasses.replace(chosen.loop, epochs=4, average=0.95),
        data=dataclasses.replace(chosen.data, per_epoch={"ravdess": 480}),
    )
    with tempfile.TemporaryDirectory() as folder:
        clips = inputs.load(chosen, DATA, RUNS / "cache", say)
        split = run.protocol_splits(chosen, clips, DATA)[0]
        network = loop.train(chosen, clips, split.train[::2], Path(folder), say)
        test = split.test[::2]
        answers = np.array(clips.labels)[loop.logits(network, clips, test).argmax(axis=1)]
    return {"quick_ua": round(metrics.uar([clips.examples[i].gold for i in test], answers), 4)}


def retrain() -> None:
    """Train the folds that runs/ lacks."""
    from hearfelt.training import __main__ as command

    for name in ("ravdess_emobox", "base"):
        arguments = [str(ROOT / "recipes" / f"{name}.toml"), "--data", str(DATA), "--out", str(RUNS / name)]
        if command.main([*arguments, "--stage", "folds"]):
            sys.exit(2)


def main() -> None:
    """Print progress and, last, the figures as one line of JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for flag in ("quick", "retrain", "save"):
        parser.add_argument(f"--{flag}", action="store_true")
    options = parser.parse_args()
    if options.retrain:
        retrain()
    runs = finished_runs()
    card = VoiceModel.load(WEIGHTS).card
    figures: dict[str, Any] = {
        "ravdess_emobox_ua": runs["ravdess_emobox"]["ua"],
        "ravdess_emobox_ua_ci95": runs["ravdess_emobox"]["ua_ci95"],
        "ravdess_emobox_ua_of_folds": runs["ravdess_emobox"]["ua_of_folds"],
        "heldout_uar": {name: row["uar"] for name, row in card["scores"].items() if "uar" in row},
        "heldout_uar_within": {
            n: row["uar_within"] for n, row in card["scores"].items() if "uar_within" in row
        },
        "ece": card["calibration"]["all"]["ece_after"],
        "model_mb": round((WEIGHTS / "model.onnx").stat().st_size / 1e6, 2),
        "runs_made": runs["made"],
        "commits": runs["commits"],
    }
    figures |= cost()
    if options.quick:
        figures |= quick()
    else:
        runs["robustness_fold0_ravdess"] = robustness() or runs.get("robustness_fold0_ravdess", {})
        figures["robustness_fold0_ravdess"] = runs["robustness_fold0_ravdess"]
    if options.save:
        SAVED.parent.mkdir(exist_ok=True)
        SAVED.write_text(json.dumps(runs, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
