"""Words and times for text that has only a beginning and an end."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

from hearfelt.types import Segment, Word

_CJK = "\u2e80-\u2fff\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_OPEN = "「『“‘（《〈【([{\"'"
_STOP = "，。！？；：、"
_TOKEN = re.compile(
    rf"[{re.escape(_OPEN)}]*[{_CJK}][^\s\w{re.escape(_OPEN)}]*|[^\s{_CJK}{_STOP}]+[{_STOP}]*|[{_STOP}]+"
)
_WORDY = re.compile(r"\w")


def tokens(text: str) -> list[str]:
    """Text as words; Chinese and Japanese by characters. Punctuation stays with the word before it."""
    found: list[str] = []
    for token in _TOKEN.findall(text):
        if _WORDY.search(token):
            found.append(token)
        elif found:
            found[-1] += f" {token}"
    return found


def weight(token: str) -> int:
    """How long a word takes, in characters that are spoken."""
    return max(1, len(_WORDY.findall(token)))


def spread(
    text: str,
    start_s: float,
    end_s: float,
    *,
    speaker: str | None = None,
    channel: int | None = None,
    confidence: float | None = None,
) -> list[Word]:
    """The words of a text laid between two times, each as long as its share of the characters."""
    found = tokens(text)
    ends = list(itertools.accumulate((weight(token) for token in found), initial=0))
    scale = (end_s - start_s) / ends[-1] if found else 0.0
    return [
        Word(token, start_s + scale * first, start_s + scale * last, confidence, speaker, channel)
        for token, (first, last) in zip(found, itertools.pairwise(ends), strict=True)
    ]


def over_segments(words: Sequence[Word], segments: Sequence[Segment]) -> list[Word]:
    """Words without known times laid over the speech of a recording, silence left out.

    The segments are taken one after the other as if there were no pause between them; each word gets its
    share of the characters. A word never straddles a pause: it goes to the segment that holds its middle.
    """
    speech = [segment for segment in segments if segment.duration_s > 0]
    if not speech or not words:
        return list(words)
    total = sum(segment.duration_s for segment in speech)
    laid = spread_weights([weight(word.text) for word in words], total)
    result: list[Word] = []
    index, offset = 0, 0.0
    for word, (first, last) in zip(words, laid, strict=True):
        middle = (first + last) / 2
        while index < len(speech) - 1 and middle >= offset + speech[index].duration_s:
            offset += speech[index].duration_s
            index += 1
        segment = speech[index]
        start = max(segment.start_s, segment.start_s + first - offset)
        end = min(segment.end_s, segment.start_s + last - offset)
        result.append(Word(word.text, start, end, word.confidence, word.speaker, word.channel))
    return result


def spread_weights(weights: Sequence[int], total: float) -> list[tuple[float, float]]:
    """Consecutive intervals that share ``total`` in proportion to the weights."""
    ends = list(itertools.accumulate(weights, initial=0))
    scale = total / (ends[-1] or 1)
    return [(scale * first, scale * last) for first, last in itertools.pairwise(ends)]
