"""Colours of the emotions in the HTML report, light and dark.

The seven and "uncertain" were chosen by a search that keeps the smallest distance between two of them large
(CIELAB) for normal sight, protanopia, deuteranopia and tritanopia, each at least 3:1 against its background.
A test holds both. Colour is never the only sign: marks also carry a word, a letter or a pattern.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from hearfelt.labels import CANONICAL
from hearfelt.types import UNCERTAIN

PAPER = {"light": "#fbfaf8", "dark": "#15171b"}
"""The background of the page in each theme."""

COLOURS: Mapping[str, tuple[str, str]] = {
    "anger": ("#b42918", "#f66933"),
    "disgust": ("#084941", "#5e9d6d"),
    "fear": ("#62117a", "#a16bee"),
    "happiness": ("#d37b00", "#f8bd1a"),
    "neutral": ("#89888a", "#88919d"),
    "sadness": ("#1d5cd2", "#5eaee1"),
    "surprise": ("#b26aba", "#f8cce5"),
    "boredom": ("#7a5c3e", "#b79a78"),
    "calm": ("#2f8f83", "#5fd0c0"),
    "contempt": ("#5b2a3c", "#c98aa2"),
    UNCERTAIN: ("#55585e", "#c3c7ce"),
}
"""Label to its colour in the light and in the dark theme."""

SPARE = (("#8a6d00", "#d9c25a"), ("#3d6b8f", "#9cc3e0"), ("#8f3d5c", "#e59ab5"), ("#4a6b2a", "#b5d68c"))
"""Colours for labels of other sets, taken in turn."""

INK_ON_LIGHT, INK_ON_DARK = "#0d0f12", "#ffffff"


@dataclass(frozen=True, slots=True)
class Tone:
    """A label's number in the page, its colours and the ink that can be read on them."""

    number: int
    label: str
    light: str
    light_ink: str
    dark: str
    dark_ink: str


def tones(labels: Iterable[str]) -> dict[str, Tone]:
    """One tone a label: those hearfelt knows keep their number, others follow in the order given."""
    known = (*CANONICAL, UNCERTAIN)
    others = [label for label in dict.fromkeys(labels) if label not in known]
    found: dict[str, Tone] = {}
    for number, label in enumerate((*known, *others)):
        light, dark = COLOURS.get(label) or SPARE[number % len(SPARE)]
        found[label] = Tone(number, label, light, readable_ink(light), dark, readable_ink(dark))
    return found


def readable_ink(colour: str) -> str:
    """Black or white, whichever stands out more on a colour."""
    return max(INK_ON_LIGHT, INK_ON_DARK, key=lambda ink: contrast(ink, colour))


def contrast(one: str, other: str) -> float:
    """Contrast of two colours from 1 to 21 (WCAG 2.2, relative luminance)."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    """Relative luminance of ``#rrggbb`` in [0, 1] (WCAG 2.2)."""
    channels = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
