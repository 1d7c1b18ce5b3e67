from __future__ import annotations

from pathlib import Path

import pytest

from hearfelt.errors import OptionError
from hearfelt.training import changes, kinds, recipe
from hearfelt.training.recipe import Recipe

RECIPES = Path(__file__).resolve().parent.parent.parent / "recipes"


def test_dotted_keys_change_a_recipe_and_nothing_else() -> None:
    plain = Recipe()
    other = changes.changed(
        plain, {"loop.epochs": 3, "network.channels": [4, 8], "data.per_epoch.emodb": 7, "seed": 5}
    )
    assert (other.loop.epochs, other.network.channels, other.seed) == (3, (4, 8), 5)
    assert other.data.per_epoch == {"emodb": 7}
    assert other.loop.batch == plain.loop.batch and other.features == plain.features
    assert changes.changed(plain, {}) == plain


def test_values_are_toml_or_else_texts() -> None:
    given = [
        "loop.epochs=3",
        "network.channels=[4, 8]",
        "name=mine",
        "loop.bf16=false",
        'name2="a b"',
        "x = 2e-3",
    ]
    assert changes.parse(given) == {
        "loop.epochs": 3,
        "network.channels": [4, 8],
        "name": "mine",
        "loop.bf16": False,
        "name2": "a b",
        "x": 0.002,
    }


OF_NO_KIND = ("words", "words-zh", "common")
"""Recipes of the text models have a command of their own; common.toml is part of others."""

PUBLISHED = [p for p in sorted(RECIPES.rglob("*.toml")) if p.stem not in OF_NO_KIND]


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.stem)
def test_a_recipe_written_as_toml_reads_back_the_same(path: Path, tmp_path: Path) -> None:
    plan = kinds.plan(path)
    (tmp_path / "again.toml").write_text(
        kinds.to_toml(plan.kind, plan.recipe, "made\nby a test"), encoding="utf-8"
    )
    again = kinds.plan(tmp_path / "again.toml")
    assert (again.kind, again.recipe) == (plan.kind, plan.recipe)


def test_a_label_with_quotes_reads_back_the_same(tmp_path: Path) -> None:
    loaded = changes.changed(recipe.load(RECIPES / "base.toml"), {"data.relabel": {"très 'sad'": "sadness"}})
    (tmp_path / "again.toml").write_text(changes.to_toml(loaded, ""), encoding="utf-8")
    assert recipe.load(tmp_path / "again.toml") == loaded


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["loop.epochs"], "cannot set 'loop.epochs': write KEY=VALUE, such as loop.epochs=3"),
        (["=3"], "cannot set '=3'"),
        (["loop.epoch=3"], r"unknown key in the recipe \[loop\] 'epoch'; known: epochs"),
        (["loop.epochs=three"], r"sets epochs to 'three': it must be of type int"),
        (["seed.of=3"], "'seed.of' cannot be set: 'seed' is no section of the recipe"),
    ],
)
def test_mistakes_are_refused(settings: list[str], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        changes.changed(Recipe(), changes.parse(settings))
