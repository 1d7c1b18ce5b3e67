"""eNTERFACE'05: English sentences by people of fourteen nations, as videos."""

from __future__ import annotations

from hearfelt.datasets.corpora.base import Corpus

CORPUS = Corpus(
    name="enterface",
    title="eNTERFACE'05",
    about="about 1290 utterances of 43 people, 6 classes",
    language="en",
    licence="research only",
    citation="O. Martin et al.: The eNTERFACE'05 Audio-Visual Emotion Database. ICDE Workshops 2006",
    # The third subject's files are called s_3_an_1.
    pattern=r"s_?(?P<speaker>\d+)_(?P<emotion>[a-z]{2})_\d+ ?",
    shape="subject 1/anger/sentence 1/s1_an_1.avi",
    emotions={
        "an": "anger",
        "di": "disgust",
        "fe": "fear",
        "ha": "happiness",
        "sa": "sadness",
        "su": "surprise",
    },
)
