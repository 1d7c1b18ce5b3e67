"""The page of all keys is what the code says."""

from __future__ import annotations

from pathlib import Path

from hearfelt.training import keys
from hearfelt.training.recipe import LoopOptions, Recipe

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "recipe-keys.md"


def test_the_page_is_up_to_date() -> None:
    found = PAGE.read_text(encoding="utf-8")
    assert found == keys.page(), "run: python -m hearfelt.training.keys > docs/recipe-keys.md"


def test_defaults_are_those_of_the_recipe() -> None:
    """A recipe trims silence where log-mels by themselves do not."""
    found = {name: default for name, default, _ in keys.keys(Recipe)}
    assert found["features.trim_db"] == "`40.0`"
    assert found["network.channels"] == "`[24, 48, 96, 192]`"


def test_a_meaning_runs_over_lines() -> None:
    found = keys.meanings(LoopOptions)
    assert found["bf16"] == (
        "compute in bfloat16 where that is safe and the processor can; elsewhere in float32."
    )
    assert found["patience"].endswith("0 sets no speakers apart and learns for all epochs.")
