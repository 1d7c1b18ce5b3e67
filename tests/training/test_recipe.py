from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from hearfelt.errors import OptionError
from hearfelt.training import recipe
from hearfelt.training.recipe import Recipe, from_table

RECIPES = Path(__file__).resolve().parent.parent.parent / "recipes"


PARTS = ("words.toml", "words-zh.toml", "common.toml", "robust.toml")
"""The text models' recipes, and what the voice recipes share."""

VOICE = [
    path
    for path in sorted(RECIPES.rglob("*.toml"))
    if path.name not in PARTS
    and not path.name.startswith("textbook")
    and recipe.table_of(path).get("kind", "voice") == "voice"
]
"""Recipes of voice models: those that name no kind."""


@pytest.mark.parametrize("path", VOICE, ids=lambda path: path.stem)
def test_published_recipes_load(path: Path) -> None:
    loaded = recipe.load(path)
    assert loaded.name == path.stem
    assert set(loaded.data.per_epoch) == set(loaded.data.corpora)
    if loaded.start:
        begun = next(recipe.load(other) for other in VOICE if other.stem == loaded.start)
        emobox = loaded.protocol.kind == "emobox"  # its folds are of one corpus; others are learnt from alone
        tested = {loaded.protocol.corpus} if emobox else set(loaded.data.corpora)
        assert not tested & set(begun.data.corpora), "it would have heard its test speakers"


OWN = {"savee": {"level_db": 1.0}, "nothing": None}
"""Recipes that differ from the shipped one: in what of the network (None: in more, and they say so)."""
CHANGED = {"savee_emobox": {"warp": 0.15, "tilt_sd_db": 6.0}}
"""And those that change voices and microphones otherwise."""


JUDGED = [path for path in VOICE if path.parent.name == "measured"]


@pytest.mark.parametrize("path", JUDGED, ids=lambda path: path.stem)
def test_the_judged_recipes_are_the_shipped_one(path: Path) -> None:
    """Every corpus is judged by what the shipped model is, but for what `OWN` and `CHANGED` name.

    What is shipped is also made for rooms, telephones and noise, which none of the judged corpora have.
    """
    common, judged = recipe.load(RECIPES / "common.toml"), recipe.load(path)
    differs = next((what for word, what in OWN.items() if word in path.stem), {})
    if differs is None:
        return
    for part in ("features", "functionals", "members"):
        assert getattr(common, part) == getattr(judged, part)
    assert dataclasses.replace(common.augment, **CHANGED.get(path.stem, {})) == judged.augment
    assert dataclasses.replace(common.network, **differs) == judged.network


@pytest.mark.parametrize("name", ["base", "open"])
def test_what_is_shipped_is_the_common_recipe_made_robust(name: str) -> None:
    common, robust, shipped = (recipe.load(RECIPES / f"{n}.toml") for n in ("common", "robust", name))
    for part in ("features", "network", "members"):
        assert getattr(common, part) == getattr(shipped, part)
    assert (shipped.augment, shipped.functionals) == (robust.augment, robust.functionals)


def test_a_recipe_says_only_what_differs_from_another(tmp_path: Path) -> None:
    (tmp_path / "one.toml").write_text("seed = 4\n[loop]\nepochs = 9\nbatch = 8\n", encoding="utf-8")
    (tmp_path / "two.toml").write_text(
        'extends = "one.toml"\nname = "two"\n[loop]\nbatch = 16\n', encoding="utf-8"
    )
    loaded = recipe.load(tmp_path / "two.toml")
    assert (loaded.name, loaded.seed, loaded.loop.epochs, loaded.loop.batch) == ("two", 4, 9, 16)
    (tmp_path / "one.toml").write_text('extends = "two.toml"\n', encoding="utf-8")
    with pytest.raises(
        OptionError, match=r"extends 'one\.toml': name another recipe file that ends somewhere"
    ):
        recipe.load(tmp_path / "two.toml")


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
        ({"epochs": 3}, "unknown key in the recipe 'epochs'; known: name, version, seed, members"),
        ({"loop": {"epoch": 3}}, r"unknown key in the recipe \[loop\] 'epoch'; known: epochs, batch"),
        ({"loop": {"epochs": "3"}}, r"the recipe \[loop\] sets epochs to '3': it must be of type int"),
        ({"loop": {"bf16": 1}}, "sets bf16 to 1: it must be of type bool"),
        ({"network": {"channels": ["a"]}}, "sets channels to 'a': it must be of type int"),
        ({"data": {"per_epoch": {"emodb": 1.5}}}, r"\[per_epoch\] sets emodb to 1.5: it must be of type int"),
        ({"data": {"drop": "calm"}}, r"sets drop to 'calm': it must be a list, drop = \[\.\.\.\]"),
        ({"data": {"relabel": 3}}, r"sets relabel to 3: it must be a table \[relabel\]"),
        ({"loop": 3}, r"sets loop to 3: it must be a table \[loop\]"),
        ({"members": 0}, "members=0: at least 1 network"),
        ({"functionals": {"l2": 0.0}}, "l2=0.0, weights=.*a penalty above 0"),
        ({"loop": {"absent": 2.0}}, "absent=2.0: a share lies in 0 to 1"),
        ({"functionals": {"absent": -1.0}}, "absent=-1.0: a share lies in 0 to 1"),
        ({"loop": {"epochs": 0}}, "epochs=0, batch=32: at least 1 epoch"),
        (
            {"protocol": {"kind": "random"}},
            "unknown protocol 'random'; known: speaker_folds, loso, emobox, official, clip_folds, none",
        ),
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
