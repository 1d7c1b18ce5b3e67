"""Folders in the shape of corpora, made on the spot: sound files of noise, label files of invented rows."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import soundfile


def _noise() -> bytes:
    stream = io.BytesIO()
    soundfile.write(stream, np.random.default_rng(0).uniform(-0.1, 0.1, 400), 16000, format="WAV")
    return stream.getvalue()


NOISE = _noise()


def sounds(folder: Path, *names: str) -> Path:
    """Sound files of 25 ms below a folder."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(NOISE)
    return folder


def text(path: Path, lines: Iterable[str]) -> Path:
    """A text file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
