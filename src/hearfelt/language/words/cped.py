"""The 13 emotions of CPED, how they group into the Ekman six and neutral, and the clean-up of a Chinese text.

Source: Y. Chen et al.: CPED: A Large-Scale Chinese Personalized and Emotional Dialogue Dataset for
Conversational AI. 2022, arXiv 2205.14727. The grouping is ours: the authors publish one by sentiment only.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from hearfelt.labels import CPED13
from hearfelt.language.words import goemotions

LABELS = CPED13

EKMAN: Mapping[str, str] = {
    **dict.fromkeys(("happy", "grateful", "relaxed", "positive-other"), "happiness"),
    "neutral": "neutral",
    "anger": "anger",
    **dict.fromkeys(("sadness", "depress"), "sadness"),
    **dict.fromkeys(("fear", "worried"), "fear"),
    "disgust": "disgust",
    "astonished": "surprise",
}
"""Each label to its group; ``negative-other`` has none. All that is positive counts as happiness, as in the
grouping of GoEmotions."""

SENTIMENT: Mapping[str, tuple[str, ...]] = {
    "positive": ("happy", "grateful", "relaxed", "positive-other"),
    "negative": ("anger", "sadness", "fear", "depress", "disgust", "astonished", "worried", "negative-other"),
    "ambiguous": ("neutral",),
}
"""The authors' grouping by sentiment; what they call neutral stands under ``ambiguous``."""

_SIGNS = re.compile(r"[^\w\s]|_")


def normalize(text: str) -> str:
    """A text as the model was trained to read it: subtitles have spaces where writing has signs.

    Emoji become their English names (`goemotions.normalize`), wide forms become plain ones,
    signs become spaces, Latin letters lower case.
    """
    plain = unicodedata.normalize("NFKC", goemotions.normalize(text)).lower()
    return " ".join(_SIGNS.sub(" ", plain).split())
