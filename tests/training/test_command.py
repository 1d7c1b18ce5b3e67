"""``hearfelt train`` from Python: recipes of every kind, a user's own corpus, and what can be wrong."""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("sklearn")
pytest.importorskip("onnx")

import hearfelt
from hearfelt.audio import read
from hearfelt.errors import CorpusError, HearfeltError, MissingExtraError, ModelError, OptionError, RunError
from hearfelt.evaluation import protocols
from hearfelt.models import classical as models
from hearfelt.models.onnx import VoiceModel
from hearfelt.training import changes, command, kinds, run, table, tell
from hearfelt.training.command import Order

TINY = {
    "network.stem": 8,
    "network.channels": [8, 8],
    "network.width": 16,
    "network.attention": 8,
    "features.n_mels": 20,
    "loop.epochs": 2,
    "loop.batch": 8,
    "loop.average": 0.5,
    "loop.bf16": False,
    "protocol.folds": 3,
}
"""A voice model that is learnt in a second."""

CLASSICAL = """
kind = "classical"
name = "trees"
[model]
kind = "tree"
features = "mel"
[protocol]
folds = 3
"""


def heard(order: Order) -> tuple[Path, list[str]]:
    """The run's folder and what was reported."""
    lines: list[str] = []
    return command.train(order, lines.append), lines


def written(folder: Path, text: str) -> str:
    path = folder / "recipe.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.fixture(scope="module")
