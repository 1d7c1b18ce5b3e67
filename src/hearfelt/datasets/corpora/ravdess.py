"""RAVDESS, speech: 1440 English utterances of 24 speakers, 8 classes, two sentences, two intensities.

S. R. Livingstone, F. A. Russo: The Ryerson Audio-Visual Database of Emotional Speech and Song.
PLoS ONE 13(5), 2018.
"""

from __future__ import annotations

from pathlib import Path

from hearfelt.datasets import manifest
from hearfelt.errors import CorpusError
from hearfelt.types import Example

LICENCE = "CC BY-NC-SA 4.0"
_CODES = ("neutral", "calm", "happiness", "sadness", "anger", "fear", "disgust", "surprise")


def read(folder: Path) -> list[Example]:
    """Examples of ``manifest.csv``, checked against their names (seven numbers: the third is the emotion)."""
    defaults = {"corpus": "ravdess", "language": "en", "licence": LICENCE}
    examples = manifest.read(folder / "manifest.csv", audio=folder / "audio", defaults=defaults)
    for example in examples:
        parts = Path(example.file).stem.split("-")
        known = len(parts) == 7 and all(p.isdigit() for p in parts) and 1 <= int(parts[2]) <= len(_CODES)
        if not known or (example.speaker, example.gold) != (parts[6], _CODES[int(parts[2]) - 1]):
            raise CorpusError(
                f"RAVDESS file {Path(example.file).stem} is listed as speaker {example.speaker}, "
                f"{example.gold}, which is not what its name says: restore the corpus or its manifest.csv"
            )
    return examples
