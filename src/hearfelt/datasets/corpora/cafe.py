"""CaFE: six sentences in Canadian French by twelve actors, two intensities."""

from __future__ import annotations

from hearfelt.datasets.corpora.base import Corpus

CORPUS = Corpus(
    name="cafe",
    title="CaFE",
    about="936 utterances of 12 actors, 7 classes, 2 intensities",
    language="fr",
    licence="CC BY-NC-SA 4.0",
    citation="P. Gournay et al.: A Canadian French Emotional Speech Dataset. ACM MMSys 2018",
    pattern=r"(?P<speaker>\d\d)-(?P<emotion>[A-Z])-(?P<intensity>\d)-\d",
    shape="01-C-1-1.wav",
    emotions={
        "C": "anger",
        "D": "disgust",
        "J": "happiness",
        "N": "neutral",
        "P": "fear",
        "S": "surprise",
        "T": "sadness",
    },
    intensities={"1": "weak", "2": "strong"},
    genders={f"{actor:02}": "male" if actor % 2 else "female" for actor in range(1, 13)},
    utterances=936,
)
