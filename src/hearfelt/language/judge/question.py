"""What a language model is asked: the recording put into words, as material between two fence lines.

Vocal cues in words for a language model: Z. Wu et al.: Beyond silent letters: amplifying LLMs in emotion
recognition with vocal nuances (SpeechCueLLM). NAACL Findings 2025.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from importlib.resources import files
from itertools import accumulate, islice
from typing import Any

from hearfelt.errors import OptionError
from hearfelt.language.base import Message
from hearfelt.language.words import identify
from hearfelt.types import Emotion, Segment

WORDINGS = 3
"""In how many wordings each question can be asked, in each language."""

MAX_EXAMPLE_CHARS = 300
"""So much of a labelled example is told."""

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""The names of the labels where one letter is the answer."""

_PLACE = re.compile(r"\{\{(\w+)\}\}")
_HIDDEN = re.compile("[\u007f-\u009f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff\U000e0000-\U000e007f]")
_FENCE = re.compile(r"<<<|>>>")
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_KANA_HANGUL = re.compile("[\u3040-\u30ff\uac00-\ud7af]")
_CHINESE = ("zh", "zho", "chi", "cmn", "yue", "wuu", "nan", "hak", "mandarin", "cantonese")


@dataclass(frozen=True, slots=True)
class Turn:
    """Something that was said before."""

    speaker: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Shot:
    """A labelled utterance that is shown as an example.

    Args:
        label: what people called it.
        cues: what was heard, in words.
    """

    text: str
    label: str
    cues: tuple[str, ...] = ()
    speaker: str | None = None


@dataclass(frozen=True, slots=True)
class JudgeItem:
    """One utterance to judge and what is known of it.

    Args:
        cues: what was heard, in words, strongest first; each says whether it compares with the speaker's own
            usual voice or with people at large (`hearfelt.features.cues.describe` with ``compare="both"``).
        history: the turns before it, oldest first.
        voice, words: what the other sources say, None where they say nothing.
        language: of what is said, as a code, tag or English name; see `language_of`.
        roles: speaker to role, such as ``{"ana": "agent"}``; any plain words.
        voice_confidence, words_confidence: how likely the other sources' first labels are right, in [0, 1];
            None where nobody calibrated them.
        shots: labelled utterances like this one, the most alike first (`hearfelt.language.judge.examples`).
    """

    segment: Segment
    text: str
    cues: tuple[str, ...] = ()
    history: tuple[Turn, ...] = ()
    voice: Emotion | None = None
    words: Emotion | None = None
    language: str | None = None
    roles: Mapping[str, str] = field(default_factory=dict)
    voice_confidence: float | None = None
    words_confidence: float | None = None
    shots: tuple[Shot, ...] = ()


@dataclass(frozen=True, slots=True)
class QuestionOptions:
    """How much of a recording is told.

    Args:
        max_history_turns: how many turns before the utterance are told.
        max_chars: characters of dialogue that are told, and as many of labelled examples; the oldest turns
            and the examples least alike are left out first.
        max_cues: vocal cues that are told.
        wording: which of the `WORDINGS` the question is asked in, counted from 1.
    """

    max_history_turns: int = 12
    max_chars: int = 6000
    max_cues: int = 12
    wording: int = 1


def messages(
    item: JudgeItem, labels: Sequence[str], options: QuestionOptions, form: str = "schema"
) -> list[Message]:
    """The question: instructions, then the recording as JSON between two fence lines.

    Args:
        form: how it shall be answered, a part of the prompt: ``schema``, ``score``, ``letters`` (a label by
            its letter, A for the first) or ``explain``.
    """
    parts = prompt(language_of(item), options.wording)
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

    # One turn more than is told, so that it shows that there was more; no others are put through `change`.
    latest = _said(item.history, options.max_history_turns + 1)
    history = tuple(Turn(turn.speaker and tidy(turn.speaker), tidy(turn.text)) for turn in latest)
    speaker = item.segment.speaker
    return replace(
        item,
        segment=replace(item.segment, speaker=speaker and tidy(speaker)),
        text=tidy(item.text),
        cues=tuple(_tidy(cue) for cue in item.cues[: options.max_cues]),
        history=history,
        language=item.language and _tidy(item.language),
        roles={tidy(name): tidy(role) for name, role in item.roles.items()},
        shots=tuple(_tidied_shot(shot, tidy) for shot in item.shots),
    )


@lru_cache
def prompt(language: str, wording: int = 1) -> Mapping[str, str]:
    """The parts of the prompt in a language and wording.

    ``name`` (with version), ``system`` and behind it the form of the answer (``schema``, ``score``,
    ``letters`` or ``explain``), ``user``, ``repair``. The first wording stands in ``prompts/judge.en.md``,
    the second in ``prompts/judge.en.2.md`` and so on.

    Raises:
        OptionError: there is no such wording.
    """
    number = "" if wording == 1 else f".{wording}"
    file = files("hearfelt.language.judge") / "prompts" / f"judge.{language}{number}.md"
    if not file.is_file():
        raise OptionError(
            f"there is no wording {wording} of the prompt in {language!r}; there are {WORDINGS}, from 1 on"
        )
    text = file.read_text(encoding="utf-8")
    head, *sections = re.split(r"^## ", text, flags=re.MULTILINE)
    parts = {"name": head.strip().removeprefix("# ")}
    for section in sections:
        title, _, body = section.partition("\n")
        parts[title.strip()] = body.strip()
    return parts


