"""A run of the kind ``causal`` as a user starts it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("peft")

import numpy as np

from hearfelt.cli.app import run
from hearfelt.datasets import dialogue
from hearfelt.training import kinds
from hearfelt.training.causal.model import CausalModel
from hearfelt.training.causal.options import CausalLoop, CausalOptions
from hearfelt.training.dialogue.base import Setting
from hearfelt.training.dialogue.models import build
from hearfelt.training.dialogue.options import DialogueRecipe
from tests.training.causal.tiny import LABELS, TALK, language_model


def quiet(line: str) -> None:
    """A report to nobody."""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rows = ["dialogue,number,speaker,text,label,split"]
    for split in ("train", "dev", "test"):
        rows += [f'{split},{n},{who},"{said}",{label},{split}' for n, (who, said, label) in enumerate(TALK)]
    (tmp_path / "own.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return tmp_path / "own.csv"


RECIPE = """kind = "causal"
name = "tiny"
[model]
window = 2
max_tokens = 256
speaker_weight = 0.5
[model.loop]
epochs = 1
batch = 4
accumulate = 2
bf16 = false
"""


def test_a_recipe_becomes_adapters_scores_and_a_table(
    tmp_path: Path, table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = language_model(tmp_path / "base")
    (tmp_path / "tiny.toml").write_text(RECIPE, encoding="utf-8")
    order = ["train", str(tmp_path / "tiny.toml"), "--data", str(table), "--out", str(tmp_path / "run")]
    assert run(order) == 2
    assert "no base is named: set model.base" in capsys.readouterr().err
    order += ["--set", f"model.base={base}", "--device", "cpu", "--tensorboard"]
    assert run(order) == 0
    said = capsys.readouterr()
    assert "| majority |" in said.out and "| tiny |" in said.out
    assert "who speaks: " in said.err and " of 4 test turns right" in said.err
    scores = json.loads((tmp_path / "run" / "scores.json").read_text(encoding="utf-8"))
    assert scores["models"]["tiny"]["lines"] == 6 and scores["models"]["tiny"]["speaker"]["asked"] == 4
    assert list((tmp_path / "run" / "tensorboard").iterdir())
    card = json.loads((tmp_path / "run" / "final" / "model.json").read_text(encoding="utf-8"))
    assert card["corpora"] == ["own"] and card["scores"]["lines"] == 6 and not card["commercial"]
    loaded = CausalModel.load(tmp_path / "run" / "final", report=quiet)
    assert loaded.classes_ == LABELS


def test_it_is_a_row_of_the_table_of_dialogue_models(tmp_path: Path, table: Path) -> None:
    base = language_model(tmp_path / "base")
    options = CausalOptions(str(base), window=1, loop=CausalLoop(epochs=1, batch=4, bf16=False))
    lines = dialogue.read(str(table), tmp_path)
    setting = Setting.of(DialogueRecipe(causal=options), lines, tmp_path / "run", report=quiet)
    model = build("causal", setting).fit(lines.part("train") + lines.part("dev"))
    found = model.predict_proba(lines.part("test"))
    assert found.shape == (6, 3)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
    assert (tmp_path / "run" / "causal" / "checkpoint.pt").is_file()


def test_the_shipped_recipe_is_read() -> None:
    plan = kinds.plan(Path(__file__).resolve().parents[3] / "recipes" / "causal.toml")
    assert plan.kind == "causal" and plan.recipe.model.speaker_weight == 0.2
    assert plan.recipe.model.loop.accumulate == 4
