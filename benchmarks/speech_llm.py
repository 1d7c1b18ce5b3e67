"""How well models that write the emotion hear it: a Transformer from nothing, a speech-LLM, one with words.

    python benchmarks/speech_llm.py            # figures of finished runs in runs/, else the saved ones
    python benchmarks/speech_llm.py --quick    # the saved figures, and 32 made clips learnt by heart
    python benchmarks/speech_llm.py --retrain  # train what runs/ lacks (hours on two cores), then as above
    python benchmarks/speech_llm.py --save     # also write benchmarks/results/speech_llm.json

RAVDESS under EmoBox's six speaker-held-out folds (mean UA over folds), EmoDB one speaker left out at a time
(UAR over all answers); intervals: 95 %, speakers drawn again 1000 times. Epochs are fixed, nothing is stopped
or tuned on held-out speakers. `best_other` is the voice network (CNN, GRU, attentive statistics), from random
weights, on the same clips as often. The speech-LLM hears by the frozen network of the same fold of that run.

`joint`: a RAVDESS clip of a held-out speaker with a sentence of the same label from GoEmotions' test split
(comments with one Ekman label; `calm` counts as neutral), three sentences a clip. Nobody said these sentences
in these voices. The joint model learns from clips of the other speakers, each read with a sentence of its
label from the training split. `joint_voice` and `joint_words` are the same model without the other;
`voice_alone` is the trained voice network, `words_alone` the shipped text model, `late_uar` the sum of their
log-probabilities.
Ends with one line of JSON.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from hearfelt.evaluation import metrics, protocols
from hearfelt.labels import EKMAN7
from hearfelt.language.words.text import TextModel
from hearfelt.training import command, deal, kinds, runfolder
from hearfelt.training.command import Order
from hearfelt.training.files import atomic
from hearfelt.training.watch import say
from hearfelt.training.words import scores as grouping
from hearfelt.training.words import tune
from hearfelt.types import Example, Segment

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("HEARFELT_DATA", ROOT.parent / "shared" / "data"))
SAVED = ROOT / "benchmarks" / "results" / "speech_llm.json"
RECIPES = ROOT / "recipes" / "measured"
NETWORK = "the voice network alone"
WRITER = "a Transformer from nothing that writes the label"
FROZEN = "that voice network, frozen, an adapter and a small language model"
ROWS: Mapping[str, tuple[str, str, str]] = {
    "best_other_ravdess": ("nothing_ravdess", "", NETWORK),
    "scratch_ravdess": ("scratch_ravdess", "nothing_ravdess", WRITER),
    "speech_llm_ravdess": ("speech_llm_ravdess", "nothing_ravdess", FROZEN),
    "best_other_ravdess_longer": ("nothing_ravdess_longer", "", f"{NETWORK}, more epochs"),
    "scratch_ravdess_longer": ("scratch_ravdess_longer", "nothing_ravdess_longer", f"{WRITER}, more epochs"),
    "best_other_emodb": ("nothing_emodb", "", NETWORK),
    "scratch_emodb": ("scratch_emodb", "nothing_emodb", WRITER),
    "speech_llm_emodb": ("speech_llm_emodb", "nothing_emodb", FROZEN),
    "best_other_begun_emodb": ("emodb_loso", "", f"{NETWORK}, begun on other corpora"),
    "speech_llm_begun_emodb": ("speech_llm_begun_emodb", "emodb_loso", FROZEN),
}
"""Figure to the run that it is taken from, the run of `best_other` beside it, and what it is."""
FOLDS = {"ravdess": 6, "emodb": 10}
JOINT = RECIPES / "joint_ravdess.toml"
SENTENCES = 3
"""Sentences that each test clip is read with."""


def held_out(run: Path) -> protocols.HeldOut | None:
    """What a run said of all test clips, its first network alone; None where a fold is missing."""
    parts = []
    for path in sorted(run.glob("fold*/heldout.npz")):
        held = protocols.load(path)
        with np.load(path.with_name("answers.npz")) as answers:
            logits = answers["networks"][0] if "networks" in answers else held.logits
        parts.append(dataclasses.replace(held, logits=logits))
    wanted = next(folds for corpus, folds in FOLDS.items() if corpus in run.name)
    return protocols.join(parts) if len(parts) == wanted else None


def judged(run: Path) -> dict[str, Any] | None:
    """The figures of one run; None where a fold is missing."""
    held = held_out(run)
    if held is None:
        return None
    facts = json.loads((run / "run.json").read_text(encoding="utf-8"))
    found = protocols.by_group(held)["all"]
    return {
        "command": f"hearfelt train recipes/measured/{run.name}.toml --stage folds",
        "made": facts["created"],
        "commit": facts["commit"],
        "seed": facts["seed"],
        "epochs": facts["recipe"]["loop"]["epochs"],
        "parameters": parameters(run),
        "s_an_epoch": seconds(run),
        "pooled": {key: found[key] for key in ("clips", "speakers", "uar", "uar_ci95", "recall")},
        "mean_over_folds": protocols.mean_over_folds(held),
    }


def parameters(run: Path) -> int:
    """Numbers that the first fold's network holds."""
    import torch

    path = next(p for p in (run / "fold0/network.pt", run / "fold0/member0/network.pt") if p.is_file())
    stored = torch.load(path, weights_only=True)
    return sum(value.numel() for value in stored.get("state", stored).values())


