"""nEMO: ninety Polish sentences, each said in every emotion; no disgust."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from hearfelt.datasets.corpora.base import SEXES, Corpus
from hearfelt.datasets.corpora.sounds import maybe_file, rows
from hearfelt.types import Example

LICENCE = "CC BY-NC-SA 4.0"


def _finish(folder: Path, examples: list[Example]) -> list[Example]:
    """Adds text and gender from ``data.tsv``, where it is there."""
    table = maybe_file(folder, "data.tsv")
    if table is None:
        return examples
    known = {Path(row["file_id"]).stem: row for row in rows(table, "file_id", "raw_text", delimiter="\t")}
    found = []
    for example in examples:
        row = known.get(Path(example.file).stem, {})
        gender = SEXES.get(row.get("gender", ""), example.gender)
        found.append(dataclasses.replace(example, text=row.get("raw_text") or None, gender=gender))
    return found


CORPUS = Corpus(
    name="nemo",
    title="nEMO",
    about="4481 utterances of 9 actors, 6 classes",
    language="pl",
    licence=LICENCE,
    citation="I. Christop: nEMO: Dataset of Emotional Speech in Polish. LREC-COLING 2024",
    pattern=r"(?P<speaker>[A-Z]{2}\d)_(?P<emotion>[a-z]+)_\d+",
    shape="EB0_anger_1.wav",
    emotions={
        "anger": "anger",
        "fear": "fear",
        "happiness": "happiness",
        "neutral": "neutral",
        "sadness": "sadness",
        "surprised": "surprise",
        "surprise": "surprise",
    },
    genders={
        **dict.fromkeys(("EB0", "IC0", "KD0", "MK0"), "female"),
        **dict.fromkeys(("KS0", "MP0", "SM0", "TP0", "WR0"), "male"),
    },
    utterances=4481,
    finish=_finish,
)
