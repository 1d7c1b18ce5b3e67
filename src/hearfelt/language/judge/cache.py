"""Answers kept on disk under a hash of the question, so that a run can be replayed without the model."""

from __future__ import annotations

import hashlib
import json
import math
import os
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeGuard


def default_folder() -> Path:
    """The user's folder for such things: HEARFELT_CACHE, else the platform's own."""
    named = os.environ.get("HEARFELT_CACHE")
    if named:
        return Path(named).expanduser()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
        return base / "hearfelt" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "hearfelt"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hearfelt"


class Cache:
    """A folder of JSON files, one an answer. The questions themselves are not stored, only their hash.

    Whole files only: each is written beside its place and then moved there. A file that cannot be read counts
    as missing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.problem: str | None = None
        """Why nothing can be kept; None while all is well."""

    @staticmethod
    def key(question: Mapping[str, Any]) -> str:
        """The hash of plain JSON data, the same for the same data."""
        text = json.dumps(question, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def get(self, key: str) -> dict[str, Any] | None:
        """What was kept under a key, None where nothing was."""
        try:
            data = json.loads(self._path(key).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return None
        return data if isinstance(data, dict) else None

    def put(self, key: str, value: Mapping[str, Any]) -> None:
        """Keeps a value. A full or forbidden disk is no error: `problem` then says why."""
        path = self._path(key)
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-", suffix=".json")
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    json.dump(value, file, ensure_ascii=False)
                Path(name).replace(path)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
        except OSError as error:
            self.problem = f"answers cannot be kept in {self.folder}: {error.strerror or error}"

    def _path(self, key: str) -> Path:
        return self.folder / "llm" / key[:2] / f"{key}.json"


class Kept:
    """Scores that hold for every recording: in memory, and on disk where there is a cache.

    Attributes:
        lock: held by whoever looks for scores and asks for those that are missing.
    """

    def __init__(self, cache: Cache | None = None) -> None:
        self.lock = threading.Lock()
        self._cache = cache
        self._scores: dict[str, list[list[float]]] = {}

    def get(self, key: str, count: int) -> list[list[float]] | None:
        """The ``count`` scores that were kept under a key, None where there are none or they are broken."""
        if key not in self._scores and self._cache is not None:
            found = (self._cache.get(key) or {}).get("scores")
            if _sound(found, count):
                self._scores[key] = found
        return self._scores.get(key)

    def put(self, key: str, scores: list[list[float]]) -> None:
        """Keeps scores."""
        self._scores[key] = scores
        if self._cache is not None:
            self._cache.put(key, {"scores": scores})


def _sound(found: Any, count: int) -> TypeGuard[list[list[float]]]:
    """Whether this is a list of so many finite log-likelihoods, each with its number of tokens."""
    return (
        isinstance(found, list)
        and len(found) == count
        and all(isinstance(one, list) and len(one) == 2 for one in found)
        and all(isinstance(part, int | float) and math.isfinite(part) for one in found for part in one)
    )
