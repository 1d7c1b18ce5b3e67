"""Files of a run that are whole or not there: written beside, then moved into place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hearfelt.datasets.files import atomic

__all__ = ["atomic", "write_json"]


def write_json(path: Path, data: Any) -> None:
    """Plain data as indented JSON."""
    with atomic(path) as part:
        part.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
