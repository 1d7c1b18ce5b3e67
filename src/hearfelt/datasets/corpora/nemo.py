"""nEMO: 4481 Polish utterances of 9 speakers, 6 classes without disgust; 90 sentences said in every emotion.

I. Christop: nEMO: Dataset of Emotional Speech in Polish. LREC-COLING 2024.
"""

from __future__ import annotations

from pathlib import Path

from hearfelt.datasets import manifest
from hearfelt.errors import CorpusError
from hearfelt.labels import ALIASES
from hearfelt.types import Example

LICENCE = "CC BY-NC-SA 4.0"


def read(folder: Path) -> list[Example]:
    """Examples of ``manifest.csv``, each checked against its file name (speaker, emotion, sentence)."""
    defaults = {"corpus": "nemo", "language": "pl", "licence": LICENCE}
    examples = manifest.read(folder / "manifest.csv", audio=folder / "audio", defaults=defaults)
    for example in examples:
        parts = Path(example.file).stem.split("_")
        if len(parts) != 3 or (example.speaker, example.gold) != (parts[0], ALIASES.get(parts[1])):
            raise CorpusError(
                f"nEMO file {Path(example.file).stem} is listed as speaker {example.speaker}, "
                f"{example.gold}, which is not what its name says: restore the corpus or its manifest.csv"
            )
    return examples
