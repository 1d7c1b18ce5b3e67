"""``hearfelt search``: better options of a recipe, by Optuna on held-out training speakers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hearfelt.cli.options import Device, Setting, Workers


def search(
    recipe: Annotated[str, typer.Argument(help="A recipe (.toml) with a table [search].")],
    trials: Annotated[int, typer.Option(help="Trials at the end, those of earlier calls with them.")] = 20,
    data: Annotated[
        str | None,
        typer.Option(help="What it learns from; holds audio/ of known corpora. [default: HEARFELT_DATA]"),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder; a search goes on there. [default: runs/NAME-search]")
    ] = None,
    fold: Annotated[int, typer.Option(help="Whose training speakers are used, counted from 0.")] = 0,
    setting: Setting = None,
    device: Device = "auto",
    workers: Workers = 1,
) -> int:
    """Search for better options; test speakers are never heard. The best recipe is written as TOML."""
    from hearfelt.training import command
    from hearfelt.training import search as searching
    from hearfelt.training.watch import How, say

    how = How(device, workers=workers)
    plan, source = command.prepare(
        command.Order(recipe, data, settings=command.settings(setting or []), how=how), say
    )
    order = searching.Search(out or Path("runs") / f"{plan.recipe.name}-search", trials, fold, how)
    best = searching.search(plan, source, order, say)
    print(f"{best}: the best recipe; learn it by hearfelt train {best}" + (f" --data {data}" if data else ""))
    return 0
