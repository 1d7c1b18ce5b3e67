"""What a language model is asked: the recording put into words, as material between two fence lines.

Vocal cues in words for a language model: Z. Wu et al.: Beyond silent letters: amplifying LLMs in emotion
recognition with vocal nuances (SpeechCueLLM). NAACL Findings 2025.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.resources import files

from hearfelt.language.base import Message
from hearfelt.types import Emotion, Segment

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""The names of the labels where one letter is the answer."""

_PLACE = re.compile(r"\{\{(\w+)\}\}")
_HIDDEN = re.compile("[\u007f-\u009f\u2028-\u202e\u2066-\u2069\ufeff\U000e0000-\U000e007f]")
_FENCE = re.compile(r"<<<|>>>")


@dataclass(frozen=True, slots=True)
class Turn:
    """Something that was said before."""

    speaker: str | None
    text: str


@dataclass(frozen=True, slots=True)
class JudgeItem:
    """One utterance to judge and what is known of it.

    Args:
        cues: what was heard, in words, strongest first.
        history: the turns before it, oldest first.
        voice, words: what the other sources say, None where they say nothing.
        language: ISO 639-1 code; Chinese is asked in Chinese, all else in English.
    """

    segment: Segment
    text: str
    cues: tuple[str, ...] = ()
    history: tuple[Turn, ...] = ()
    voice: Emotion | None = None
    words: Emotion | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class QuestionOptions:
    """How much of a recording is told.

    Args:
        max_history_turns: how many turns before the utterance are told.
        max_chars: characters of dialogue that are told; the oldest turns go first.
        max_cues: vocal cues that are told.
    """

    max_history_turns: int = 12
    max_chars: int = 6000
    max_cues: int = 12


def messages(
    item: JudgeItem, labels: Sequence[str], options: QuestionOptions, form: str = "schema"
) -> list[Message]:
    """The question: instructions, then the recording as JSON between two fence lines.

    Args:
        form: how it shall be answered, a part of the prompt: ``schema``, ``score``, ``letters`` (a label by
            its letter, A for the first) or ``explain``.
    """
    parts = prompt(language_of(item))
    data = _data(item, options)
    fence = hashlib.sha256(data.encode()).hexdigest()[:12]
    letters = "\n".join(f"{letter} = {label}" for letter, label in zip(LETTERS, labels, strict=False))
    places = {"labels": ", ".join(labels), "letters": letters, "data": data, "fence": fence}
    return [
        {"role": "system", "content": fill(f"{parts['system']}\n\n{parts[form]}", places)},
        {"role": "user", "content": fill(parts["user"], places)},
    ]


def tidied(item: JudgeItem, options: QuestionOptions, change: Callable[[str], str]) -> JudgeItem:
    """The item fit to be told: no hidden characters, no fences, words and names put through ``change``."""

    def tidy(text: str) -> str:
        return _tidy(change(text))

    history = tuple(Turn(turn.speaker and tidy(turn.speaker), tidy(turn.text)) for turn in item.history)
    speaker = item.segment.speaker
    return replace(
        item,
        segment=replace(item.segment, speaker=speaker and tidy(speaker)),
        text=tidy(item.text),
        cues=tuple(_tidy(cue) for cue in item.cues[: options.max_cues]),
        history=history,
        language=item.language and _tidy(item.language),
    )


@lru_cache
def prompt(language: str) -> Mapping[str, str]:
    """The parts of the prompt in a language.

    ``name`` (with version), ``system`` and behind it the form of the answer (``schema``, ``score``,
    ``letters`` or ``explain``), ``user``, ``repair``.
    """
    text = (files("hearfelt.language") / "prompts" / f"judge.{language}.md").read_text(encoding="utf-8")
    head, *sections = re.split(r"^## ", text, flags=re.MULTILINE)
    parts = {"name": head.strip().removeprefix("# ")}
    for section in sections:
        title, _, body = section.partition("\n")
        parts[title.strip()] = body.strip()
    return parts


def language_of(item: JudgeItem) -> str:
    """The language in which it is asked: Chinese in Chinese, all else in English."""
    return "zh" if (item.language or "").lower().startswith("zh") else "en"


def fill(template: str, places: Mapping[str, str]) -> str:
    """Fills ``{{name}}`` in one pass, so that nothing filled in is looked at again."""
    return _PLACE.sub(lambda match: places.get(match.group(1), match.group()), template)


def _tidy(text: str) -> str:
    """Text that can neither hide characters nor look like a fence."""
    return _FENCE.sub(lambda match: "‹‹‹" if match.group() == "<<<" else "›››", _HIDDEN.sub(" ", text))


def _data(item: JudgeItem, options: QuestionOptions) -> str:
    """The recording as JSON on one line; line breaks in the words become ``\\n``, so none begins a line."""
    data = {
        "language": item.language or "unknown",
        "dialogue": _dialogue(item.history, options),
        "utterance": {
            "speaker": item.segment.speaker or "unknown",
            "seconds": round(item.segment.duration_s, 1),
            "text": _shorten(item.text, options.max_chars),
        },
        "vocal_cues": list(item.cues),
        "voice_model": _scores(item.voice),
        "words_model": _scores(item.words),
    }
    return json.dumps(data, ensure_ascii=False)


def _dialogue(history: Sequence[Turn], options: QuestionOptions) -> list[dict[str, str]]:
    """The latest turns that fit."""
    room = options.max_chars
    turns: list[dict[str, str]] = []
    for turn in reversed(history[-options.max_history_turns :] if options.max_history_turns else ()):
        text = _shorten(turn.text, room)
        if not text:
            break
        room -= len(text)
        turns.append({"speaker": turn.speaker or "unknown", "text": text})
    return turns[::-1]


def _shorten(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    return text[: longest - 1] + "…" if longest > 20 else ""


def _scores(emotion: Emotion | None) -> dict[str, float] | None:
    if emotion is None:
        return None
    return {label: round(p, 2) for label, p in emotion.scores.items() if p >= 0.005}
