"""Rows of features on disk: a folder of small npz files, added to as rows are measured."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import uuid
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from hearfelt.errors import OptionError
from hearfelt.features.base import Extractor
from hearfelt.types import FloatArray


class Shards:
    """The rows of one extractor. Each file is whole or not there; several processes may write at once.

    Args:
        cache: folder that holds one folder for each extractor.
        extractor: its ``space`` and ``options`` name its folder.
        report: gets a sentence where a file cannot be read or written.

    Raises:
        OptionError: the extractor does not say its space.
    """

    def __init__(self, cache: Path, extractor: Extractor, report: Callable[[str], None]) -> None:
        space = getattr(extractor, "space", None)
        if not space:
            raise OptionError(
                f"{extractor!r} does not name its feature space, so its values cannot be kept: "
                "give it the attribute space, or measure without a cache"
            )
        facts = f"{space}|{getattr(extractor, 'options', None)!r}"
        short = re.sub(r"[^\w.-]+", "-", space).strip("-.")[-60:]
        self.folder = cache / f"{short}-{hashlib.sha256(facts.encode()).hexdigest()[:12]}"
        self._report = report
        self._names: tuple[str, ...] = ()
        self._new: dict[str, FloatArray] = {}
        self._rows = self._load()

    def get(self, key: str) -> tuple[FloatArray, tuple[str, ...]] | None:
        """Values and names of a row, None where it is not there."""
        row = self._rows.get(key)
        return None if row is None else (row, self._names)

    def put(self, key: str, values: FloatArray, names: tuple[str, ...]) -> None:
        """Remember a row; `flush` writes it."""
        self._names = names
        self._new[key] = values

    def flush(self) -> None:
        """Write the rows put since the last time. A disk that is full costs the cache, not the work."""
        if not self._new:
            return
        path = self.folder / f"{uuid.uuid4().hex}.npz"
        part = path.with_suffix(f".{os.getpid()}.part")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as stream:
                np.savez(
                    stream,
                    keys=np.array(list(self._new)),
                    values=np.stack(list(self._new.values())),
                    names=np.array(self._names),
                )
            part.replace(path)
        except OSError as error:
            self._report(
                f"{len(self._new)} rows of features could not be kept in {self.folder} ({error}): "
                "they will be measured again"
            )
            with contextlib.suppress(OSError):
                part.unlink()
        self._new = {}

    def _load(self) -> dict[str, FloatArray]:
        rows: dict[str, FloatArray] = {}
        for path in sorted(self.folder.glob("*.npz")):
            try:
                with path.open("rb") as stream, np.load(stream) as stored:
                    keys, values = stored["keys"], stored["values"]
                    self._names = tuple(str(name) for name in stored["names"])
            except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
                self._report(f"{path} cannot be read ({error}): its clips are measured again")
                continue
            rows |= zip((str(key) for key in keys), values, strict=True)
        return rows
