"""What a line's spelling says and an encoder without capitals does not see."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from hearfelt.datasets.dialogue import Line
from hearfelt.types import FloatArray

_PLAIN = str.maketrans({"！": "!", "？": "?", "…": "...", "。": "."})


def marks(lines: Sequence[Line]) -> FloatArray:
    """Length, capitals, exclamation marks, question marks, pauses, dashes; float32 ``(n_lines, 6)``."""
    found: FloatArray = np.array([_marks(line.text) for line in lines], np.float32).reshape(-1, 6)
    return found


def _marks(text: str) -> list[float]:
    plain = text.translate(_PLAIN)
    letters = [c for c in plain if c.isalpha()]
    capitals = sum(c.isupper() for c in letters) / max(1, len(letters))
    counts = [min(3, plain.count(mark)) for mark in ("!", "?", "...", "-")]
    return [math.log1p(len(plain)), capitals, *map(float, counts)]
