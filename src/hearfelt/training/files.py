"""Files of a run that are whole or not there: written beside, then moved into place."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hearfelt.datasets import files
from hearfelt.errors import RunError


@contextlib.contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """A path to write to; moved to ``path`` when the block ends well, removed when it does not.

    Raises:
        RunError: the disk is full or refuses; an older ``path`` stays as it was.
    """
    try:
        with files.atomic(path) as part:
            yield part
    except OSError as error:
        kept = "the one from before is whole" if path.is_file() else "nothing is left of it"
        if files.is_special(path):
            kept = "it is no regular file"
        raise RunError(
            f"{path} cannot be written ({error.strerror or error}), {kept}: make room, then run the same "
            "command again"
        ) from None


def write_json(path: Path, data: Any) -> None:
    """Plain data as indented JSON."""
    with atomic(path) as part:
        part.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def write_state(path: Path, state: Any) -> None:
    """Tensors and plain data, as ``torch.load(path, weights_only=True)`` reads them.

    They are packed in memory first: torch's own writer ends the process where the disk is full.
    """
    import torch

    packed = io.BytesIO()
    torch.save(state, packed)
    with atomic(path) as part:
        part.write_bytes(packed.getbuffer())
