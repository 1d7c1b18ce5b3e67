from __future__ import annotations

from pathlib import Path

import pytest

from hearfelt.errors import OptionError
from hearfelt.training import recipe
from hearfelt.training.recipe import Recipe, from_table

RECIPES = Path(__file__).resolve().parent.parent.parent / "recipes"


@pytest.mark.parametrize("name", ["base", "ravdess_emobox"])
def test_published_recipes_load(name: str) -> None:
    loaded = recipe.load(RECIPES / f"{name}.toml")
    assert loaded.name == name
    assert set(loaded.data.per_epoch) == set(loaded.data.corpora)


def test_the_judged_recipe_is_the_shipped_one() -> None:
    """RAVDESS is judged by the same features, network, augmentation and loop as the shipped model."""
    base, judged = (recipe.load(RECIPES / f"{name}.toml") for name in ("base", "ravdess_emobox"))
    for part in ("features", "network", "augment", "loop"):
        assert getattr(base, part) == getattr(judged, part)


def test_values_get_the_types_of_the_options() -> None:
    loaded = from_table(
        Recipe, {"seed": 4, "network": {"channels": [1, 2]}, "features": {"trim_db": 30, "window_ms": 25}}
    )
    assert (loaded.seed, loaded.network.channels) == (4, (1, 2))
    assert (loaded.features.trim_db, loaded.features.window_ms) == (30.0, 25.0)
    assert isinstance(loaded.features.window_ms, float)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"epochs": 3}, "unknown key in the recipe 'epochs'; known: name, version, seed, data"),
        ({"loop": {"epoch": 3}}, r"unknown key in the recipe \[loop\] 'epoch'; known: epochs, batch"),
        ({"loop": {"epochs": "3"}}, r"the recipe \[loop\] sets epochs to '3': it must be of type int"),
        ({"loop": {"bf16": 1}}, "sets bf16 to 1: it must be of type bool"),
        ({"network": {"channels": ["a"]}}, "sets channels to 'a': it must be of type int"),
        ({"data": {"per_epoch": {"emodb": 1.5}}}, r"\[per_epoch\] sets emodb to 1.5: it must be of type int"),
        ({"loop": 3}, "sets loop to 3: it must be of type LoopOptions"),
        ({"loop": {"epochs": 0}}, "epochs=0, batch=32: at least 1 epoch"),
        ({"protocol": {"kind": "random"}}, "unknown protocol 'random'; known: speaker_folds, emobox"),
    ],
)
def test_mistakes_are_refused(table: dict[str, object], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        from_table(Recipe, table)


def test_files_that_are_no_recipe(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"there is no recipe .*none\.toml: see the folder recipes/"):
        recipe.load(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("name = ", encoding="utf-8")
    with pytest.raises(OptionError, match=r"bad\.toml is not valid TOML"):
        recipe.load(tmp_path / "bad.toml")
