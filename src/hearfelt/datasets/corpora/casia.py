"""CASIA: Mandarin sentences by four actors; the part that is passed around has fifty sentences."""

from __future__ import annotations

from hearfelt.datasets.corpora.base import Corpus

CORPUS = Corpus(
    name="casia",
    title="CASIA",
    about="1200 utterances of 4 actors, 6 classes",
    language="zh",
    licence="research only",
    citation="Institute of Automation, Chinese Academy of Sciences: CASIA Mandarin emotional speech "
    "corpus, 2005",
    pattern=r"(?P<speaker>[A-Za-z]+)/(?P<emotion>[a-z]+)/\d+",
    shape="liuchanhg/angry/201.wav",
    emotions={
        "angry": "anger",
        "fear": "fear",
        "happy": "happiness",
        "neutral": "neutral",
        "sad": "sadness",
        "surprise": "surprise",
    },
    utterances=1200,
)
