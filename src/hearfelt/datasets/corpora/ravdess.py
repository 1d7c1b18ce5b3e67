"""RAVDESS, speech: two sentences by 24 actors, eight emotions, two intensities; songs are passed over."""

from __future__ import annotations

from hearfelt.datasets.corpora.base import Corpus

LICENCE = "CC BY-NC-SA 4.0"

CORPUS = Corpus(
    name="ravdess",
    title="RAVDESS",
    about="1440 spoken utterances of 24 actors, 8 classes, 2 intensities",
    language="en",
    licence=LICENCE,
    citation="S. R. Livingstone, F. A. Russo: The Ryerson Audio-Visual Database of Emotional Speech and "
    "Song. PLoS ONE 13(5), 2018",
    # Audio only, speech, emotion, intensity, statement, repetition, actor.
    pattern=r"03-01-(?P<emotion>\d\d)-(?P<intensity>\d\d)-\d\d-\d\d-(?P<speaker>\d\d)",
    shape="03-01-05-02-01-01-12.wav",
    emotions={
        "01": "neutral",
        "02": "calm",
        "03": "happiness",
        "04": "sadness",
        "05": "anger",
        "06": "fear",
        "07": "disgust",
        "08": "surprise",
    },
    intensities={"01": "normal", "02": "strong"},
    genders={f"{actor:02}": "male" if actor % 2 else "female" for actor in range(1, 25)},
    utterances=1440,
    passed_over=r"(?:0[12]-0[12]|03-02)(?:-\d\d){5}",  # videos and songs
)
