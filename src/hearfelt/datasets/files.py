"""Files that are whole or not there: written beside, then moved into place."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hearfelt.errors import CorpusError


@contextlib.contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """A path to write to; moved to ``path`` when the block ends well, removed when it does not.

    What is no regular file, such as ``/dev/null`` or a named pipe, is written to as it is: a move would put a
    file in its place. Of a link the file that it leads to is replaced.
    """
    if is_special(path):
        yield path
        return
    target = path.resolve() if path.is_symlink() else path
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        yield part
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def is_special(path: Path) -> bool:
    """Whether there is a device, a pipe or a socket, or a stream that /dev or /proc lends a name."""
    if str(path.absolute()).startswith(("/dev/std", "/dev/fd/", "/proc/")):
        return True
    return path.exists() and not path.is_file() and not path.is_dir()


def is_there(path: Path) -> bool:
    """Whether there is such a file; a name too long for any file is none."""
    try:
        return path.is_file()
    except OSError:
        return False


def read_json(path: Path) -> Any:
    """A JSON file.

    Raises:
        CorpusError: it cannot be read.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise CorpusError(f"{path} cannot be read as JSON ({error}): restore it") from None


def write_text(path: Path, text: str) -> None:
    """Write a text file, UTF-8, with the folders above it.

    Raises:
        CorpusError: the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic(path) as part:
            part.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise CorpusError(
            f"{path} cannot be written ({error.strerror or error}): name another place"
        ) from None
