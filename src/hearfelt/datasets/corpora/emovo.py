"""EMOVO: fourteen Italian sentences by six actors."""

from __future__ import annotations

from hearfelt.datasets.corpora.base import SEXES, Corpus

CORPUS = Corpus(
    name="emovo",
    title="EMOVO",
    about="588 utterances of 6 actors, 7 classes",
    language="it",
    licence="not stated",
    citation="G. Costantini et al.: EMOVO Corpus: an Italian Emotional Speech Database. LREC 2014",
    pattern=r"(?P<emotion>[a-z]{3})-(?P<speaker>(?P<gender>[fm])\d)-[a-z]\d",
    shape="dis-f1-b1.wav",
    emotions={
        "dis": "disgust",
        "gio": "happiness",
        "neu": "neutral",
        "pau": "fear",
        "rab": "anger",
        "sor": "surprise",
        "tri": "sadness",
    },
    genders=SEXES,
    utterances=588,
)
