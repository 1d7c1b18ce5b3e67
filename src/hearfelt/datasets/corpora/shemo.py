"""ShEMO: Persian utterances from radio plays."""

from __future__ import annotations

from hearfelt.datasets.corpora.base import SEXES, Corpus

CORPUS = Corpus(
    name="shemo",
    title="ShEMO",
    about="3000 utterances of 87 speakers of radio plays, 6 classes",
    language="fa",
    licence="not stated",
    citation="O. Mohamad Nezami et al.: ShEMO: a large-scale validated database for Persian speech emotion "
    "detection. Language Resources and Evaluation 53, 2019",
    pattern=r"(?P<speaker>(?P<gender>[FM])\d\d)(?P<emotion>[A-Z])\d\d",
    shape="F01A01.wav",
    emotions={
        "A": "anger",
        "F": "fear",
        "H": "happiness",
        "N": "neutral",
        "S": "sadness",
        "W": "surprise",
    },
    genders=SEXES,
    utterances=3000,
)
