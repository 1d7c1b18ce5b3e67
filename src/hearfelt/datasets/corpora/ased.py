"""ASED: Amharic sentences by 65 speakers."""

from __future__ import annotations

from hearfelt.datasets.corpora.base import Corpus

CORPUS = Corpus(
    name="ased",
    title="ASED",
    about="2474 utterances of 65 speakers, 5 classes",
    language="am",
    licence="not stated",
    citation="E. A. Retta et al.: A new Amharic speech emotion dataset and classification benchmark. ACM "
    "Transactions on Asian and Low-Resource Language Information Processing 22(1), 2023",
    # Emotion and folder, sentence, repetition, gender, speaker.
    pattern=r"(?P<emotion>[a-z])\d+-\d+-\d+-(?P<gender>\d\d)-(?P<speaker>\d+)",
    shape="n1-01-02-01-34.wav",
    emotions={"a": "anger", "f": "fear", "h": "happiness", "n": "neutral", "s": "sadness"},
    genders={"01": "female", "02": "male"},
    utterances=2474,
)