def seconds(run: Path) -> float:
    """Median time of an epoch: as busy as the machine was."""
    lines = [line for path in run.glob("fold*/**/log.jsonl") for line in path.read_text().splitlines()]
    return round(float(np.median([json.loads(line)["s"] for line in lines])), 1)


def difference(*held: protocols.HeldOut) -> list[float]:
    """UAR of the first less that of the second on the same clips, and its 95 % interval over speakers."""
    place = {file: i for i, file in enumerate(held[1].file.tolist())}
    order = [place[file] for file in held[0].file.tolist()]
    random, gold = np.random.default_rng(0), held[0].gold
    answers = held[0].predicted, held[1].predicted[order]
    rows = [np.flatnonzero(held[0].speaker == name) for name in np.unique(held[0].speaker)]
    draws = []
    for number in range(1001):
        drawn = range(len(rows)) if number == 0 else random.integers(0, len(rows), len(rows))
        chosen = np.concatenate([rows[i] for i in drawn])
        draws.append(
            metrics.uar(gold[chosen], answers[0][chosen]) - metrics.uar(gold[chosen], answers[1][chosen])
        )
    low, high = np.percentile(draws[1:], (2.5, 97.5))
    return [round(float(value), 4) for value in (draws[0], low, high)]


def beside(ours: protocols.HeldOut, theirs: protocols.HeldOut) -> protocols.HeldOut:
    """The sum of two models' log-probabilities: what the first adds to the second."""
    place = {file: i for i, file in enumerate(theirs.file.tolist())}
    order = [place[file] for file in ours.file.tolist()]
    logs = [np.log(held.probabilities() + 1e-9) for held in (ours, theirs)]
    return dataclasses.replace(ours, logits=logs[0] + logs[1][order])


def sentences(split: str) -> dict[str, list[str]]:
    """Ekman label to the comments of a split of GoEmotions that have it alone."""
    part = tune.load(DATA / "text/goemotions/goemotions.parquet")[split]
    gold = grouping.single_gold(part.targets)
    return {
        label: [text for text, place in zip(part.texts, gold, strict=True) if place == number]
        for number, label in enumerate(EKMAN7)
    }


def paired(examples: Sequence[Example], said: Mapping[str, Sequence[str]], seed: int) -> list[Example]:
    """Each clip `SENTENCES` times, each time with another sentence of its label."""
    random = np.random.default_rng(seed)
    found = []
    for example in examples:
        own = said[str(example.gold)]
        for place in random.choice(len(own), SENTENCES, replace=False):
            found.append(dataclasses.replace(example, text=own[int(place)]))
    return found


