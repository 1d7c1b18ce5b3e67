"""The 28 labels of GoEmotions, how they group into the Ekman six and neutral, and the clean-up of a text.

Source: D. Demszky et al.: GoEmotions: A Dataset of Fine-Grained Emotions. ACL 2020, arXiv 2005.00547.
`EKMAN` is the grouping that the authors publish beside the data (``ekman_mapping.json``); it calls
happiness "joy".
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

LABELS = (
    "admiration",
    "amusement",
    "anger",
    "annoyance",
    "approval",
    "caring",
    "confusion",
    "curiosity",
    "desire",
    "disappointment",
    "disapproval",
    "disgust",
    "embarrassment",
    "excitement",
    "fear",
    "gratitude",
    "grief",
    "joy",
    "love",
    "nervousness",
    "optimism",
    "pride",
    "realization",
    "relief",
    "remorse",
    "sadness",
    "surprise",
    "neutral",
)
"""The labels in the order of the data: id = place."""

EKMAN: Mapping[str, str] = {
    **dict.fromkeys(("anger", "annoyance", "disapproval"), "anger"),
    **dict.fromkeys(("disgust",), "disgust"),
    **dict.fromkeys(("fear", "nervousness"), "fear"),
    **dict.fromkeys(("joy", "amusement", "approval", "excitement", "gratitude", "love"), "happiness"),
    **dict.fromkeys(("optimism", "relief", "pride", "admiration", "desire", "caring"), "happiness"),
    **dict.fromkeys(("sadness", "disappointment", "embarrassment", "grief", "remorse"), "sadness"),
    **dict.fromkeys(("surprise", "realization", "confusion", "curiosity"), "surprise"),
    "neutral": "neutral",
}
"""Each label to its group, under the name used here."""

SENTIMENT: Mapping[str, tuple[str, ...]] = {
    "positive": (
        "admiration",
        "amusement",
        "approval",
        "caring",
        "desire",
        "excitement",
        "gratitude",
        "joy",
        "love",
        "optimism",
        "pride",
        "relief",
    ),
    "negative": (
        "anger",
        "annoyance",
        "disappointment",
        "disapproval",
        "disgust",
        "embarrassment",
        "fear",
        "grief",
        "nervousness",
        "remorse",
        "sadness",
    ),
    "ambiguous": ("confusion", "curiosity", "realization", "surprise"),
}
"""The authors' grouping by sentiment (``sentiment_mapping.json``)."""

MAX_CHARACTERS = 20_000
"""What is read of one text; the model sees far fewer tokens, and a text of megabytes must cost no more."""

_QUOTES = str.maketrans({"’": "'", "‘": "'", "`": "'", "“": '"', "”": '"', "…": "...", "\u00a0": " "})
_REPEATED = re.compile(r"(\S)\1{3,}")
_SPACE = re.compile(r"\s+")


def normalize(text: str) -> str:
    """A text as the model was trained to read it.

    Curly quotes become straight ones, an emoji becomes its Unicode name ("face with tears of joy"; a run of
    the same one counts once), a character repeated more than three times is cut to three, white space
    becomes single spaces, and only the first `MAX_CHARACTERS` characters are read.
    """
    text = text[:MAX_CHARACTERS].translate(_QUOTES)
    plain = text if text.isascii() else _name_symbols(text)
    return _SPACE.sub(" ", _REPEATED.sub(r"\1\1\1", plain)).strip()


def _name_symbols(text: str) -> str:
    """Emoji and other symbols by their names, invisible characters left out."""
    pieces: list[str] = []
    last = ""
    for character in text:
        kind = unicodedata.category(character)
        if kind in ("Cf", "Cs", "Co", "Cn") or "\ufe00" <= character <= "\ufe0f":
            continue
        if kind in ("So", "Sk") and not character.isascii():
            if "\U0001f3fb" <= character <= "\U0001f3ff":
                continue  # skin tones
            if character != last:
                pieces.append(f" {unicodedata.name(character, '').lower()} ")
            last = character
            continue
        if not character.isspace():
            last = ""
        pieces.append(character)
    return "".join(pieces)
