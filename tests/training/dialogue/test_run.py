"""``hearfelt train`` on dialogues: rows, files, a run that was killed, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

from hearfelt.errors import ModelError, OptionError
from hearfelt.training import command
from hearfelt.training.command import Order
from hearfelt.training.dialogue import run
from hearfelt.training.files import write_state

KEYS = {
    "text.frozen_layers": 1,
    "text.max_tokens": 16,
    "text.loop.epochs": 3,
    "text.loop.batch": 16,
    "text.loop.learning_rate": 3e-3,
    "text.loop.average": 0.5,
    "context.members": 2,
    "context.width": 16,
    "context.heads": 2,
    "context.loop.epochs": 12,
    "context.loop.batch": 6,
    "context.loop.learning_rate": 1e-2,
    "context.loop.average": 0.5,
    "context.loop.patience": 0,
    "together.loop.epochs": 10,
    "together.loop.batch": 6,
    "together.loop.learning_rate": 3e-3,
    "together.loop.average": 0.5,
    "together.loop.patience": 0,
}
RECIPE = 'kind = "dialogue"\nname = "talks"\n'


def order(folder: Path, table: Path, bert: Path, **keys: Any) -> Order:
    recipe = folder / "recipe.toml"
    recipe.write_text(RECIPE, encoding="utf-8")
    settings = KEYS | {"text.start": str(bert)} | keys
    return Order(str(recipe), str(table), folder / "run", settings=settings)


def learnt(asked: Order) -> tuple[dict[str, Any], list[str]]:
    lines: list[str] = []
    out = command.train(asked, lines.append)
    return json.loads((out / "scores.json").read_text())["models"], lines


def test_a_table_becomes_rows_and_context_is_what_helps(
    tmp_path: Path, own_table: Path, tiny_bert: Path
) -> None:
    names = ["majority", "cues", "text", "context", "together", "together+cues", "fused"]
    asked = order(tmp_path, own_table, tiny_bert, models=names)
    rows, lines = learnt(asked)
    assert list(rows) == names
    assert rows["majority"]["weighted_f1"] < rows["text"]["weighted_f1"]
    # "yes" by itself says nothing; after its opening it does.
    assert rows["text"]["accuracy"] < 0.75
    for name in ("context", "together", "together+cues"):
        assert rows[name]["accuracy"] > rows["text"]["accuracy"] + 0.15
    assert set(rows["fused"]["weights"]) == set(names) - {"majority", "fused"}
    assert any(line.endswith(" s left") or " min left" in line for line in lines)
    out = tmp_path / "run"
    stored = np.load(out / "predictions" / "context.npz")
    assert stored["test"].shape == (28, 3)
    assert stored["classes"].tolist() == ["anger", "joy", "neutral"]
    np.testing.assert_allclose(stored["test"].sum(axis=1), 1, rtol=1e-5)
    shown = "\n".join(command.summary(out))
    assert "70 / 10 / 20 % of its dialogues dealt by seed 0" in shown
    assert "| together+cues |" in shown
    again: list[str] = []
    command.train(asked, again.append)
    assert not any("begins" in line for line in again)  # nothing is learnt twice


def test_a_killed_run_goes_on_to_the_same_losses(
    tmp_path: Path, own_table: Path, tiny_bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = order(tmp_path, own_table, tiny_bert, models=["text"])
    rows, _ = learnt(whole)
    losses = (tmp_path / "run" / "encoder0" / "log.jsonl").read_text()
    cut = Order(whole.source, whole.data, tmp_path / "cut", settings=whole.settings)

    written = []

    def dying(path: Path, state: Any) -> None:
        write_state(path, state)
        written.append(path)
        if len(written) == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("hearfelt.training.engine.write_state", dying)
        with pytest.raises(KeyboardInterrupt):
            command.train(cut, lambda line: None)
    found, lines = learnt(cut)
    assert any("goes on after epoch 2/3" in line for line in lines)
    figures = [
        [json.loads(line) for line in text.splitlines()]
        for text in (losses, (tmp_path / "cut" / "encoder0" / "log.jsonl").read_text())
    ]
    for one, other in zip(*figures, strict=True):
        assert {k: v for k, v in one.items() if k != "s"} == {k: v for k, v in other.items() if k != "s"}
    assert found["text"]["weighted_f1"] == rows["text"]["weighted_f1"]


def test_other_lines_do_not_enter_a_run(tmp_path: Path, own_table: Path, tiny_bert: Path) -> None:
    asked = order(tmp_path, own_table, tiny_bert, models=["majority"])
    learnt(asked)
    own_table.write_text(own_table.read_text().replace("lovely", "good"), encoding="utf-8")
    with pytest.raises(OptionError, match=r"run holds a run on other lines \(talks then, talks now\)"):
        command.train(asked, lambda line: None)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"models": ["bert"]}, "unknown model of dialogue 'bert'; known: majority"),
        ({"data.corpora": ["meld", "cped"]}, "one run learns from one corpus of dialogue; give one name"),
        ({"context.width": 30, "context.heads": 4}, "the width must divide by the heads"),
        ({"text.balance": 2.0}, r"balance=2.0: it lies in 0 \(as lines come\) to 1"),
        ({"text.member": 2}, "unknown key"),
    ],
)
def test_wrong_options_are_said_before_anything_is_learnt(
    tmp_path: Path, own_table: Path, tiny_bert: Path, keys: dict[str, Any], said: str
) -> None:
    with pytest.raises(OptionError, match=said):
        command.train(order(tmp_path, own_table, tiny_bert, **keys), lambda line: None)


def test_cues_need_measures(tmp_path: Path, own_table: Path, tiny_bert: Path) -> None:
    own_table.write_text(own_table.read_text().replace("avg_", "other_"), encoding="utf-8")
    with pytest.raises(OptionError, match="the model cues hears vocal measures and this corpus has none"):
        command.train(order(tmp_path, own_table, tiny_bert, models=["cues"]), lambda line: None)


def test_a_folder_that_is_no_bert_is_said(tmp_path: Path, own_table: Path) -> None:
    with pytest.raises(ModelError, match=r"has no config.json with a tokenizer.json beside it: give words,"):
        command.train(order(tmp_path, own_table, tmp_path, models=["text"]), lambda line: None)


def test_there_are_no_folds(tmp_path: Path, own_table: Path, tiny_bert: Path) -> None:
    asked = order(tmp_path, own_table, tiny_bert)
    with pytest.raises(OptionError, match="a recipe of kind dialogue has no folds: leave --fold out"):
        command.train(Order(asked.source, asked.data, asked.out, folds=(0,)), lambda line: None)


def test_a_table_needs_no_recipe(tmp_path: Path, own_table: Path) -> None:
    settings = {"kind": "dialogue", "models": ["majority"]}
    rows, _ = learnt(Order(str(own_table), out=tmp_path / "run", settings=settings))
    assert rows["majority"]["lines"] == 28


def test_the_recipes_are_read(data_dir: Path) -> None:
    from hearfelt.training import kinds

    recipes = Path(__file__).resolve().parents[3] / "recipes"
    for path in (recipes / "dialogue.toml", recipes / "measured" / "meld.toml"):
        assert kinds.plan(path).kind == "dialogue"
    if (data_dir / "text" / "meld").is_dir():
        found = run.read(kinds.plan(recipes / "measured" / "meld.toml").recipe, str(data_dir))
        assert len(found.part("test")) == 2610
