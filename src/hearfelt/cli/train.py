"""``hearfelt train``: a recipe, or a corpus of your own, to a run folder with a model in it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from hearfelt.cli.options import Device, Setting, Workers


def train(
    source: Annotated[
        str, typer.Argument(help="A recipe (.toml), or your own corpus: a folder per class, a table.")
    ],
    data: Annotated[
        str | None,
        typer.Option(
            help="What a recipe learns from; holds audio/ of known corpora. [default: HEARFELT_DATA]"
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Run folder; a run that was stopped goes on there. [default: runs/NAME]"),
    ] = None,
    stage: Annotated[
        list[str] | None,
        typer.Option(help="folds, final, publish; may be given again. [default: folds, final]"),
    ] = None,
    fold: Annotated[
        list[int] | None, typer.Option(help="Only this fold, counted from 0; may be given again.")
    ] = None,
    setting: Setting = None,
    device: Device = "auto",
    tensorboard: Annotated[bool, typer.Option(help="Write curves beside each checkpoint.")] = False,
    workers: Workers = 1,
    weights: Annotated[Path | None, typer.Option(help="Publish to this weights folder at the end.")] = None,
    init: Annotated[
        Path | None, typer.Option(help="Write the recipe to this .toml file, and learn nothing.")
    ] = None,
) -> int:
    """Train a model: judge it on held-out speakers fold by fold, then learn from everything."""
    from hearfelt.training import command
    from hearfelt.training.watch import How, say

    stages = stage or ["folds", "final", *(["publish"] if weights else [])]
    how = How(device, tensorboard, sys.stderr.isatty(), workers)
    settings = command.settings(setting or [])
    order = command.Order(source, data, out, stages, fold or (), settings, weights, how)
    if init is not None:
        command.write_recipe(order, init, say)
        print(f"{init}: the recipe; learn it by hearfelt train {init} --data {data or source}")
        return 0
    run = command.train(order, say)
    for line in command.summary(run):
        print(line)
    return 0
