"""What is learnt from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hearfelt.types.sound import Segment


@dataclass(frozen=True, slots=True)
class Example:
    """One labelled stretch of speech in a corpus.

    Args:
        votes: each rater's label, in the order of the corpus; empty where it publishes none.
        gold: the label to learn.
        soft: label to share of votes, None where there are no votes.
        arousal, valence, dominance: in [-1, 1], None where nobody rated them.
        raters: who gave each vote, as long as ``votes``; empty where the corpus does not say. A rater who
            gave two labels is named twice.
        scale: what the ratings were given on before they were brought to [-1, 1], such as ``1..5``.
    """

    file: str
    gold: str | None
    segment: Segment | None = None
    speaker: str | None = None
    gender: str | None = None
    language: str | None = None
    text: str | None = None
    corpus: str = ""
    split: str | None = None
    licence: str = ""
    intensity: str | None = None
    votes: tuple[str, ...] = ()
    soft: Mapping[str, float] | None = None
    arousal: float | None = None
    valence: float | None = None
    dominance: float | None = None
    raters: tuple[str, ...] = ()
    scale: str | None = None
