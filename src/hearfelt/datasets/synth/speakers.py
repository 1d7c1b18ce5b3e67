"""Who speaks: ten made speakers in every language, variants of espeak-ng with pitch and tract of their own.

Pitches lie where H. Traunmüller, A. Eriksson: The frequency range of the voice fundamental in the speech of
male and female adults (Stockholm University, 1995) has those of women and men.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hearfelt.errors import unknown_name

LANGUAGES: Mapping[str, str] = {
    "de": "de",
    "en": "en-us",
    "en-gb": "en",
    "es": "es",
    "fr": "fr",
    "it": "it",
    "nl": "nl",
    "pl": "pl",
    "pt": "pt",
}
"""Name of a voice to espeak-ng's own name for it."""


@dataclass(frozen=True, slots=True)
class Speaker:
    """A speaker at rest.

    Args:
        name: such as ``f1``.
        gender: ``female`` or ``male``.
        variant: espeak-ng's voice variant.
        variant_f0_hz: the variant's own median F0 (measured over en, de and pl).
        f0_hz: mean F0 of neutral speech.
        f0_sd_st: standard deviation of its F0 in semitones.
        formants: times the variant's formants: the length of the vocal tract.
        words_per_minute: espeak-ng's rate of neutral speech.
    """

    name: str
    gender: str
    variant: str
    variant_f0_hz: float
    f0_hz: float
    f0_sd_st: float
    formants: float
    words_per_minute: int


def _read() -> dict[str, Speaker]:
    with Path(__file__).with_name("speakers.csv").open(encoding="utf-8", newline="") as file:
        return {
            row["name"]: Speaker(
                row["name"],
                row["gender"],
                row["variant"],
                float(row["variant_f0_hz"]),
                float(row["f0_hz"]),
                float(row["f0_sd_st"]),
                float(row["formants"]),
                int(row["words_per_minute"]),
            )
            for row in csv.DictReader(file)
        }


SPEAKERS: Mapping[str, Speaker] = _read()
"""Name to speaker."""


def speaker(name: str) -> Speaker:
    """The speaker of a name; ``de-f1`` and ``f1`` are the same.

    Raises:
        OptionError: no such speaker; the message lists them.
    """
    short = name.rpartition("-")[2]
    if short not in SPEAKERS:
        raise unknown_name("speaker", name, SPEAKERS)
    return SPEAKERS[short]


def espeak_name(language: str) -> str:
    """espeak-ng's name for a language.

    Raises:
        OptionError: no such voice; the message lists them.
    """
    if language not in LANGUAGES:
        raise unknown_name("voice", language, LANGUAGES)
    return LANGUAGES[language]
