"""ESD: 350 sentences in five emotions, ten speakers of Mandarin and ten of English."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from hearfelt.datasets.corpora.base import Corpus
from hearfelt.datasets.corpora.sounds import lines
from hearfelt.types import Example


def _finish(folder: Path, examples: list[Example]) -> list[Example]:
    """Adds the text from the speakers' tables: utterance, text and emotion, tabs between."""
    texts = {}
    for path in sorted(folder.rglob("[0-9][0-9][0-9][0-9].txt")):
        for line in lines(path):
            name, _, rest = line.partition("\t")
            texts[name.strip()] = rest.partition("\t")[0].strip()
    return [dataclasses.replace(e, text=texts.get(Path(e.file).stem) or None) for e in examples]


CORPUS = Corpus(
    name="esd",
    title="ESD",
    about="35000 utterances of 20 speakers, 5 classes, official parts",
    language="",
    licence="research only",
    citation="K. Zhou et al.: Seen and unseen emotional style transfer for voice conversion with a new "
    "emotional speech dataset. ICASSP 2021",
    pattern=r"\d{4}/(?P<emotion>[A-Za-z]+)/(?:(?P<split>train|evaluation|test)/)?(?P<speaker>\d{4})_\d{6}",
    shape="0011/Angry/train/0011_000351.wav",
    emotions={
        "angry": "anger",
        "happy": "happiness",
        "neutral": "neutral",
        "sad": "sadness",
        "surprise": "surprise",
    },
    splits={"evaluation": "dev"},
    languages={f"{speaker:04}": "zh" if speaker <= 10 else "en" for speaker in range(1, 21)},
    utterances=35000,
    finish=_finish,
)