def train_joint(out: Path, only: Sequence[int]) -> None:
    """Learn and judge the joint model on each fold that is not done; what all said is kept per fold."""
    from hearfelt.training.written import lesson, material, model, run, sound

    settings = {"sound.source": str(out.parent / "nothing_ravdess")}
    recipe = kinds.plan(JOINT, settings).recipe
    examples = run.read(recipe, DATA)
    folds = deal.folds(recipe.protocol, examples, DATA)
    runfolder.open_folder(recipe, out)
    cache = out.parent / "cache"
    clips = material.measured(recipe, examples, cache, say)
    clips = dataclasses.replace(clips, sentences=sentences("train"))
    test_said, reader = sentences("test"), TextModel.load()
    for number, split in enumerate(folds):
        folder = out / f"fold{number}"
        if (only and number not in only) or (folder / "joint.npz").is_file():
            continue
        sound.check_unheard(recipe.sound, number, [examples[i] for i in split.test])
        network = model.learnt(recipe, clips, split.train, folder, say)
        test = paired([examples[i] for i in split.test], test_said, number)
        heard = material.measured(recipe, test, None, say)
        views = {"joint": heard, "voice": Without(heard, "words"), "words": Without(heard, "sound")}
        answers = {name: lesson.scores(network, view, range(len(test))) for name, view in views.items()}
        texts = [(e.text or "", Segment(0.0, 0.0)) for e in test]
        shipped = [e.emotion.probabilities if e else (1 / 7,) * 7 for e in reader.predict(texts, "en")]
        with atomic(folder / "joint.npz") as part, part.open("wb") as stream:
            np.savez(
                stream,
                **answers,
                shipped=np.log(np.array(shipped) + 1e-9),
                trunk=trunk_alone(out.parent / "nothing_ravdess" / f"fold{number}", test),
                gold=np.array([e.gold for e in test]),
                speaker=np.array([e.speaker for e in test]),
            )
        say(f"joint, fold {number}: UAR {score(folder)['joint_uar']:.3f}")


class Without:
    """A material of which the words, or the sound, are withheld."""

    def __init__(self, material: Any, what: str) -> None:
        self._material, self._what = material, what

    def __getattr__(self, name: str) -> Any:
        return getattr(self._material, name)

    def given(self, index: int) -> Any:
        """What is read of a clip."""
        one = self._material.given(index)
        return dataclasses.replace(one, **({"words": ""} if self._what == "words" else {"sound": False}))


def trunk_alone(folder: Path, test: Sequence[Example]) -> np.ndarray:
    """Log-probabilities of the voice network of a fold over the Ekman labels, calm and neutral together."""
    held = protocols.load(folder / "heldout.npz")
    shares = held.probabilities()
    columns = {label: place for place, label in enumerate(held.labels.tolist())}
    seven = np.stack([shares[:, columns[label]] for label in EKMAN7], axis=1)
    seven[:, EKMAN7.index("neutral")] += shares[:, columns["calm"]]
    place = {file: i for i, file in enumerate(held.file.tolist())}
    return np.log(seven[[place[Path(e.file).name] for e in test]] + 1e-9)


def score(*folders: Path) -> dict[str, Any]:
    """UAR with intervals over speakers of what the folds said together."""
    parts = []
    for folder in folders:
        with np.load(folder / "joint.npz") as stored:
            parts.append({name: stored[name] for name in stored.files})
    both = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    tables = {
        "joint_uar": both["joint"],
        "joint_voice_uar": both["voice"],
        "joint_words_uar": both["words"],
        "voice_alone_uar": both["trunk"],
        "words_alone_uar": both["shipped"],
        "late_uar": both["trunk"] + both["shipped"],
    }
    found: dict[str, Any] = {"pairs": len(both["gold"]), "speakers": len(set(both["speaker"].tolist()))}
    for name, table in tables.items():
        answers = np.array(EKMAN7)[table.argmax(axis=1)]
        low, high = metrics.bootstrap(metrics.uar, both["gold"], answers, both["speaker"])
        found[name] = round(metrics.uar(both["gold"], answers), 4)
        found[f"{name}_ci95"] = [round(float(low), 4), round(float(high), 4)]
    return found


