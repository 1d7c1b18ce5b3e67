"""SRT and WebVTT: cues with a beginning, an end and text, sometimes with who speaks.

WebVTT: https://www.w3.org/TR/webvtt1/ (voice tags, classes, time stamps inside a cue, hours left out).
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from hearfelt.errors import TranscriptError
from hearfelt.transcribers.spread import spread, spread_weights, tokens, weight
from hearfelt.types import Word

_TIME = r"(?:(\d+):)?(\d{1,2}):(\d{1,2})(?:[,.](\d{1,9}))?"
_TIMING = re.compile(rf"^\s*{_TIME}\s*-->\s*{_TIME}(?:\s.*)?$")
_INNER_TIME = re.compile(r"<((?:\d+:)?\d{1,2}:\d{2}\.\d{1,3})>")
_VOICE = re.compile(r"<v(?:\.[^\s>]*)?\s+([^>]+)>", re.IGNORECASE)
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>|\{\\[^{}]*\}")
_NOTE_BLOCK = re.compile(r"^(NOTE|STYLE|REGION)(\s|$)")

_NAME = r"[^\W\d_][\w.'’\-]*(?:[ _][\w.'’\-]+){0,2}"
_PREFIX = re.compile(
    rf"^(?:\[({_NAME})\]\s*[:：]?|\(({_NAME})\)\s*[:：]|({_NAME})\s*[:：](?!//|\d))\s*(?=\S)"
)
_DASH = re.compile(r"^\s*(?:>>|[-–—•])\s*")
_ROLE = re.compile(
    r"^(agent|customer|caller|client|operator|advisor|adviser|user|assistant|bot|rep|representative|support|"
    r"interviewer|interviewee|host|guest|moderator|doctor|patient|nurse|teacher|student|man|woman|"
    r"(speaker|spk|participant|person|voice|channel)[ _]?\w{1,3}|"
    r"客服|客户|坐席|顾客|用户|主持人|嘉宾|医生|患者|老师|学生|说话人.?|发言人.?)$",
    re.IGNORECASE,
)
_SOUND = re.compile(
    r"[\[(*♪](?:\s*(?:music|applause|laugh\w*|chuckl\w*|giggl\w*|inaudible|unintelligible|crosstalk|silence|"
    r"noise|sigh\w*|cry\w*|cries|sob\w*|cough\w*|breath\w*|beep\w*|pause|ringing|音乐|掌声|笑声?|笑|叹气|哭|听不清)"
    r"\s*)[\])*♪]",
    re.IGNORECASE,
)


@dataclass(slots=True)
class Cue:
    """One cue as it stands in the file; ``line`` counts from 1."""

    line: int
    start_s: float
    end_s: float
    lines: list[str] = field(default_factory=list)


def srt(text: str) -> list[Word]:
    """The words of an SRT file, times shared out inside each cue in proportion to characters."""
    return _words(_cues(text))


def vtt(text: str) -> list[Word]:
    """The words of a WebVTT file; ``<v Name>`` is the speaker, times inside a cue are kept."""
    return _words(_cues(text, blocks=True))


def check_times(what: str, start_s: float, end_s: float) -> None:
    """Refuses a stretch that ends before it starts.

    Raises:
        TranscriptError: it does.
    """
    if end_s < start_s:
        raise TranscriptError(
            f"{what} ends at {end_s:.3f} s, before it starts at {start_s:.3f} s: correct its times"
        )


def seconds(hours: str | None, minutes: str, secs: str, fraction: str | None) -> float:
    """The parts of a time stamp as seconds."""
    value = int(hours or 0) * 3600 + int(minutes) * 60 + int(secs)
    return value + float(f"0.{fraction or 0}")


def _cues(text: str, *, blocks: bool = False) -> list[Cue]:
    lines = _without_blocks(text.splitlines()) if blocks else list(enumerate(text.splitlines(), 1))
    cues: list[Cue] = []
    for number, line in lines:
        timing = _TIMING.match(line)
        if timing is not None:
            parts = timing.groups()
            cue = Cue(number, seconds(*parts[:4]), seconds(*parts[4:]))
            check_times(f"the cue on line {number}", cue.start_s, cue.end_s)
            if cues and not blocks:
                _drop_number(cues[-1].lines, len(cues) + 1)
            cues.append(cue)
        elif "-->" in line:
            raise TranscriptError(
                f"line {number} of the subtitles has no times one can read: {line.strip()[:60]!r}; "
                "wanted 00:00:01,000 --> 00:00:02,500"
            )
        elif cues:
            cues[-1].lines.append(line)
    for cue in cues if blocks else ():
        blank = next((i for i, line in enumerate(cue.lines) if not line.strip()), len(cue.lines))
        del cue.lines[blank:]  # what follows a blank line names the next cue
    return cues


def _without_blocks(lines: Sequence[str]) -> list[tuple[int, str]]:
    """Numbered lines of a WebVTT file without its comments, styles and regions."""
    kept: list[tuple[int, str]] = []
    skipping, blank = False, True
    for number, line in enumerate(lines, 1):
        skipping = bool(line.strip()) and (skipping or (blank and bool(_NOTE_BLOCK.match(line))))
        blank = not line.strip()
        if not skipping:
            kept.append((number, line))
    return kept


def _drop_number(lines: list[str], number: int) -> None:
    """Takes off the next cue's number: the last line, after a blank one or where it counts on."""
    while lines and not lines[-1].strip():
        lines.pop()
    if not lines or not lines[-1].strip().isdecimal():
        return
    if (len(lines) > 1 and not lines[-2].strip()) or int(lines[-1]) == number or len(lines) == 1:
        lines.pop()


