"""EmoDB: German sentences said by ten actors; boredom, and no surprise."""

from __future__ import annotations

from hearfelt.datasets.corpora.base import Corpus

LICENCE = "CC BY 4.0"

CORPUS = Corpus(
    name="emodb",
    title="EmoDB",
    about="535 utterances of 10 actors, 7 classes",
    language="de",
    licence=LICENCE,
    citation="F. Burkhardt et al.: A Database of German Emotional Speech. Interspeech 2005",
    # Speaker, sentence, emotion, take.
    pattern=r"(?P<speaker>\d\d)[ab]\d\d(?P<emotion>[A-Z])[a-z]",
    shape="03a01Fa.wav",
    emotions={
        "W": "anger",
        "L": "boredom",
        "E": "disgust",
        "A": "fear",
        "F": "happiness",
        "T": "sadness",
        "N": "neutral",
    },
    genders={
        **dict.fromkeys(("03", "10", "11", "12", "15"), "male"),
        **dict.fromkeys(("08", "09", "13", "14", "16"), "female"),
    },
    utterances=535,
)
