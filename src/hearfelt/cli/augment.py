"""``hearfelt augment``: changed copies of labelled clips, as files with a table."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from hearfelt.cli.options import Folder, OwnLabels


def augment(
    source: Annotated[str, typer.Argument(help="Clips to copy: tables, folders, known corpora.")],
    recipe: Annotated[Path, typer.Option(help="TOML with a [[change]] table for each change.")],
    out: Annotated[Path, typer.Option(help="Folder for the copies (FLAC) and their manifest.csv.")],
    copies: Annotated[int, typer.Option(help="Copies of each clip, each changed anew.", min=1)] = 1,
    seed: Annotated[int, typer.Option(help="Another seed makes other copies.", min=0)] = 0,
    own_labels: OwnLabels = False,
    folder: Folder = None,
) -> int:
    """Write changed copies of labelled clips: noise, rooms, codecs, tempo, pitch; each row says how."""
    from hearfelt.cli import sources
    from hearfelt.datasets.augment import changes
    from hearfelt.datasets.augment import copies as copying

    change = changes.read(recipe)
    examples = sources.read(source, folder, own_labels=own_labels)
    made = copying.write(
        examples,
        change,
        out,
        copies,
        seed,
        report=lambda line: print(time.strftime("%H:%M:%S"), line, file=sys.stderr, flush=True),
    )
    print(f"{out / copying.MANIFEST}: {len(made)} copies of {len(examples)} clips")
    return 0
