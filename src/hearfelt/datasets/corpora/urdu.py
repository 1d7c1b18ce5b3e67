"""URDU: utterances from Urdu talk shows."""

from __future__ import annotations

from hearfelt.datasets.corpora.base import SEXES, Corpus

CORPUS = Corpus(
    name="urdu",
    title="URDU",
    about="400 utterances of 38 speakers of talk shows, 4 classes",
    language="ur",
    licence="not stated",
    citation="S. Latif et al.: Cross Lingual Speech Emotion Recognition: Urdu vs. Western Languages. FIT "
    "2018",
    pattern=r"(?P<speaker>S(?P<gender>[MF])\d+)_F?\d+_(?P<emotion>[A-Z])\d+",
    shape="SM1_F1_A001.wav",
    emotions={"A": "anger", "H": "happiness", "N": "neutral", "S": "sadness"},
    genders=SEXES,
    utterances=400,
)
