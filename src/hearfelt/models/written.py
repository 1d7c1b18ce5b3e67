"""What is written of a clip: label, levels of the dimensions, a caption.

No torch here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from hearfelt.labels import DIMENSIONS

AXES = ("arousal", "valence", "dominance")
LEVELS = ("very low", "low", "medium", "high", "very high")
"""The words for the levels of a dimension, from -1 to 1 in equal parts."""


@dataclass(frozen=True, slots=True)
class Given:
    """What is read beside the sound.

    Args:
        words: what was said; empty where it is not known.
        cues: what is unusual in the voice, in words.
        sound: whether the sound is heard at all.
    """

    words: str = ""
    cues: tuple[str, ...] = ()
    sound: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """What is written of a clip.

    Args:
        labels: one, or several where a clip may have several.
        levels: place in `LEVELS` of arousal, valence and dominance; None where it is not known.
        caption: a short description; may be empty.
    """

    labels: tuple[str, ...]
    levels: tuple[int | None, int | None, int | None] = (None, None, None)
    caption: str = ""


def level(value: float) -> int:
    """The level of a rating in [-1, 1]."""
    return min(len(LEVELS) - 1, max(0, math.floor((value + 1) / 2 * len(LEVELS))))


def centre(place: int) -> float:
    """The rating in the middle of a level."""
    return (place + 0.5) / len(LEVELS) * 2 - 1


def answer(
    labels: Sequence[str],
    ratings: Sequence[float | None],
    *,
    intensity: str | None = None,
    cues: Sequence[str] = (),
    caption: bool = True,
) -> Answer:
    """The answer to learn.

    Where a clip has one label and was not rated, the label's published coordinates are its levels
    (`hearfelt.labels.DIMENSIONS`). The caption is a template: the intensity and label, then the cues.
    """
    known: tuple[float | None, ...] = tuple(ratings)
    if all(value is None for value in known) and len(labels) == 1:
        known = DIMENSIONS.get(labels[0], (None, None, None))
    arousal, valence, dominance = (None if value is None else level(value) for value in known)
    text = ""
    if caption:
        emotion = " and ".join(labels) or "nothing"
        head = f"{intensity} {emotion}" if intensity else emotion
        text = ", ".join([head, *cues])
    return Answer(tuple(labels), (arousal, valence, dominance), text)
