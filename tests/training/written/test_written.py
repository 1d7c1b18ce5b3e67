"""Models that write, from recipe to run: what they learn, how a run goes on, what they answer."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from hearfelt import load_model  # noqa: E402
from hearfelt.cli.app import run as hearfelt  # noqa: E402
from hearfelt.datasets import read  # noqa: E402
from hearfelt.errors import CorpusError, MissingExtraError, ModelError, OptionError  # noqa: E402
from hearfelt.training import kinds, systems  # noqa: E402
from hearfelt.training.changes import changed  # noqa: E402
from hearfelt.training.watch import How  # noqa: E402
from hearfelt.training.written.model import WrittenClassifier  # noqa: E402
from hearfelt.training.written.recipe import ScratchRecipe, SpeechLlmRecipe, TeachOptions  # noqa: E402
from hearfelt.types import Evidence, Example  # noqa: E402
from tests.cli.corpus import make  # noqa: E402
from tests.features import tiny_encoders  # noqa: E402

QUICK = {
    "features.n_mels": 20,
    "augment.crop_p": 0.0,
    "augment.mixup": 0.0,
    "loop.batch": 8,
    "loop.average": 0.5,
    "loop.bf16": False,
}
SCRATCH = {
    **QUICK,
    "network.width": 16,
    "network.heads": 2,
    "network.stem": 8,
    "network.channels": [8, 16],
    "network.sound_layers": 1,
    "network.dropout": 0.0,
}
LLM = {
    **QUICK,
    "sound.kind": "cnn",
    "sound.options": {"channels": [4, 8], "width": 8, "dropout": 0.0},
    "adapter.width": 16,
    "adapter.dropout": 0.0,
    "lm.width": 32,
    "lm.layers": 1,
    "lm.dropout": 0.0,
}
TEXTS = {"anger": "leave me alone", "neutral": "it is a table", "sadness": "i miss you"}


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("tones"), speakers=3, clips=6)


@pytest.fixture(scope="module")
def table(tones: Path) -> list[Example]:
    return [dataclasses.replace(e, text=TEXTS[str(e.gold)]) for e in read(tones / "tones.csv")]


def recipe(kind: str, changes: dict[str, Any]) -> Any:
    return changed({"scratch": ScratchRecipe, "speech-llm": SpeechLlmRecipe}[kind](), changes)


@pytest.mark.parametrize("kind", ["scratch", "speech-llm"])
def test_thirty_two_clips_are_learnt_by_heart(kind: str, tmp_path: Path) -> None:
    """Labels that no sound gives away: noise of one kind, dealt by chance."""
    import soundfile

    random = np.random.default_rng(3)
    clips = []
    for number in range(32):
        soundfile.write(str(tmp_path / f"{number}.wav"), random.standard_normal(4000) * 0.1, 16000)
        label = ("anger", "fear", "neutral", "sadness")[int(random.integers(4))]
        clips.append(Example(str(tmp_path / f"{number}.wav"), label, corpus="noise"))
    own = {"augment.stretch": 0.0, "augment.warp": 0.0, "augment.gain_sd_db": 0.0, "augment.tilt_sd_db": 0.0}
    own |= {"augment.noise_p": 0.0, "augment.freq_masks": 0, "augment.time_masks": 0, "loop.smoothing": 0.0}
    more = {"loop.epochs": 30, "loop.learning_rate": 5e-3, "teach.rest_weight": 0.1}
    model = WrittenClassifier(recipe(kind, {**(SCRATCH if kind == "scratch" else LLM), **own, **more}))
    model.folder = tmp_path / "run"
    said = model.fit(clips).predict_proba(clips)
    lines = (tmp_path / "run" / "log.jsonl").read_text(encoding="utf-8").splitlines()
    losses = [json.loads(line)["loss_label"] for line in lines]
    assert losses[-1] < 0.2 < losses[0]
    assert [model.classes_[i] for i in said.argmax(axis=1)] == [e.gold for e in clips]


@pytest.mark.parametrize("kind", ["scratch", "speech-llm"])
def test_evidence_is_like_that_of_any_model(kind: str, table: list[Example], tmp_path: Path) -> None:
    reads = {"network.hears": "both"} if kind == "scratch" else {"prompt.words": True, "prompt.cues": True}
    small = {**(SCRATCH if kind == "scratch" else LLM), **reads, "loop.epochs": 2}
    model = systems.make(kind, cache=str(tmp_path / "cache"), **small).fit(table)
    p = model.predict_proba(table)
    assert model.classes_ == ("anger", "neutral", "sadness") and p.shape == (18, 3)
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-5)
    found = model.predict([table[0], Path(table[1].file)])
    assert all(isinstance(one, Evidence) and one.source == f"{kind}/{kind}" for one in found)
    assert found[0].emotion.probabilities == pytest.approx(p[0], abs=1e-5)
    assert found[1].segment.end_s == pytest.approx(0.5)
    assert -1 <= (found[0].emotion.arousal or 0) <= 1
    model.save(tmp_path / "saved")
    for again in (load_model(tmp_path / "saved"), systems.make(f"weights:{tmp_path / 'saved'}")):
        np.testing.assert_allclose(again.predict_proba(table), p, atol=1e-6)
    assert (tmp_path / "cache").is_dir()


RECIPE = """
kind = "KIND"
name = "tiny"
[features]
n_mels = 20
[loop]
epochs = EPOCHS
batch = 8
average = 0.5
bf16 = false
[protocol]
folds = 3
"""
OWN = {
    "scratch": "[network]\nwidth = 16\nheads = 2\nstem = 4\nchannels = [4, 8]\nsound_layers = 1\n",
    "speech-llm": '[sound]\nkind = "cnn"\noptions = { channels = [4, 8], width = 8 }\n'
    "[adapter]\nwidth = 8\n[lm]\nwidth = 16\nlayers = 1\nheads = 2\n",
}


def written(folder: Path, kind: str, epochs: int = 2, more: str = "") -> Path:
    path = folder / f"{kind}.toml"
    text = RECIPE.replace("KIND", kind).replace("EPOCHS", str(epochs)) + OWN[kind] + more
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("kind", ["scratch", "speech-llm"])
def test_hearfelt_train_takes_it(
    kind: str,
    tones: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    path = written(tmp_path, kind)
    assert hearfelt(["train", str(path), "--data", str(tones / "tones.csv")]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("UAR ") and "the model: runs/tiny/final" in said.out
    assert "fold 1: UAR" in said.err
    card = json.loads((tmp_path / "runs/tiny/final/model.json").read_text(encoding="utf-8"))
    assert card["writes"] == kind and card["labels"] == ["anger", "neutral", "sadness"]
    assert card["scores"]["tasks"]["emotion"]["clips"] == 18
    assert hearfelt(["models", "publish", "runs/tiny", "--out", "published", "--licence", "CC0-1.0"]) == 0
    clip = read(tones / "tones.csv")[0]
    published = load_model(tmp_path / "published").predict([clip])[0]
    trained = load_model(tmp_path / "runs/tiny/final").predict([clip])[0]
    assert published.emotion.labels == ("anger", "neutral", "sadness")
    assert published.emotion.label == trained.emotion.label
    assert published.emotion.arousal == pytest.approx(trained.emotion.arousal, abs=1e-3)
    if kind == "scratch":  # without torch, and in an analysis
        assert published.source == "voice/tiny" and (tmp_path / "published/model.onnx").is_file()
        assert trained.source == "scratch/tiny"


class Stopped(Exception):
    """Stands for a kill: nothing is done after it."""


@pytest.mark.parametrize("kind", ["scratch", "speech-llm"])
def test_a_stopped_run_goes_on_at_the_same_loss(kind: str, table: list[Example], tmp_path: Path) -> None:
    """With mixup, dropout and words that are withheld by chance."""
    reads = {"network.hears": "both"} if kind == "scratch" else {"prompt.words": True}
    drops = {"teach.words_drop": 0.3, "teach.sound_drop": 0.3, "augment.mixup": 0.3, "loop.epochs": 4}
    plan = recipe(kind, {**(SCRATCH if kind == "scratch" else LLM), **reads, **drops})

    def stop(line: str) -> None:
        if "epoch 2/4" in line:
            raise Stopped

    with pytest.raises(Stopped):
        WrittenClassifier(plan, folder=tmp_path / "stopped", report=stop).fit(table)
    again = WrittenClassifier(plan, folder=tmp_path / "stopped").fit(table)
    whole = WrittenClassifier(plan, folder=tmp_path / "whole").fit(table)
    logs = [(tmp_path / name / "log.jsonl").read_text().splitlines() for name in ("stopped", "whole")]
    assert [json.loads(line)["loss"] for line in logs[0]] == [json.loads(line)["loss"] for line in logs[1]]
    assert len(logs[0]) == 4
    states = [model.network_.state_dict() for model in (again, whole)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[1])


def test_accelerate_with_accumulated_gradients_gives_the_same(table: list[Example], tmp_path: Path) -> None:
    pytest.importorskip("accelerate")
    plan = recipe("speech-llm", {**LLM, "loop.epochs": 2, "loop.accumulate": 2})
    losses = []
    for device in ("cpu", "accelerate"):
        WrittenClassifier(plan, folder=tmp_path / device, how=How(device)).fit(table)
        lines = (tmp_path / device / "log.jsonl").read_text(encoding="utf-8").splitlines()
        losses.append([json.loads(line)["loss"] for line in lines])
    assert losses[1] == pytest.approx(losses[0], rel=1e-4) and losses[0][1] < losses[0][0]


@pytest.mark.parametrize(
    ("encoder", "adapter", "tuning"),
    [
        ("wav2vec2", "conv", "frozen"),
        ("wavlm", "query", "frozen"),
        ("hubert", "conv", "top"),
        ("whisper", "conv", "frozen"),
    ],
)
def test_any_speech_encoder_hears_for_the_language_model(
    encoder: str, adapter: str, tuning: str, table: list[Example], tmp_path: Path
) -> None:
    source = str(tiny_encoders.save(encoder, tmp_path / encoder))
    options = {"source": source, "width": 8, "tuning": tuning, "top_layers": 1}
    own = {"sound.kind": "encoder", "sound.options": options, "adapter.kind": adapter, "loop.epochs": 1}
    model = systems.make("speech-llm", **{**LLM, **own}).fit(table)
    p = model.predict_proba(table[:3])
    model.save(tmp_path / "saved")
    stored = torch.load(tmp_path / "saved" / "network.pt", weights_only=True)["state"]
    copied = any(".sound.model." in f".{name}" for name in stored)
    assert copied is (tuning != "frozen"), "the encoder of others is not copied, but for what has learnt"
    again = WrittenClassifier.load(tmp_path / "saved")
    np.testing.assert_allclose(again.predict_proba(table[:3]), p, atol=1e-5)


def test_a_trained_network_hears_for_the_language_model(tones: Path, tmp_path: Path) -> None:
    """Its own fold's network, frozen; another protocol, other log-mels and random weights are refused."""
    base = RECIPE.replace("KIND", "network").replace("EPOCHS", "2") + (
        '[network]\nkind = "cnn"\noptions = { channels = [8, 8], width = 8 }\n'
    )
    (tmp_path / "base.toml").write_text(base, encoding="utf-8")
    data, out = ["--data", str(tones / "tones.csv")], ["--out", str(tmp_path / "llm")]
    assert hearfelt(["train", str(tmp_path / "base.toml"), *data, "--out", str(tmp_path / "base")]) == 0
    small = written(tmp_path, "speech-llm")
    asks = ["train", str(small), *data, *out, "--set", "sound.frozen=true"]
    source = ["--set", f"sound.source={tmp_path / 'base'}"]
    assert hearfelt([*asks, *source, "--set", "sound.copies=1"]) == 0
    base_state = torch.load(tmp_path / "base/fold1/network.pt", weights_only=True)["state"]
    state = torch.load(tmp_path / "llm/fold1/network.pt", weights_only=True)["state"]
    heads = [name for name in base_state if name.startswith("trunk.")]
    assert heads and all(
        torch.equal(base_state[n], state["sound." + n.removeprefix("trunk.")]) for n in heads
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["sound.frozen=true"], "sound.frozen = true with random weights would hear nothing"),
        (["sound.source=nowhere"], "nowhere holds no run of a network: sound.source is the folder of a run"),
        (["lm.source=./nowhere"], "there is no language model ./nowhere: give a folder with config.json"),
        (["adapter.kind=pool"], "unknown adapter 'pool'; known: conv, query"),
        (["sound.kind=ear"], "unknown network 'ear'; known: cnn"),
        (["prompt.word=true"], "unknown key in the recipe [prompt] 'word'"),
        (["teach.sound_drop=0.7", "teach.words_drop=0.7"], "shares from 0 that are 1 together at most"),
    ],
)
def test_mistakes_are_one_sentence(
    settings: list[str], message: str, tones: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, "speech-llm")
    more = [part for one in settings for part in ("--set", one)]
    out = ["--out", str(tmp_path / "out")]
    assert hearfelt(["train", str(path), "--data", str(tones / "tones.csv"), *out, *more]) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("hearfelt:")]
    assert message in line


def test_other_mistakes(table: list[Example], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelError, match="has learnt nothing yet: call fit"):
        WrittenClassifier().predict_proba(table)
    with pytest.raises(CorpusError, match="18 clips have the labels anger: a model needs at least two"):
        WrittenClassifier().fit([dataclasses.replace(e, gold="anger") for e in table])
    with pytest.raises(OptionError, match="speech-llm: names no folder: write speech-llm:FOLDER"):
        systems.make("speech-llm:")
    assert systems.make("speech-llm:some/folder").recipe.lm.source == "some/folder"
    with pytest.raises(OptionError, match="scratch does not take normalise=own-speakers: leave it out"):
        systems.make("scratch", normalise="own-speakers")
    with pytest.raises(OptionError, match="rest_weight=-1"):
        TeachOptions(rest_weight=-1)
    assert {"speech-llm", "scratch"} < set(kinds.KINDS)
    monkeypatch.setitem(sys.modules, "torch", None)
    for kind in ("speech-llm", "scratch"):
        with pytest.raises(
            MissingExtraError, match=rf"{kind} needs torch, .* pip install 'hearfelt\[train\]'"
        ):
            systems.make(kind)
