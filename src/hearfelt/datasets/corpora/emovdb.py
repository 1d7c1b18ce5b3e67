"""EmoV-DB: sentences of the CMU Arctic list in five styles; the speaker is named by the folder."""

from __future__ import annotations

from hearfelt.datasets.corpora.base import Corpus

CORPUS = Corpus(
    name="emovdb",
    title="EmoV-DB",
    about="about 7000 utterances of 4 English speakers and a French one, 5 classes",
    language="en",
    licence="not stated",
    citation="A. Adigwe et al.: The Emotional Voices Database: Towards Controlling the Emotion Dimension "
    "in Voice Generation Systems. arXiv:1806.09514",
    # The archives unpack to bea_Amused/, the sorted copy has bea/Amused/.
    pattern=r"(?P<speaker>bea|jenie|josh|sam|noe)(?:_[A-Za-z]+)?/(?:[A-Za-z]+/)?(?P<emotion>[A-Za-z]+)_[\d-]+_\d+",
    shape="bea_Amused/amused_1-15_0001.wav",
    emotions={
        "amused": "amusement",
        "anger": "anger",
        "angry": "anger",
        "disgust": "disgust",
        "disgusted": "disgust",
        "neutral": "neutral",
        "sleepiness": "sleepiness",
        "sleepy": "sleepiness",
    },
    genders={
        **dict.fromkeys(("bea", "jenie"), "female"),
        **dict.fromkeys(("josh", "sam", "noe"), "male"),
    },
    languages={"noe": "fr"},
)