def own_run(own_clips: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A user's folder, learnt without a recipe."""
    out = tmp_path_factory.mktemp("runs") / "mine"
    return heard(Order(str(own_clips), out=out, settings=TINY))


def test_a_folder_becomes_a_model_in_one_command(own_run: tuple[Path, list[str]], own_clips: Path) -> None:
    out, lines = own_run
    assert "27 clips: 9 anger, 9 neutral, 9 sadness" in lines
    assert "3 speakers in 3 folds: no speaker is both learnt from and judged" in lines
    held = protocols.load(out / "heldout.npz")
    assert held.logits.shape == (27, 3)
    for fold in range(3):
        assert len(set(held.speaker[held.fold == fold].tolist())) == 1
    model = VoiceModel.load(out / "final")
    assert model.labels == ("anger", "neutral", "sadness")
    fitted = protocols.fit_temperature(held)
    assert model.card["temperature"] == pytest.approx(max(tell.LEAST_TEMPERATURE, fitted), abs=1e-4)
    assert model.card["corpora"] == ["mine"]
    assert model.card["protocol"] == "3 folds, every speaker held out once, dealt with seed 1"
    (evidence,) = model.predict([read(own_clips / "angry" / "ann" / "0.wav")[0]])
    assert evidence.reliability == model.card["scores"]["mean_over_corpora"]["uar"]


def test_the_run_says_what_repeats_it(own_run: tuple[Path, list[str]], own_clips: Path) -> None:
    stored = json.loads((own_run[0] / "run.json").read_text(encoding="utf-8"))
    assert stored["kind"] == "voice" and stored["seed"] == 1
    assert stored["recipe"]["data"]["labels"] == ["anger", "neutral", "sadness"]
    assert {"python", "numpy", "torch", "hearfelt"} <= set(stored["versions"])
    assert (stored["data"]["clips"], stored["data"]["corpora"]["mine"]["speakers"]) == (27, 3)
    plan, _ = command.prepare(Order(str(own_clips), settings=TINY), lambda _: None)
    assert stored["data"]["sha256"] == table.digest(table.read(plan.recipe.data, own_clips))


def test_a_finished_run_is_not_done_again(
    own_run: tuple[Path, list[str]], own_clips: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (own_run[0] / "scores.json").read_text(encoding="utf-8")
    monkeypatch.setattr(run.loop, "train", None)
    heard(Order(str(own_clips), out=own_run[0], settings=TINY))
    assert (own_run[0] / "scores.json").read_text(encoding="utf-8") == before


def test_a_run_on_other_clips_is_refused(
    own_run: tuple[Path, list[str]], own_clips: Path, tmp_path: Path
) -> None:
    fewer = tmp_path / "mine"
    shutil.copytree(own_clips, fewer)
    (fewer / "sad" / "ben" / "1.wav").unlink()
    settings = TINY | {"data.per_epoch.mine": 27, "loop.epochs": 2}
    with pytest.raises(
        OptionError, match=r"holds a run on other clips \(27 then, 26 now, from .*mine\): give"
    ):
        heard(Order(str(fewer), out=own_run[0], settings=settings))


def test_the_summary_is_for_people(own_run: tuple[Path, list[str]]) -> None:
    lines = list(command.summary(own_run[0]))
    assert lines[0].startswith("UAR ") and "on 27 clips, speakers held out (speaker_folds)" in lines[0]
    assert lines[2] == f"use it: hearfelt analyze RECORDING --voice {own_run[0] / 'final'}"


def test_the_recipe_can_be_written_first(own_clips: Path, tmp_path: Path) -> None:
    order = Order(str(own_clips), settings={"loop.epochs": 7})
    command.write_recipe(order, tmp_path / "mine.toml", lambda _: None)
    text = (tmp_path / "mine.toml").read_text(encoding="utf-8")
    assert text.startswith(f"# hearfelt train {tmp_path / 'mine.toml'} --data {own_clips}\n")
    found = kinds.plan(tmp_path / "mine.toml")
    expected, _ = command.prepare(order, lambda _: None)
    assert found == expected and found.recipe.loop.epochs == 7
    with pytest.raises(OptionError, match=r"mine\.toml is there already: name a new file"):
        command.write_recipe(order, tmp_path / "mine.toml", lambda _: None)


def test_unknown_speakers_are_said_loudly(own_clips: Path, tmp_path: Path) -> None:
    flat = tmp_path / "flat"
    for number, path in enumerate(sorted(own_clips.rglob("*.wav"))):
        (flat / path.parent.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, flat / path.parent.parent.name / f"{number}.wav")
    lines: list[str] = []
    plan, _ = command.prepare(Order(str(flat)), lines.append)
    assert lines[0].startswith(
        "WARNING: 27 of 27 clips name no speaker: clips are held out instead of speakers, so that the scores "
        "say nothing of people who were not heard; put the clips of each speaker into a folder"
    )
    assert (plan.recipe.protocol.kind, plan.recipe.protocol.folds) == ("clip_folds", 5)


def test_a_folder_may_be_learnt_by_another_kind(own_clips: Path) -> None:
    order = Order(str(own_clips), settings={"kind": "classical", "model.kind": "tree"})
    plan, _ = command.prepare(order, lambda _: None)
    assert (plan.kind, plan.recipe.model.kind, plan.recipe.protocol.folds) == ("classical", "tree", 3)
    assert plan.recipe.data.labels == ("anger", "neutral", "sadness")
    with pytest.raises(OptionError, match="unknown kind of recipe 'svm'; known: voice, network, speech-llm"):
        command.prepare(Order(str(own_clips), settings={"kind": "svm"}), lambda _: None)


def test_one_speaker_is_said_loudly(own_clips: Path, tmp_path: Path) -> None:
    for label in ("angry", "sad"):
        shutil.copytree(own_clips / label / "ann", tmp_path / "one" / label / "ann")
    lines: list[str] = []
    plan, _ = command.prepare(Order(str(tmp_path / "one")), lines.append)
    assert lines[0].startswith("WARNING: there is one speaker only: clips are held out")
    assert (plan.recipe.protocol.kind, plan.recipe.protocol.folds) == ("clip_folds", 3)


def test_a_classical_recipe_gives_the_same_run_folder(own_clips: Path, tmp_path: Path) -> None:
    order = Order(written(tmp_path, CLASSICAL), str(own_clips), tmp_path / "trees")
    out, lines = heard(order)
    assert {"run.json", "heldout.npz", "scores.json", "final", "fold0"} <= {p.name for p in out.iterdir()}
    assert json.loads((out / "run.json").read_text())["kind"] == "classical"
    held = protocols.load(out / "heldout.npz")
    model = models.load(out / "fold1" / "model")
    rows = held.fold == 1
    clips = [p for p in sorted(own_clips.rglob("*.wav")) if p.parent.name == held.speaker[rows][0]]
    shares = {
        p.name: row for p, row in zip(clips, model.predict_proba(clips)) if p.parent.parent.name == "sad"
    }
    mine = {n: r for n, r, g in zip(held.file[rows], held.logits[rows], held.gold[rows]) if g == "sadness"}
    for name, row in mine.items():
        np.testing.assert_allclose(np.exp(row), np.maximum(shares[str(name)], 1e-6), rtol=1e-4)
    assert models.load(out / "final").classes_ == ("anger", "neutral", "sadness")
    assert next(line for line in lines if "UAR" in line).startswith("fold 0 of 3: UAR ")
    (out / "fold1" / "heldout.npz").unlink()
    _, again = heard(order)
    assert [line[:6] for line in again if "UAR" in line] == ["fold 1"]


def kept(own: Path, to: Path, labels: tuple[str, ...], speakers: tuple[str, ...]) -> Path:
    for label in labels:
        for speaker in speakers:
            shutil.copytree(own / label / speaker, to / label / speaker)
    return to


@pytest.mark.parametrize("text", [CLASSICAL, 'kind = "network"\n[protocol]\nfolds = 2\n', ""])
def test_one_class_or_one_speaker_is_refused(text: str, own_clips: Path, tmp_path: Path) -> None:
    recipe = written(tmp_path, text or "[data]\ncorpora = []\nlabels = []\n")
    one = kept(own_clips, tmp_path / "one", ("sad",), ("ann", "ben"))
    with pytest.raises(CorpusError, match=r"labels sadness|has 1 different values in the 6 training clips"):
        heard(Order(recipe, str(one), tmp_path / "run"))
    alone = kept(own_clips, tmp_path / "alone", ("sad", "angry"), ("ann",))
    with pytest.raises(
        CorpusError, match="1 speaker cannot be both learnt from and held out: use at least 2"
    ):
        heard(Order(recipe, str(alone), tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_unknown_labels_are_refused_or_taken_by_the_recipe(own_clips: Path, tmp_path: Path) -> None:
    shutil.copytree(own_clips, tmp_path / "grumpy")
    (tmp_path / "grumpy" / "angry").rename(tmp_path / "grumpy" / "grumpy")
    with pytest.raises(
        CorpusError,
        match=r"the folder .*grumpy: unknown emotion label 'grumpy'; known: .*; learn it by data\.labels, or "
        r"map it by data\.relabel, or leave it out by data\.drop",
    ):
        command.prepare(Order(str(tmp_path / "grumpy")), lambda _: None)
    labels: dict[str, Any] = {}
    for setting in (
        'data.relabel.grumpy="anger"',
        'data.drop=["grumpy"]',
        'data.labels=["grumpy","sadness"]',
    ):
        given = changes.parse([setting]) | ({"data.drop": ["neutral"]} if "labels" in setting else {})
        plan, _ = command.prepare(Order(str(tmp_path / "grumpy"), settings=given), lambda _: None)
        labels[setting[5:9]] = plan.recipe.data.labels
    assert labels == {
        "rela": ("anger", "neutral", "sadness"),
        "drop": ("neutral", "sadness"),
        "labe": ("grumpy", "sadness"),
    }


@pytest.mark.parametrize(
    ("order", "message"),
    [
        ({"source": "no.toml"}, "there is no recipe no.toml: see the folder recipes/"),
        ({"source": "nowhere"}, "nowhere is not there: give the path of a table or folder"),
        ({"source": "RECIPE"}, "names no corpora: give --data, a folder per class or a table"),
        ({"source": "CLIPS", "data": "x"}, "is no recipe .* and there is --data x too: give one of them"),
        ({"source": "RECIPE", "data": "CLIPS", "folds": (3,)}, "there is no fold 3: the protocol has 3"),
        (
            {"source": "RECIPE", "settings": {"kind": "neural"}},
            "unknown kind of recipe 'neural'; known: voice, network, speech-llm",
        ),
        ({"source": "RECIPE", "settings": {"model.sed": 1}}, r"unknown key in the recipe \[model\] 'sed'"),
        ({"source": "RECIPE", "settings": {"model.seed": 1}}, "set seed at the top of the recipe instead"),
    ],
)
def test_a_wrong_order_is_one_sentence(
    order: dict[str, Any], message: str, own_clips: Path, tmp_path: Path
) -> None:
    names = {"RECIPE": written(tmp_path, CLASSICAL), "CLIPS": str(own_clips)}
    given = {
        key: names.get(value, value) if isinstance(value, str) else value for key, value in order.items()
    }
    with pytest.raises(HearfeltError, match=message):
        heard(Order(out=tmp_path / "run", **given))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("kind", "library"), [("voice", "torch"), ("classical", "scikit-learn")])
def test_a_missing_library_is_named(kind: str, library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, kinds.KINDS[kind].library[0], None)
    with pytest.raises(
        MissingExtraError, match=rf"training needs {library}, .*pip install 'hearfelt\[train\]'"
    ):
        kinds.KINDS[kind].load()


def test_stages_are_checked_first() -> None:
    with pytest.raises(OptionError, match="unknown stage 'fold'; known: folds, final, publish"):
        Order("x", stages=("fold",))
    with pytest.raises(OptionError, match="publishing needs --weights"):
        Order("x", stages=("publish",))


def test_a_recipe_for_voice_keeps_its_options(made_recipe: Path) -> None:
    """A search table and a kind are no options of the model."""
    plain = kinds.plan(made_recipe)
    text = 'kind = "voice"\n' + made_recipe.read_text(encoding="utf-8") + "[search]\nfolds = 2\n"
    (made_recipe.parent / "more.toml").write_text(text, encoding="utf-8")
    more = kinds.plan(made_recipe.parent / "more.toml", {"loop.epochs": 9})
    loop = dataclasses.replace(plain.recipe.loop, epochs=9)
    assert more.recipe == dataclasses.replace(plain.recipe, loop=loop)
    assert more.search == {"folds": 2} and plain.search == {}


def test_a_folder_that_cannot_be_made_is_named(own_clips: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match=r"the run folder .*file/run cannot be made .*: give another --out"):
        heard(Order(written(tmp_path, CLASSICAL), str(own_clips), tmp_path / "file" / "run"))


def test_labels_without_coordinates_have_no_dimensions(
    own_run: tuple[Path, list[str]], own_clips: Path, tmp_path: Path
) -> None:
    shutil.copytree(own_run[0] / "final", tmp_path / "final")
    card = json.loads((tmp_path / "final" / "model.json").read_text(encoding="utf-8"))
    card["labels"] = ["anger", "calm", "grumpy"]
    (tmp_path / "final" / "model.json").write_text(json.dumps(card), encoding="utf-8")
    sound = read(own_clips / "sad" / "ann" / "0.wav")[0]
    (evidence,) = VoiceModel.load(tmp_path / "final").predict([sound])
    assert evidence.emotion.labels == ("anger", "calm", "grumpy") and evidence.emotion.arousal is None


def test_one_door_loads_every_model(own_run: tuple[Path, list[str]], own_clips: Path, tmp_path: Path) -> None:
    sounds = [str(own_clips / "sad" / "ann" / "0.wav"), own_clips / "angry" / "ben" / "1.wav"]
    voice = hearfelt.load_model(own_run[0] / "final")
    expected = VoiceModel.load(own_run[0] / "final").predict([read(Path(s))[0] for s in sounds])
    rows = [one.emotion.probabilities for one in expected]
    np.testing.assert_allclose(voice.predict_proba(sounds), rows, atol=1e-6)
    assert [one.source for one in voice.predict(sounds)] == ["voice/mine", "voice/mine"]
    with pytest.raises(ModelError, match="holds weights that learn no more: train anew"):
        voice.fit([])
    voice.save(tmp_path / "copy")
    np.testing.assert_array_equal(
        hearfelt.load_model(tmp_path / "copy").predict_proba(sounds), voice.predict_proba(sounds)
    )
    trees, _ = heard(
        Order(written(tmp_path, CLASSICAL), str(own_clips), tmp_path / "trees", stages=("final",))
    )
    model = hearfelt.load_model(trees / "final")
    assert isinstance(model, hearfelt.ClassicalModel)
    assert model.predict_proba(sounds).shape == (2, 3)
    with pytest.raises(ModelError, match="there is no model in"):
        hearfelt.load_model(tmp_path)
    shipped = Path(hearfelt.__file__).parent / "weights" / "words"
    with pytest.raises(ModelError, match="which judges no sound"):
        hearfelt.load_model(shipped)
