"""The sound files of a folder, and the small tables beside them."""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass
from pathlib import Path

from hearfelt.errors import CorpusError

ENDINGS = (
    ".wav",
    ".flac",
    ".aiff",
    ".aif",
    ".ogg",
    ".opus",
    ".m4a",
    ".mp3",
    ".aac",
    ".webm",
    ".mp4",
    ".mkv",
    ".avi",
    ".flv",
)
"""Endings of files with sound in them, the better one first where a corpus has a clip twice."""

_STUB_BYTES = 200
_STUB = b"version https://git-lfs"


@dataclass(frozen=True, slots=True)
class Sound:
    """A sound file: where it is, and its path inside the folder without its ending, with / between."""

    path: Path
    relative: str


def find(folder: Path) -> list[Sound]:
    """All sound files below a folder, sorted; hidden files and what macOS adds to archives are no sounds."""
    found, seen = [], set()
    for where, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(where)
        if real in seen:  # a link to a folder above it
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name != "__MACOSX")
        for name in files:
            path = Path(where) / name
            if not name.startswith(".") and path.suffix.lower() in ENDINGS:
                found.append(Sound(path, path.relative_to(folder).with_suffix("").as_posix()))
    return sorted(found, key=lambda sound: (ENDINGS.index(sound.path.suffix.lower()), sound.relative))


def is_lfs_pointer(path: Path) -> bool:
    """Whether a file is a pointer that Git LFS left in place of the sound."""
    if path.stat().st_size > _STUB_BYTES:
        return False
    return path.read_bytes().startswith(_STUB)


def the_file(folder: Path, *patterns: str) -> Path:
    """The first file below a folder that one of some glob patterns finds.

    Raises:
        CorpusError: there is none.
    """
    found = maybe_file(folder, *patterns)
    if found is None:
        raise CorpusError(f"{folder} holds no {' or '.join(patterns)}: give the folder of the whole corpus")
    return found


def maybe_file(folder: Path, *patterns: str) -> Path | None:
    """As `the_file`, None where there is none."""
    for pattern in patterns:
        found = sorted(p for p in folder.rglob(pattern) if p.is_file() and not p.name.startswith("."))
        if found:
            return found[0]
    return None


def rows(path: Path, *needed: str, delimiter: str = ",") -> list[dict[str, str]]:
    """The rows of a table with a header.

    Raises:
        CorpusError: it cannot be read, or lacks a needed column.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream, delimiter=delimiter)
            names = list(reader.fieldnames or ())
            table = [{key: value or "" for key, value in row.items() if key is not None} for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CorpusError(f"{path} cannot be read as a table ({error}): restore it") from None
    lacking = [name for name in needed if name not in names]
    if lacking:
        raise CorpusError(
            f"{path} has the columns {', '.join(names) or 'none'}: it needs {', '.join(needed)}; restore it"
        )
    return table


def lines(path: Path) -> list[str]:
    """The lines of a text file; bytes that are no UTF-8 are replaced.

    Raises:
        CorpusError: it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    except OSError as error:
        raise CorpusError(f"{path} cannot be read ({error.strerror or error}): restore it") from None
