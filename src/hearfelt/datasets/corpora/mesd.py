"""MESD: Mexican Spanish words by women, men and children; its file names do not say which person speaks."""

from __future__ import annotations

from hearfelt.datasets.corpora.base import Corpus

CORPUS = Corpus(
    name="mesd",
    title="MESD",
    about="864 single words of 16 people, 6 classes; speakers are not told apart",
    language="es",
    licence="CC BY 4.0",
    citation="M. M. Duville et al.: The Mexican Emotional Speech Database (MESD). EMBC 2021",
    # Emotion, kind of voice, word list, word.
    pattern=r"(?P<emotion>[A-Z][a-z]+)_(?P<gender>[CFM])_[AB]_(?P<text>[^/]+)",
    shape="Anger_F_A_casa.wav",
    emotions={
        "anger": "anger",
        "disgust": "disgust",
        "fear": "fear",
        "happiness": "happiness",
        "neutral": "neutral",
        "sadness": "sadness",
    },
    genders={"F": "female", "M": "male", "C": "child"},
    utterances=864,
)