def language_of(item: JudgeItem) -> str:
    """The language in which it is asked: Chinese in Chinese, all else in English.

    Chinese is known by any of its codes and names (zh, zh-TW, cmn, yue, Chinese …); where the language is not
    known, by its characters without any of Japanese or Korean.
    """
    if item.language:
        return "zh" if identify.code(item.language) in _CHINESE else "en"
    said = (item.text or (item.history[-1].text if item.history else ""))[: identify.MAX_CHARACTERS]
    signs, others = len(_HAN.findall(said)), len(identify.words(_HAN.sub(" ", said)))
    return "zh" if signs > others and not _KANA_HANGUL.search(said) else "en"


def fill(template: str, places: Mapping[str, str]) -> str:
    """Fills ``{{name}}`` in one pass, so that nothing filled in is looked at again."""
    return _PLACE.sub(lambda match: places.get(match.group(1), match.group()), template)


def _tidy(text: str) -> str:
    """Text that can neither hide characters nor look like a fence."""
    return _FENCE.sub(lambda match: "‹‹‹" if match.group() == "<<<" else "›››", _HIDDEN.sub(" ", text))


def _tidied_shot(shot: Shot, tidy: Callable[[str], str]) -> Shot:
    return Shot(
        tidy(shot.text), _tidy(shot.label), tuple(map(tidy, shot.cues)), shot.speaker and tidy(shot.speaker)
    )


def _data(item: JudgeItem, options: QuestionOptions) -> str:
    """The recording as JSON on one line; line breaks in the words become ``\\n``, so none begins a line."""
    turns = _dialogue(item, options)
    data: dict[str, Any] = {
        "language": item.language or "unknown",
        "dialogue": turns,
        "utterance": {
            **_who(item.segment.speaker, item.roles),
            **({"seconds": round(item.segment.duration_s, 1)} if item.segment.duration_s > 0 else {}),
            "text": _shorten(item.text, options.max_chars),
        },
        "vocal_cues": list(item.cues),
        "voice_model": _verdict(item.voice, item.voice_confidence),
        "words_model": _verdict(item.words, item.words_confidence),
    }
    if len(turns) < sum(bool(turn.text) for turn in item.history):
        data["earlier_turns_left_out"] = True
    if item.shots:
        data["labelled_examples"] = _shots(item.shots, options.max_chars)
    return json.dumps(data, ensure_ascii=False)


def _dialogue(item: JudgeItem, options: QuestionOptions) -> list[dict[str, str]]:
    """The latest turns that fit."""
    room = options.max_chars
    turns: list[dict[str, str]] = []
    for turn in reversed(_said(item.history, options.max_history_turns)):
        text = _shorten(turn.text, room)
        if not text:
            break
        room -= len(text)
        turns.append({**_who(turn.speaker, item.roles), "text": text})
    return turns[::-1]


def _said(history: Sequence[Turn], most: int) -> list[Turn]:
    """The latest turns that have words, oldest first."""
    with_words = (turn for turn in reversed(history) if turn.text)
    return list(islice(with_words, most))[::-1]


def _who(speaker: str | None, roles: Mapping[str, str]) -> dict[str, str]:
    """Name and, where it is known, role; names are looked up as they are written, else in any case."""
    found = {"speaker": speaker or "unknown"}
    known = {name.casefold(): role for name, role in roles.items()}
    role = roles.get(speaker or "") or known.get((speaker or "").casefold())
    return {**found, "role": role} if role else found


def _shorten(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    return text[: longest - 1] + "…" if longest > 20 else ""


def _shot(shot: Shot) -> dict[str, Any]:
    told: dict[str, Any] = {"speaker": shot.speaker} if shot.speaker else {}
    told["text"] = _shorten(shot.text, MAX_EXAMPLE_CHARS)
    if shot.cues:
        told["vocal_cues"] = [_shorten(cue, MAX_EXAMPLE_CHARS) for cue in shot.cues[:4]]
    return {**told, "label": shot.label}


def _shots(shots: Sequence[Shot], longest: int) -> list[dict[str, Any]]:
    """The first examples that fit into so many characters, at least one."""
    told = [_shot(shot) for shot in shots]
    sizes = accumulate(len(json.dumps(one, ensure_ascii=False)) for one in told)
    return told[: max(1, sum(size <= longest for size in sizes))]


def _verdict(emotion: Emotion | None, confidence: float | None) -> dict[str, Any] | None:
    """A source's first label, how likely that is right, and what it gives each label."""
    if emotion is None:
        return None
    told: dict[str, Any] = {"label": emotion.label}
    if confidence is not None:
        told["confidence"] = round(confidence, 2)
    return {**told, "probabilities": {name: round(p, 2) for name, p in emotion.scores.items() if p >= 0.005}}