@dataclass(slots=True)
class _Piece:
    """Part of a cue: who says it, what, and from when on where the file tells."""

    speaker: str | None
    text: str
    start_s: float | None = None


def _words(cues: Sequence[Cue]) -> list[Word]:
    parts = [(cue, _pieces(cue)) for cue in cues]
    names = _speaker_names([pieces for _, pieces in parts])
    words: list[Word] = []
    for cue, pieces in parts:
        speaker: str | None = None
        for piece in pieces:
            _take_name(piece, names)
            speaker = piece.speaker = piece.speaker or speaker  # a line that goes on
        words.extend(_cue_words(cue, pieces))
    return words


def _pieces(cue: Cue) -> list[_Piece]:
    """The text of a cue cut where a line, a voice tag or a time stamp inside it begins something new."""
    pieces: list[_Piece] = []
    for line in cue.lines:
        voices = _VOICE.split(line)
        for speaker, spoken in [("", voices[0]), *zip(voices[1::2], voices[2::2], strict=True)]:
            name = " ".join(html.unescape(speaker).split()) or None
            timed = _INNER_TIME.split(spoken)
            starts = [None, *(_inner(stamp) for stamp in timed[1::2])]
            for start_s, text in zip(starts, timed[0::2], strict=True):
                pieces.append(_Piece(name, _clean(text), start_s))
    return pieces


def _clean(text: str) -> str:
    plain = html.unescape(_TAG.sub("", text))
    return _DASH.sub("", _SOUND.sub(" ", plain).replace("♪", " ").strip())


def _inner(stamp: str) -> float:
    hours, minutes, rest = (
        stamp.rjust(12, "0").split(":") if stamp.count(":") == 2 else ("0", *stamp.split(":"))
    )
    return int(hours) * 3600 + int(minutes) * 60 + float(rest)


def _speaker_names(cues: Sequence[Sequence[_Piece]]) -> frozenset[str]:
    """Which "Name:" prefixes of this file are people and not words such as "Note:".

    A prefix counts where it is a usual role, is written in capitals, comes back, or every cue has one.
    """
    counts: Counter[str] = Counter()
    with_prefix = 0
    for pieces in cues:
        found = [_prefix(piece.text) for piece in pieces if piece.speaker is None]
        with_prefix += any(found)
        counts.update(name for name in found if name)
    every = with_prefix == len(cues) > 1
    return frozenset(
        name
        for name, count in counts.items()
        if every or count > 1 or _ROLE.match(name) or (name.isupper() and len(name) > 1)
    )


def _prefix(text: str) -> str | None:
    match = _PREFIX.match(text)
    name = next((group for group in match.groups() if group), None) if match else None
    return name if name and (not name[0].islower() or _ROLE.match(name)) else None


def _take_name(piece: _Piece, names: frozenset[str]) -> None:
    match = _PREFIX.match(piece.text) if piece.speaker is None else None
    name = _prefix(piece.text)
    if match is not None and name in names:
        piece.speaker, piece.text = name, piece.text[match.end() :]


def _cue_words(cue: Cue, pieces: Sequence[_Piece]) -> list[Word]:
    """Each piece laid from its start to the next one's; unknown starts in proportion to characters."""
    words: list[Word] = []
    lengths = [sum(weight(token) for token in tokens(piece.text)) for piece in pieces]
    start, first = cue.start_s, 0
    for last in range(1, len(pieces) + 1):
        known = cue.end_s if last == len(pieces) else pieces[last].start_s
        if known is None:
            continue
        known = min(max(known, start), cue.end_s)
        laid = spread_weights(lengths[first:last], known - start)
        for piece, (begin, end) in zip(pieces[first:last], laid, strict=True):
            words.extend(spread(piece.text, start + begin, start + end, speaker=piece.speaker))
        start, first = known, last
    return words
