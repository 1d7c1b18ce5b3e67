"""hearfelt's own table, and a folder with one in it: ``manifest.csv`` and ``audio/``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hearfelt.datasets import manifest
from hearfelt.datasets.formats.base import ReadOptions
from hearfelt.types import Example

_ENDINGS = (".csv", ".tsv", ".parquet")


def recognises(path: Path) -> bool:
    """A table, or a folder with a ``manifest.csv``."""
    return path.suffix.lower() in _ENDINGS or (path / "manifest.csv").is_file()


def read(path: Path, options: ReadOptions) -> list[Example]:
    """Examples of a table (see `hearfelt.datasets.manifest.read`)."""
    audio = options.audio
    if (path / "manifest.csv").is_file():
        audio = audio or (path / "audio" if (path / "audio").is_dir() else path)
        path = path / "manifest.csv"
    defaults = {"corpus": options.corpus} if options.corpus else None
    return manifest.read(
        path,
        audio=audio,
        defaults=defaults,
        label=options.label,
        scale=options.scale,
        problems=options.problems,
    )


def write(examples: Sequence[Example], path: Path) -> None:
    """Write a table (see `hearfelt.datasets.manifest.write`)."""
    manifest.write(examples, path)
