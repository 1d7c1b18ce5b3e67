"""How well the voice models hear emotions in speakers they have not heard, and what they cost.

    python benchmarks/recognition.py            # figures of finished runs, cost of the shipped weights
    python benchmarks/recognition.py --quick    # saved figures, cost, and one RAVDESS fold trained briefly
    python benchmarks/recognition.py --retrain  # train what runs/ lacks (hours on two cores), then as above
    python benchmarks/recognition.py --save     # also write benchmarks/results/recognition.json

Every figure is of the recipe that stands in recipes/ under the name of its run: one network and a linear
model on mel functionals; those of recipes/measured/ begin where a run over other corpora ended. `…_ua` and
`…_uar` are means over folds; nothing is normalised by speaker, nothing is stopped or tuned on held-out
speakers. EmoDB's EmoBox folds share speakers between training and test, the other folds do not. `unseen` is
what a model says of a corpus that it has not learnt from, over the labels that both have. `…_after_3` is
of another protocol: three earlier utterances of the speaker are known (`evaluation.running.of_answers`).

Runs are read from runs/; where one is missing, from benchmarks/results/recognition.json, which says when and
from which commit it was made. Ends with one line of JSON.
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
from hearfelt.evaluation import metrics, protocols, running
from hearfelt.features import melfunctionals
from hearfelt.features.logmel import LogMel, LogMelOptions
from hearfelt.models.onnx import VoiceModel
from hearfelt.types import Audio

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("HEARFELT_DATA", ROOT.parent / "shared" / "data"))
WEIGHTS = ROOT / "src" / "hearfelt" / "weights"
SAVED = ROOT / "benchmarks" / "results" / "recognition.json"
RUNS = ROOT / "runs"
JUDGED = {
    "ravdess_emobox": "recipes/measured/ravdess_emobox.toml",
    "emodb_loso": "recipes/measured/emodb_loso.toml",
    "emodb_emobox": "recipes/measured/emodb_emobox.toml",
    "savee_emobox": "recipes/measured/savee_emobox.toml",
    "base": "recipes/base.toml",
    "open": "recipes/open.toml",
}
BEGUN = {
    "others_ravdess": "recipes/measured/others_ravdess.toml",
    "others_emodb": "recipes/measured/others_emodb.toml",
    "others_nemo": "recipes/measured/others_nemo.toml",
    "others_savee": "recipes/measured/others_savee.toml",
}
UNSEEN = (
    ("others_emodb", "emodb"),
    ("others_emodb", "savee"),
    ("others_ravdess", "ravdess"),
    ("others_ravdess", "savee"),
    ("others_nemo", "nemo"),
    ("others_nemo", "savee"),
    ("others_savee", "savee"),
    ("open", "ravdess"),
    ("open", "nemo"),
    ("open", "savee"),
    ("base", "savee"),
)
"""Runs, and the corpora that they have not heard."""


def say(line: str) -> None:
    """Progress on standard error."""
    print(time.strftime("%H:%M:%S"), line, file=sys.stderr, flush=True)


def finished(name: str) -> dict[str, Any] | None:
    """The figures of one finished run; None where runs/ has none."""
    folder = RUNS / name
    try:
        held = protocols.load(folder / "heldout.npz")
    except CorpusError:
        return None
    facts = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    return {
        "command": f"hearfelt train {JUDGED[name]} --stage folds",
        "made": facts["created"],
        "commit": facts["commit"],
        "seed": facts["seed"],
        "mean_over_folds": protocols.mean_over_folds(held),
        "pooled": protocols.by_group(held),
        "parts": parts(folder, held),
        "speaker_known": speaker_known(held),
    }


def speaker_known(held: protocols.HeldOut) -> dict[str, Any] | None:
    """Mean UA over folds after 0, 1, 3, 10 utterances of the speaker; None where folds share speakers."""
    if any(len(np.unique(held.fold[held.speakers == name])) > 1 for name in np.unique(held.speakers)):
        return None
    return {str(step): row for step, row in running.of_answers(held).items()}


def parts(folder: Path, held: protocols.HeldOut) -> dict[str, float]:
    """Mean UA over folds of one network, of all networks, and of the linear model, each alone."""
    found: dict[str, list[float]] = {"one_network": [], "networks": [], "linear": []}
    for path in sorted(folder.glob("fold*/answers.npz")):
        with np.load(path) as stored:
            networks, linear = stored["networks"], stored["linear"]
        own = protocols.load(path.with_name("heldout.npz"))
        for name, logits in (
            ("one_network", networks[0]),
            ("networks", networks.mean(axis=0)),
            ("linear", linear),
        ):
            answers = own.labels[logits.argmax(axis=1)]
            found[name].append(metrics.uar(own.gold, answers))
    return {name: round(float(np.mean(values)), 4) for name, values in found.items() if values}


def unseen(corpus: str, run: str) -> dict[str, Any] | None:
    """UAR of a run's final model on a corpus it has not heard, over the labels that both have."""
    folder = RUNS / run / "final"
    if not (folder / "model.json").is_file():
        return None
    model = VoiceModel.load(folder)
    learnt = set(model.card["corpora"])
    assert corpus not in learnt, (corpus, run)
    known = {e.gold for name in learnt for e in corpora.read(name, DATA)}
    relabel = model.card["recipe"]["data"]["relabel"]
    table = [
        dataclasses.replace(e, gold=relabel.get(e.gold, e.gold))
        for e in corpora.read(corpus, DATA)
        if e.gold not in model.card["recipe"]["data"]["drop"]
    ]
    shared = sorted({str(e.gold) for e in table} & known & set(model.labels))
    table = [e for e in table if e.gold in shared]
    say(f"{run} hears {len(table)} clips of {corpus}: {', '.join(shared)}")
    columns = [model.labels.index(label) for label in shared]
    logits = np.concatenate(
        [model.logits([read(Path(e.file))[0] for e in table[i : i + 64]]) for i in range(0, len(table), 64)]
    )
    gold = np.array([e.gold for e in table])
    answers = np.array(shared)[logits[:, columns].argmax(axis=1)]
    speakers = np.array([e.speaker or "" for e in table])
    low, high = metrics.bootstrap(metrics.uar, gold, answers, speakers)
    return {
        "learnt_from": sorted(learnt),
        "labels": shared,
        "clips": len(table),
        "uar": round(metrics.uar(gold, answers), 4),
        "uar_ci95": [round(low, 4), round(high, 4)],
        "chance": round(1 / len(shared), 4),
    }


