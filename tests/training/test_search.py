"""``hearfelt search``: what may be searched, who judges, and a search that goes on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("optuna")
pytest.importorskip("sklearn")

from hearfelt.errors import OptionError, RunError
from hearfelt.training import classical, deal, kinds, search, table
from hearfelt.training.search import Choice, Search

RECIPE = """
kind = "classical"
name = "trees"
[model]
kind = "tree"
features = "mel"
[protocol]
kind = "loso"
[search]
seed = 3
"model.min_leaf" = { low = 1, high = 6 }
"model.balance" = { choices = ["weights", "none"] }
"""


def plan(tmp_path: Path, text: str = RECIPE) -> kinds.Plan:
    (tmp_path / "trees.toml").write_text(text, encoding="utf-8")
    return kinds.plan(tmp_path / "trees.toml")


def quiet(line: str) -> None:
    """A report nobody reads."""


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[tuple[set[str], set[str]]]:
    """Speakers that each judging learnt from and asked."""
    found: list[tuple[set[str], set[str]]] = []
    real = classical.judged

    def listening(recipe: Any, clips: Any, split: Any, *rest: Any) -> Any:
        found.append(
            tuple({str(clips.examples[i].speaker) for i in part} for part in (split.train, split.test))  # type: ignore[arg-type]
        )
        return real(recipe, clips, split, *rest)

    monkeypatch.setattr(classical, "judged", listening)
    return found


def test_a_search_hears_training_speakers_alone_and_goes_on(
    own_clips: Path, tmp_path: Path, heard: list[tuple[set[str], set[str]]]
) -> None:
    out = tmp_path / "runs" / "search"
    lines: list[str] = []
    best = search.search(plan(tmp_path), str(own_clips), Search(out, 2, fold=1), lines.append)
    recipe = classical.filled(plan(tmp_path).recipe, table.read(plan(tmp_path).recipe.data, own_clips))
    examples = table.read(recipe.data, own_clips)
    tested = {examples[i].speaker for i in deal.folds(recipe.protocol, examples, own_clips)[1].test}
    assert tested == {"ben"}
    assert heard and all(not (learnt | asked) & tested and not learnt & asked for learnt, asked in heard)

    first = json.loads((out / "trials.json").read_text(encoding="utf-8"))
    assert len(first) == 2 and first[0]["uar"] >= first[1]["uar"]
    found = kinds.plan(best)
    values = first[0]["values"]
    assert (found.recipe.model.min_leaf, found.recipe.model.balance) == (
        values["model.min_leaf"],
        values["model.balance"],
    )
    text = best.read_text(encoding="utf-8")
    assert "the mean over 2 parts of the training speakers of fold 1" in text and found.search == {}

    count = len(heard)
    search.search(plan(tmp_path), str(own_clips), Search(out, 2, fold=1), quiet)
    assert len(heard) == count
    search.search(plan(tmp_path), str(own_clips), Search(out, 3, fold=1), lines.append)
    later = json.loads((out / "trials.json").read_text(encoding="utf-8"))
    assert len(later) == 3 and all(one in later for one in first)
    assert lines[-1].startswith("trial 3/3: UAR ")
    with pytest.raises(OptionError, match="holds a search over another space or fold: give another --out"):
        search.search(plan(tmp_path), str(own_clips), Search(out, 4, fold=0), quiet)


def test_an_interrupted_trial_is_tried_again(
    own_clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "runs" / "search"
    real, calls = classical.judged, []

    def dies(*arguments: Any) -> Any:
        calls.append(arguments[0].model)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(classical, "judged", dies)
    with pytest.raises(KeyboardInterrupt):
        search.search(plan(tmp_path), str(own_clips), Search(out, 1), quiet)
    search.search(plan(tmp_path), str(own_clips), Search(out, 1), quiet)
    # The first part of the trial was finished before: only the second is done again, by the same recipe.
    assert len(calls) == 3 and calls[2] == calls[1] == calls[0]
    (trial,) = json.loads((out / "trials.json").read_text(encoding="utf-8"))
    assert trial["values"]["model.min_leaf"] == calls[0].min_leaf


def test_the_space_is_read() -> None:
    found = search.space(
        {
            "loop": {"learning_rate": {"low": 1e-4, "high": 1, "log": True}},
            "network.width": {"low": 8, "high": 16, "step": 4},
            "network.channels": {"choices": [[4, 8], [8]]},
            "folds": 3,
        }
    )
    assert found.folds == 3 and found.seed == 1
    assert found.choices == (
        Choice("loop.learning_rate", (), 1e-4, 1.0, None, True),
        Choice("network.width", (), 8, 16, 4, False),
        Choice("network.channels", ([4, 8], [8])),
    )


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({}, r"names nothing to search over: write a table \[search\] with keys such as"),
        ({"folds": 3}, "names nothing to search over"),
        ({"a": 3}, r"\[search\] describes a by 3: write \{ choices = \[...\] \} or \{ low"),
        ({"a": {"low": 3}}, "describes a by"),
        ({"a": {"low": 3, "high": 1}}, "describes a by"),
        ({"a": {"low": 0, "high": 1, "log": True}}, "describes a by"),
        ({"a": {"low": 1, "high": 2, "lag": True}}, "describes a by"),
        ({"a": {"choices": []}}, "describes a by"),
        ({"a": {"choices": [1]}, "folds": 1}, r"\[search\] sets folds to 1: give a whole number, at least 2"),
    ],
)
def test_a_wrong_space_is_one_sentence(table: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        search.space(table)


def test_mistakes_are_found_before_anything_is_learnt(own_clips: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    wrong = plan(tmp_path, RECIPE.replace("model.min_leaf", "model.leaf"))
    with pytest.raises(OptionError, match=r"unknown key in the recipe \[model\] 'leaf'"):
        search.search(wrong, str(own_clips), Search(out, 1), quiet)
    with pytest.raises(OptionError, match="there is no fold 7: the protocol has 3, counted from 0"):
        search.search(plan(tmp_path), str(own_clips), Search(out, 1, fold=7), quiet)
    with pytest.raises(OptionError, match="--trials 0: give at least 1"):
        search.search(plan(tmp_path), str(own_clips), Search(out, 0), quiet)
    assert not out.exists()
    out.mkdir()
    (out / search.STORAGE).write_text("no database at all", encoding="utf-8")
    with pytest.raises(RunError, match=r"search\.db cannot be used \(.*\): give another --out, or remove"):
        search.search(plan(tmp_path), str(own_clips), Search(out, 1), quiet)
