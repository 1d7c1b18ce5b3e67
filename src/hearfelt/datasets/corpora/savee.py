"""SAVEE: sentences that differ by emotion, said by four men; for research only."""

from __future__ import annotations

from hearfelt.datasets.corpora.base import Corpus

LICENCE = "research only"

CORPUS = Corpus(
    name="savee",
    title="SAVEE",
    about="480 utterances of 4 men, 7 classes",
    language="en",
    licence=LICENCE,
    citation="S. Haq, P. J. B. Jackson: Speaker-dependent audio-visual emotion recognition. AVSP 2009",
    # A folder a speaker as the owners ship it, or all files in one folder.
    pattern=r"(?P<speaker>[A-Z]{2})[/_](?P<emotion>[a-z]+)\d+",
    shape="DC/sa01.wav or DC_sa01.wav",
    emotions={
        "a": "anger",
        "d": "disgust",
        "f": "fear",
        "h": "happiness",
        "n": "neutral",
        "sa": "sadness",
        "su": "surprise",
    },
    genders=dict.fromkeys(("DC", "JE", "JK", "KL"), "male"),
    utterances=480,
)
