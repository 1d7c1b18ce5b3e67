"""JL-corpus: five primary and five secondary emotions in New Zealand English."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from hearfelt.datasets.corpora.base import SEXES, Corpus
from hearfelt.datasets.corpora.sounds import lines
from hearfelt.types import Example


def _finish(folder: Path, examples: list[Example]) -> list[Example]:
    """Adds the text from the file beside each sound."""
    found = []
    for example in examples:
        text = Path(example.file).with_suffix(".txt")
        words = " ".join(lines(text)).strip() if text.is_file() else ""
        found.append(dataclasses.replace(example, text=words or None))
    return found


CORPUS = Corpus(
    name="jlcorpus",
    title="JL-corpus",
    about="2400 utterances of 4 speakers, 10 classes",
    language="en",
    licence="CC0 1.0",
    citation="J. James, L. Tian, C. I. Watson: An Open Source Emotional Speech Corpus for Human Robot "
    "Interaction Applications. Interspeech 2018",
    pattern=r"(?P<speaker>(?P<gender>female|male)\d)_(?P<emotion>[a-z]+)_\d+[ab]_\d",
    shape="female1_angry_10a_1.wav",
    emotions={
        "angry": "anger",
        "anxious": "nervousness",
        "apologetic": "apology",
        "assertive": "assertiveness",
        "concerned": "concern",
        "encouraging": "encouragement",
        "excited": "excitement",
        "happy": "happiness",
        "neutral": "neutral",
        "sad": "sadness",
    },
    genders=SEXES,
    utterances=2400,
    finish=_finish,
)
