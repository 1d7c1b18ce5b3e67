"""Learning the textbook baseline: it learns, stops and goes on, and its command prints what it measured."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from hearfelt.cli.app import run
from hearfelt.datasets import dialogue
from hearfelt.errors import CorpusError, OptionError
from hearfelt.models.textbook import TextbookModel, TextbookOptions
from hearfelt.training import devices, kinds, textbook
from hearfelt.training.dialogue.base import Setting
from hearfelt.training.dialogue.models import build
from hearfelt.training.dialogue.options import DialogueData, DialogueRecipe
from hearfelt.training.recipe import LoopOptions
from hearfelt.training.textbook import TextbookRecipe, Texts, learn, measured

LABELS = ("joy", "anger")
GOOD, BAD = (
    ("what a lovely day", "lovely , thank you", "so happy today"),
    (
        "this is awful",
        "awful service , again",
        "so angry today",
    ),
)
LOOP = LoopOptions(epochs=12, batch=4, learning_rate=0.03, weight_decay=0.0, average=0.0, bf16=False)


def quiet(line: str) -> None:
    """A report to nobody."""


def texts(multi: bool = False) -> Texts:
    """Six sentences, three of each label; with several labels, one of both and one of none."""
    targets = np.array([[1, 0]] * 3 + [[0, 1]] * 3, np.float32)
    both = (*GOOD, *BAD)
    if multi:
        both, targets = (*both, "lovely but awful", "the door"), np.append(targets, [[1, 1], [0, 0]], axis=0)
    return Texts(both, targets.astype(np.float32))


def recipe(**loop: object) -> TextbookRecipe:
    return TextbookRecipe(
        network=TextbookOptions(embedding=16, hidden=12, min_count=1, dropout=0.0),
        loop=dataclasses.replace(LOOP, **loop),  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("multi", [False, True])
def test_it_learns_a_few_sentences_by_heart(tmp_path: Path, multi: bool) -> None:
    some = texts(multi)
    model = learn(recipe(epochs=25), LABELS, some, None, tmp_path, quiet, multi=multi)
    assert (model.said(some.texts) == some.targets.astype(bool)).all()
    figures = measured(model, some)
    assert figures["macro_f1"] == 1.0 and figures["texts"] == len(some.texts)


def test_words_of_the_development_texts_stay_unknown(tmp_path: Path) -> None:
    dev = Texts(("zebra zebra zebra",), np.array([[1, 0]], np.float32))
    model = learn(recipe(epochs=1), LABELS, texts(), dev, tmp_path, quiet, multi=False)
    assert "zebra" not in model.vocabulary.words and "lovely" in model.vocabulary.words


def test_a_stopped_run_ends_as_one_in_one_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    some = texts()
    whole = learn(recipe(epochs=6), LABELS, some, some, tmp_path / "whole", quiet, multi=False)
    epochs = textbook.TextLesson.batches

    def stops(lesson: textbook.TextLesson, epoch: int):  # type: ignore[no-untyped-def]
        if epoch == 3:
            raise KeyboardInterrupt
        return epochs(lesson, epoch)

    with monkeypatch.context() as patch:
        patch.setattr(textbook.TextLesson, "batches", stops)
        with pytest.raises(KeyboardInterrupt):
            learn(recipe(epochs=6), LABELS, some, some, tmp_path / "cut", quiet, multi=False)
    again = learn(recipe(epochs=6), LABELS, some, some, tmp_path / "cut", quiet, multi=False)
    np.testing.assert_array_equal(again.predict_proba(some.texts), whole.predict_proba(some.texts))


def test_a_batch_goes_where_the_network_is() -> None:
    import torch

    lesson = textbook.TextLesson(torch.nn.Linear(1, 1), [[2, 3], [4]], texts(), recipe())
    moved = devices._moved(next(lesson.batches(0)), torch.device("meta"))
    assert [part.device.type for part in moved] == ["meta"] * 3


def test_nothing_to_learn_from_is_said(tmp_path: Path) -> None:
    none = Texts((), np.zeros((0, 2), np.float32))
    with pytest.raises(CorpusError, match="there are no training texts: nothing can be learnt"):
        learn(recipe(), LABELS, none, None, tmp_path, quiet, multi=True)


OWN = """dialogue,number,speaker,text,label,split
t,0,a,what a lovely day,joy,train
t,1,b,this is awful,anger,train
d,0,a,so lovely,joy,dev
d,1,b,awful indeed,anger,dev
e,0,a,lovely,joy,test
e,1,b,awful,anger,test
"""


def test_the_command_learns_scores_and_saves(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "own.csv").write_text(OWN, encoding="utf-8")
    file = tmp_path / "tiny.toml"
    file.write_text(
        'kind = "textbook"\nname = "tiny"\n[data]\ncorpora = []\n[loop]\nepochs = 1\n', encoding="utf-8"
    )
    order = ["train", str(file), "--data", str(tmp_path / "own.csv"), "--out", str(tmp_path / "run")]
    assert run(order) == 0
    assert "| weighted_f1 |" in capsys.readouterr().out
    saved = TextbookModel.load(tmp_path / "run" / "final")
    assert saved.card["scores"]["texts"] == 2 and saved.labels == ("anger", "joy")


def test_it_is_a_row_of_the_table_of_dialogue_models(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text(OWN, encoding="utf-8")
    table = dialogue.read(str(tmp_path / "own.csv"), tmp_path)
    setting = Setting.of(DialogueRecipe(), table, tmp_path / "run", report=quiet)
    model = build("textbook", setting)
    model.fit(table.part("train") + table.part("dev"))
    found = model.predict_proba(table.part("test"))
    assert found.shape == (2, 2) and model.classes_ == table.labels
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)


def test_a_wrong_recipe_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text('kind = "textbook"\n[data]\ncorpora = ["tweets"]\n', encoding="utf-8")
    assert run(["train", str(file), "--data", str(tmp_path), "--out", str(tmp_path / "run")]) == 2
    assert "unknown corpus of dialogue 'tweets'; known: meld" in capsys.readouterr().err
    with pytest.raises(OptionError, match="unknown kind"):
        TextbookRecipe(kind="words")


def test_a_table_of_dialogue_is_read_line_by_line(tmp_path: Path) -> None:
    table = tmp_path / "own.csv"
    rows = ["dialogue,number,speaker,text,label,split"]
    for split in ("train", "dev", "test"):
        rows += [f"{split},0,a,what a lovely day,joy,{split}", f"{split},1,b,this is awful,anger,{split}"]
    table.write_text("\n".join(rows) + "\n", encoding="utf-8")
    own = TextbookRecipe(data=DialogueData())
    labels, parts, multi = textbook.material(own, str(table))
    assert set(labels) == {"joy", "anger"} and not multi
    assert parts["test"].texts == ("what a lovely day", "this is awful")
    assert parts["test"].targets.sum(axis=1).tolist() == [1, 1]
    assert parts["test"].groups == ("test", "test")


@pytest.mark.parametrize("corpus", ["goemotions", "meld", "emorynlp"])
def test_the_shipped_recipes_are_read(corpus: str) -> None:
    file = Path(__file__).resolve().parents[2] / "recipes" / f"textbook-{corpus}.toml"
    plan = kinds.plan(file)
    assert plan.kind == "textbook" and plan.recipe.loop.average == 0.0
    assert plan.recipe.data.corpora == (corpus,)
