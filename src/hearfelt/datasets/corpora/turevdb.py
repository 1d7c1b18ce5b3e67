"""TurEV-DB: Turkish words by amateur actors; a folder an emotion. The text of an example is the word."""

from __future__ import annotations

from hearfelt.datasets.corpora.base import Corpus

CORPUS = Corpus(
    name="turevdb",
    title="TurEV-DB",
    about="1735 single words of 6 amateur actors, 4 classes",
    language="tr",
    licence="not stated",
    citation="S. F. Canpolat et al.: Turkish Emotion Voice Database (TurEV-DB). SLTU-CCURL 2020",
    pattern=r"(?P<emotion>[A-Za-z]+)/(?P<speaker>\d+)_[^/_]+_(?P<text>[^/]+)",
    shape="Sound Source/Calm/1234_sk_deyim.wav",
    emotions={"angry": "anger", "calm": "calm", "happy": "happiness", "sad": "sadness"},
    utterances=1735,
)
