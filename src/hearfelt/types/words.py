"""What was said, and when."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass

from hearfelt.types.sound import Segment


@dataclass(frozen=True, slots=True)
class Word:
    """One word as it was said; ``confidence`` is the transcriber's own, None where it gives none."""

    text: str
    start_s: float
    end_s: float
    confidence: float | None = None
    speaker: str | None = None
    channel: int | None = None


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said. ``language`` is an ISO 639-1 code or None; ``transcriber`` names who heard it."""

    words: tuple[Word, ...] = ()
    language: str | None = None
    transcriber: str = "none"

    @property
    def text(self) -> str:
        """All words as one string."""
        return join_words(self.words)

    def between(self, segment: Segment) -> tuple[Word, ...]:
        """The words whose middle lies inside a segment, of its speaker and channel where words name one."""
        return ByTime(self).between(segment)


class ByTime:
    """The words of a transcript sorted once, to ask for those of many segments."""

    def __init__(self, transcript: Transcript) -> None:
        self._words = sorted(transcript.words, key=_middle)
        self._middles = [_middle(word) for word in self._words]

    def between(self, segment: Segment) -> tuple[Word, ...]:
        """As `Transcript.between`, in order of time."""
        first = bisect.bisect_left(self._middles, segment.start_s)
        last = bisect.bisect_left(self._middles, segment.end_s)
        return tuple(
            word
            for word in self._words[first:last]
            if word.speaker in (None, segment.speaker) and word.channel in (None, segment.channel)
        )


def _middle(word: Word) -> float:
    return (word.start_s + word.end_s) / 2


def join_words(words: Sequence[Word]) -> str:
    """Words as a sentence: spaces between words, none between Chinese, Japanese or Thai characters."""
    text = ""
    for word in words:
        piece = word.text.strip()
        if not piece:
            continue
        text += piece if not text or (_unspaced(text[-1]) and _unspaced(piece[0])) else f" {piece}"
    return text


def _unspaced(character: str) -> bool:
    return (
        "\u0e00" <= character <= "\u0e7f"
        or "\u2e80" <= character <= "\u9fff"
        or character in "，。？！、；："
    )
