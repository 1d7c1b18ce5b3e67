"""Praat's TextGrid, long and short text form: interval tiers of words or utterances.

As Praat itself reads it: only numbers, quoted texts and flags that stand free count; the rest is decoration.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from hearfelt.errors import TranscriptError
from hearfelt.transcribers.spread import spread, tokens
from hearfelt.transcribers.subtitles import check_times
from hearfelt.types import Word

_TOKEN = re.compile(
    r'"(?P<text>(?:[^"]|"")*)"|(?P<flag><exists>|<absent>)'
    r"|(?<![^\s=:])(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)(?![^\s])"
)
_WORD_TIER = re.compile(r"^(?:(?P<speaker>.*?)\s*[-_/:|. ]\s*)?(?:words?|tokens?|词|字)$", re.IGNORECASE)
_TEXT_TIER = re.compile(
    r"^(?:(?P<speaker>.*?)\s*[-_/:|. ]\s*)?"
    r"(?:utterances?|sentences?|transcript\w*|text|orthograph\w*|ort|phrases?|speech|文本|句子)$",
    re.IGNORECASE,
)
_SOUND_TIER = re.compile(
    r"^(?:(?P<speaker>.*?)\s*[-_/:|. ]\s*)?"
    r"(?:phones?|phonemes?|phon|segments?|syllables?|sylls?|tones?|breaks?|pitch|emotions?|silences?|sounds?)$",
    re.IGNORECASE,
)
_SILENCE = frozenset(
    {"", "sil", "sp", "spn", "<eps>", "<sil>", "<unk>", "#", "_", "xxx", "silent", "sounding"}
)


@dataclass(slots=True)
class _Tier:
    name: str
    intervals: list[tuple[float, float, str]]


def textgrid(text: str) -> list[Word]:
    """The words of a TextGrid; the name of a tier is the speaker unless it says what the tier holds.

    A tier called "words" holds words, "Anna - words" (as the Montreal Forced Aligner writes it) Anna's words;
    tiers of phones and points are passed over; where a speaker has words, her utterances are passed over.

    Raises:
        TranscriptError: it is not a TextGrid, it ends early, or an interval ends before it starts.
    """
    if text.startswith("ooBinaryFile"):
        raise TranscriptError("this TextGrid is in Praat's binary form: save it as a text file in Praat")
    tiers = list(_tiers(text))
    words: list[Word] = []
    fine = {_speaker(tier.name)[0] for tier in tiers if _speaker(tier.name)[1] == "words"}
    for tier in tiers:
        speaker, kind = _speaker(tier.name)
        if kind == "sounds" or (kind != "words" and speaker in fine):
            continue
        for start_s, end_s, mark in tier.intervals:
            if mark.strip().lower() not in _SILENCE:
                words.extend(_words(mark, start_s, end_s, speaker, kind))
    return sorted(words, key=lambda word: (word.start_s, word.end_s))


def _words(mark: str, start_s: float, end_s: float, speaker: str | None, kind: str) -> list[Word]:
    if kind == "words" and tokens(mark):
        return [Word(mark.strip(), start_s, end_s, None, speaker)]
    return spread(mark, start_s, end_s, speaker=speaker)


def _speaker(name: str) -> tuple[str | None, str]:
    """The speaker a tier's name tells, and what the tier holds: words, text or sounds."""
    for kind, pattern in (("words", _WORD_TIER), ("sounds", _SOUND_TIER), ("text", _TEXT_TIER)):
        match = pattern.match(name.strip())
        if match:
            return (match.group("speaker") or None), kind
    return (name.strip() or None), "text"


def _tiers(text: str) -> Iterator[_Tier]:
    reader = _Reader(text)
    reader.text(), reader.text()  # "ooTextFile" "TextGrid"
    reader.number(), reader.number()
    if reader.flag() != "<exists>":
        return
    for _ in range(int(reader.number())):
        kind, name = reader.text(), reader.text()
        reader.number(), reader.number()
        count = int(reader.number())
        tier = _Tier(name, [])
        for index in range(count):
            if kind == "IntervalTier":
                start_s, end_s, mark = reader.number(), reader.number(), reader.text()
                check_times(f"interval {index + 1} of the tier {name!r}", start_s, end_s)
                tier.intervals.append((start_s, end_s, mark))
            else:
                reader.number(), reader.text()
        if kind == "IntervalTier":
            yield tier


class _Reader:
    """Takes the free-standing values of a Praat text file one after the other."""

    def __init__(self, text: str) -> None:
        self._matches = _TOKEN.finditer(text)

    def _next(self, kind: str) -> str:
        match = next(self._matches, None)
        if match is None:
            raise TranscriptError("the TextGrid ends early: save it again in Praat")
        value = match.group(kind)
        if value is None:
            raise TranscriptError(
                f"the TextGrid has {match.group()[:40]!r} where a {kind} was wanted: save it again in Praat"
            )
        return str(value)

    def text(self) -> str:
        return self._next("text").replace('""', '"')

    def number(self) -> float:
        return float(self._next("number"))

    def flag(self) -> str:
        return self._next("flag")
