"""EmoDB: 535 German utterances of 10 speakers, 7 classes with boredom and without surprise.

F. Burkhardt et al.: A Database of German Emotional Speech. Interspeech 2005.
"""

from __future__ import annotations

import re
from pathlib import Path

from hearfelt.datasets import manifest
from hearfelt.errors import CorpusError
from hearfelt.types import Example

LICENCE = "CC BY 4.0"
_CODES = {
    "W": "anger",
    "L": "boredom",
    "E": "disgust",
    "A": "fear",
    "F": "happiness",
    "T": "sadness",
    "N": "neutral",
}


def read(folder: Path) -> list[Example]:
    """Examples of ``manifest.csv``, each checked against its file name (speaker, sentence, emotion, take)."""
    defaults = {"corpus": "emodb", "language": "de", "licence": LICENCE}
    examples = manifest.read(folder / "manifest.csv", audio=folder / "audio", defaults=defaults)
    for example in examples:
        name = Path(example.file).stem
        match = re.fullmatch(r"(\d\d)[ab]\d\d([A-Z])[a-z]", name)
        if match is None or (example.speaker, example.gold) != (match[1], _CODES.get(match[2])):
            raise CorpusError(
                f"EmoDB file {name} is listed as speaker {example.speaker}, {example.gold}, "
                "which is not what its name says: restore the corpus or its manifest.csv"
            )
    return examples