def by_heart() -> dict[str, float]:
    """32 made clips learnt by heart by a tiny model of each kind: the share that is right afterwards."""
    import soundfile

    from hearfelt.training import systems

    random, found = np.random.default_rng(3), {}
    small = {"features.n_mels": 20, "augment.mixup": 0.0, "augment.crop_p": 0.0, "augment.noise_p": 0.0}
    small |= {
        "augment.stretch": 0.0,
        "augment.warp": 0.0,
        "augment.gain_sd_db": 0.0,
        "augment.tilt_sd_db": 0.0,
    }
    small |= {"augment.freq_masks": 0, "augment.time_masks": 0, "average": 0.5, "bf16": False, "batch": 8}
    small |= {"epochs": 40, "learning_rate": 5e-3, "smoothing": 0.0}
    own = {
        "scratch": {
            "network.width": 16,
            "network.stem": 8,
            "network.channels": [8, 16],
            "network.dropout": 0.0,
        },
        "speech-llm": {
            "sound.kind": "cnn",
            "sound.options": {"channels": [4, 8], "width": 8, "dropout": 0.0},
            "lm.width": 32,
            **dict.fromkeys(("adapter.dropout", "lm.dropout"), 0.0),
        },
    }
    with tempfile.TemporaryDirectory() as folder:
        clips = []
        for number in range(32):
            path = str(Path(folder) / f"{number}.wav")
            soundfile.write(path, random.standard_normal(4000) * 0.1, 16000)
            clips.append(Example(path, ("anger", "fear", "neutral", "sadness")[int(random.integers(4))]))
        for kind, more in own.items():
            model = systems.make(kind, **small, **more).fit(clips)
            answers = model.predict_proba(clips).argmax(axis=1)
            right = [model.classes_[i] == e.gold for i, e in zip(answers, clips, strict=True)]
            found[f"{kind.replace('-', '_')}_by_heart"] = float(np.mean(right))
    return found


def collect(runs: Path) -> dict[str, Any]:
    """What is known of every run: from ``runs`` where it is finished, else as it was saved."""
    table: dict[str, Any] = json.loads(SAVED.read_text(encoding="utf-8")) if SAVED.is_file() else {}
    for name, (run, other, about) in ROWS.items():
        found = judged(runs / run)
        if found:
            ours, theirs = held_out(runs / run), held_out(runs / other) if other else None
            if ours is not None and theirs is not None:
                found["less_best_other"] = difference(ours, theirs)
                found["beside_best_other"] = difference(beside(ours, theirs), theirs)
            table[name] = {"about": about, **found}
    done = sorted(path.parent for path in (runs / "joint_ravdess").glob("fold*/joint.npz"))
    if done:
        facts = json.loads((runs / "joint_ravdess" / "run.json").read_text(encoding="utf-8"))
        table["joint"] = {
            "command": "python benchmarks/speech_llm.py --retrain",
            "made": facts["created"],
            "commit": facts["commit"],
            "folds": [int(path.name[4:]) for path in done],
            **score(*done),
        }
    return table


def retrain(runs: Path, only: Sequence[int]) -> None:
    """Train every run that ``runs`` lacks; a run that was stopped goes on."""
    begun = Order(str(RECIPES / "others_emodb.toml"), str(DATA), runs / "others_emodb", ("final",))
    command.train(begun, say)
    for run, other, _ in ROWS.values():
        source = {"sound.source": str(runs / other)} if run.startswith("speech_llm") else {}
        order = Order(str(RECIPES / f"{run}.toml"), str(DATA), runs / run, ("folds",), (), source)
        command.train(order, lambda line, run=run: say(f"{run}: {line}"))
    train_joint(runs / "joint_ravdess", only)


def main() -> None:
    """Print progress and, last, the figures as one line of JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for flag in ("quick", "retrain", "joint", "save"):
        parser.add_argument(f"--{flag}", action="store_true")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs")
    parser.add_argument("--fold", type=int, action="append", default=[], help="of the joint model, from 0")
    options = parser.parse_args()
    if (options.retrain or options.joint) and not (DATA / "audio").is_dir():
        raise SystemExit(f"no corpora at {DATA}: set HEARFELT_DATA to the folder that holds audio/ and text/")
    if options.retrain:
        retrain(options.runs, options.fold)
    if options.joint:
        train_joint(options.runs / "joint_ravdess", options.fold)
    table = collect(Path("nowhere") if options.quick else options.runs)
    figures: dict[str, Any] = {}
    for name, row in table.items():
        if name == "joint":
            figures |= {key: value for key, value in row.items() if "uar" in key}
            figures["joint_folds"] = row["folds"]
        elif isinstance(row, dict):
            ravdess = "_ravdess" in name
            part, key = ("mean_over_folds", "ua") if ravdess else ("pooled", "uar")
            figure = f"{name.replace('_ravdess', '')}_{key}"
            figures |= {figure: row[part][key], f"{figure}_ci95": row[part][f"{key}_ci95"]}
    if options.quick:
        figures |= by_heart()
    if options.save:
        table["saved"] = datetime.date.today().isoformat()
        SAVED.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
