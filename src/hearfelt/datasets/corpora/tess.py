"""TESS: two women say two hundred words in a carrier phrase; the text of an example is the word."""

from __future__ import annotations

from hearfelt.datasets.corpora.base import Corpus

CORPUS = Corpus(
    name="tess",
    title="TESS",
    about="2800 utterances of 2 women, 7 classes",
    language="en",
    licence="CC BY-NC-ND 4.0",
    citation="M. K. Pichora-Fuller, K. Dupuis: Toronto emotional speech set (TESS). Borealis 2020",
    # One file of the distribution is called OA instead of OAF.
    pattern=r"(?P<speaker>[OY]AF?)_(?P<text>[A-Za-z' -]+)_(?P<emotion>[a-z]+)",
    shape="OAF_back_angry.wav",
    emotions={
        "angry": "anger",
        "disgust": "disgust",
        "fear": "fear",
        "happy": "happiness",
        "neutral": "neutral",
        "ps": "surprise",
        "sad": "sadness",
    },
    speakers={"OA": "OAF", "YA": "YAF"},
    genders={"OAF": "female", "YAF": "female"},
    utterances=2800,
)
