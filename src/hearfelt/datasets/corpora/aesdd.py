"""AESDD: Greek sentences by five actors and more; the owners keep adding to it."""

from __future__ import annotations

from hearfelt.datasets.corpora.base import Corpus

CORPUS = Corpus(
    name="aesdd",
    title="AESDD",
    about="about 600 utterances of 6 actors, 5 classes",
    language="el",
    licence="not stated",
    citation="N. Vryzas et al.: Speech Emotion Recognition for Performance Interaction. Journal of the "
    "Audio Engineering Society 66(6), 2018",
    # Emotion and sentence, the actor in brackets, a second take marked b.
    pattern=r"(?P<emotion>[a-z])\d\d ?\(0*(?P<speaker>\d+)\)[a-z]?",
    shape="a01 (1).wav",
    emotions={"a": "anger", "d": "disgust", "f": "fear", "h": "happiness", "s": "sadness"},
)
