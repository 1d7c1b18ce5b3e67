"""The one contract of a voice that speaks with emotion, and what all of them refuse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from hearfelt.errors import OptionError
from hearfelt.types import Audio

MAX_TEXT = 1000
"""Characters in one utterance; about a minute of speech."""


class Voice(Protocol):
    """Says a text with an emotion.

    Attributes:
        emotions: the labels it can express; None where it takes any.
        speaker: name for the manifest, such as ``de-f1``.
        gender: ``female``, ``male`` or None.
        language: ISO 639-1 code or None.
    """

    @property
    def emotions(self) -> tuple[str, ...] | None: ...

    @property
    def speaker(self) -> str: ...

    @property
    def gender(self) -> str | None: ...

    @property
    def language(self) -> str | None: ...

    def speak(self, text: str, emotion: str, intensity: float = 1.0, seed: int = 0) -> Audio:
        """One utterance, float32 in (-1, 1).

        Args:
            emotion: a canonical label of `hearfelt.labels`.
            intensity: 0 (neutral) to 1 (as strong as the rules have it).
            seed: the same seed gives the same sound where the engine allows it.

        Raises:
            OptionError: an emotion it cannot express, an intensity outside 0 to 1, a text it cannot say.
        """
        ...

    def provenance(self, emotion: str, intensity: float = 1.0, seed: int = 0) -> Mapping[str, Any]:
        """How `speak` would make it, as plain data: engine, versions, voice, rules and every parameter."""
        ...


def checked_text(text: str) -> str:
    """The text without white space around it.

    Raises:
        OptionError: it is empty, has nothing to say, or is longer than `MAX_TEXT`.
    """
    text = " ".join(text.replace("\x00", " ").split())
    if not any(character.isalnum() for character in text):
        raise OptionError(f"the text {text[:40]!r} has no word in it: give a sentence to say")
    if len(text) > MAX_TEXT:
        raise OptionError(
            f"a text of {len(text)} characters is too long for one utterance: "
            f"give at most {MAX_TEXT}, one utterance a row"
        )
    return text


def checked_intensity(intensity: float) -> float:
    """The intensity.

    Raises:
        OptionError: it is not a number from 0 to 1.
    """
    if not 0 <= intensity <= 1:
        raise OptionError(f"intensity {intensity!r} cannot be made: give a number from 0 to 1")
    return float(intensity)
