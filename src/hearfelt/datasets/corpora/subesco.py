"""SUBESCO: ten Bangla sentences by twenty actors, five takes each."""

from __future__ import annotations

from hearfelt.datasets.corpora.base import SEXES, Corpus

CORPUS = Corpus(
    name="subesco",
    title="SUBESCO",
    about="7000 utterances of 20 actors, 7 classes",
    language="bn",
    licence="CC BY 4.0",
    citation="S. Sultana et al.: SUST Bangla Emotional Speech Corpus (SUBESCO). PLoS ONE 16(4), 2021",
    pattern=r"(?P<speaker>(?P<gender>[FM])_\d\d)_[A-Za-z]+_S_\d+_(?P<emotion>[A-Z]+)_\d",
    shape="F_01_OISHI_S_1_ANGRY_1.wav",
    emotions={
        "ANGRY": "anger",
        "DISGUST": "disgust",
        "FEAR": "fear",
        "HAPPY": "happiness",
        "NEUTRAL": "neutral",
        "SAD": "sadness",
        "SURPRISE": "surprise",
    },
    genders=SEXES,
    utterances=7000,
)
