"""SAVEE: 480 English utterances of 4 men, 7 classes; the sentences differ by emotion. For research only.

S. Haq, P. J. B. Jackson: Speaker-dependent audio-visual emotion recognition. AVSP 2009.
"""

from __future__ import annotations

import re
from pathlib import Path

from hearfelt.datasets import manifest
from hearfelt.errors import CorpusError
from hearfelt.types import Example

LICENCE = "research only"
_CODES = {
    "a": "anger",
    "d": "disgust",
    "f": "fear",
    "h": "happiness",
    "n": "neutral",
    "sa": "sadness",
    "su": "surprise",
}


def read(folder: Path) -> list[Example]:
    """Examples of ``manifest.csv``, each checked against its file name (speaker, emotion and number)."""
    defaults = {"corpus": "savee", "language": "en", "licence": LICENCE}
    examples = manifest.read(folder / "manifest.csv", audio=folder / "audio", defaults=defaults)
    for example in examples:
        name = Path(example.file).stem
        match = re.fullmatch(r"([A-Z]{2})_([a-z]+)\d+", name)
        if match is None or (example.speaker, example.gold) != (match[1], _CODES.get(match[2])):
            raise CorpusError(
                f"SAVEE file {name} is listed as speaker {example.speaker}, {example.gold}, "
                "which is not what its name says: restore the corpus or its manifest.csv"
            )
    return examples