def cost() -> dict[str, float]:
    """Real-time factor of the shipped model (log-mel, functionals, networks) on one core, over real clips."""
    model = VoiceModel.load(WEIGHTS / "base")
    try:
        files = [example.file for example in corpora.read("emodb", DATA)[::10]]
    except CorpusError as error:
        say(str(error))
        return {}
    sounds = [read(Path(file))[0] for file in files]
    seconds = sum(sound.duration_s for sound in sounds)
    options = LogMelOptions(**model.card["features"]["options"])
    extract = LogMel(options)
    frames = {id(sound): extract(sound).values for sound in sounds}
    timed: dict[str, Callable[[Audio], object]] = {
        "rtf": lambda sound: model.predict([sound]),
        "logmel_rtf": extract,
        "functionals_rtf": lambda sound: melfunctionals.functionals(frames[id(sound)]),
    }
    found = {}
    for name, part in timed.items():
        times = []
        for _ in range(5):
            began = time.process_time()
            for sound in sounds:
                part(sound)
            times.append(time.process_time() - began)
        found[name] = round(min(times) / seconds, 5)
    say(f"{len(sounds)} EmoDB clips of {seconds:.0f} s, best of 5 rounds: {found}")
    return found


def quick() -> dict[str, float]:
    """One fold from random weights, a tenth of the training: shows that it runs, not how good it is."""
    from hearfelt.training import inputs, loop, recipe, run

    say("quick: fold 1 of RAVDESS, every second clip, 4 epochs of 480; its UA is far below the full run's")
    chosen = recipe.load(ROOT / JUDGED["ravdess_emobox"])
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
    """Train the runs that runs/ lacks: first those that others begin from."""
    from hearfelt.training import __main__ as command

    stages = [(path, ["final"]) for path in BEGUN.values()]
    stages += [(JUDGED[name], ["folds", "final"]) for name in ("base", "open")]
    stages += [(JUDGED[name], ["folds"]) for name in JUDGED if name not in ("base", "open")]
    for path, stage in stages:
        out = RUNS / Path(path).stem
        if command.main([str(ROOT / path), "--data", str(DATA), "--out", str(out), "--stage", *stage]):
            sys.exit(2)


def runs() -> dict[str, Any]:
    """What is known of every run: from runs/ where it is finished, else as it was saved."""
    stored = json.loads(SAVED.read_text(encoding="utf-8")) if SAVED.is_file() else {}
    table: dict[str, Any] = {}
    for name in JUDGED:
        table[name] = finished(name) or stored.get(name)
    known = stored.get("unseen", {})
    names = {f"{run} on {corpus}": (corpus, run) for run, corpus in UNSEEN}
    table["unseen"] = {name: unseen(*pair) or known.get(name) for name, pair in names.items()}
    return table


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
    table = json.loads(SAVED.read_text(encoding="utf-8")) if options.quick else runs()
    card = VoiceModel.load(WEIGHTS / "base").card
    figures: dict[str, Any] = {}
    for name, figure in (
        ("ravdess_emobox", "ravdess_emobox_ua"),
        ("emodb_loso", "emodb_loso_uar"),
        ("emodb_emobox", "emodb_emobox_ua"),
        ("savee_emobox", "savee_emobox_ua"),
    ):
        if table.get(name):
            figures[figure] = table[name]["mean_over_folds"]["ua"]
            figures[f"{figure}_ci95"] = table[name]["mean_over_folds"]["ua_ci95"]
            figures[f"{figure}_parts"] = table[name]["parts"]
            known = table[name].get("speaker_known") or {}
            figures |= {f"{figure}_after_{step}": row["ua"] for step, row in known.items() if step != "0"}
    if table.get("emodb_loso"):
        figures["emodb_loso_uar_pooled"] = table["emodb_loso"]["pooled"]["all"]["uar"]
    figures["unseen_uar"] = {name: row["uar"] for name, row in table["unseen"].items() if row}
    for name in ("base", "open"):
        if table.get(name):
            figures[f"{name}_heldout_uar"] = {
                c: row["uar"] for c, row in table[name]["pooled"].items() if "wa" in row
            }
    figures |= {
        "params_m": round(card["parameters"] / 1e6, 3),
        "model_mb": round((WEIGHTS / "base" / "model.onnx").stat().st_size / 1e6, 2),
        "made": {n: table[n]["made"] for n in JUDGED if table.get(n)},
        "commits": {n: table[n]["commit"] for n in JUDGED if table.get(n)},
    }
    figures |= cost()
    if options.quick:
        figures |= quick()
    if options.save:
        SAVED.parent.mkdir(exist_ok=True)
        table["saved"] = datetime.date.today().isoformat()
        SAVED.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
