"""A language model as one more source of evidence: it reads the dialogue, the words and the vocal cues.

Vocal cues in words for a language model: Z. Wu et al.: Beyond silent letters: amplifying LLMs in emotion
recognition with vocal nuances (SpeechCueLLM). NAACL Findings 2025.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from hearfelt.errors import ChatError
from hearfelt.labels import EKMAN7
from hearfelt.language.base import ChatModel, Message, Reply
from hearfelt.language.cache import Cache, default_folder
from hearfelt.language.mask import mask
from hearfelt.language.schema import Answer, AnswerError, json_schema, parse, quoted_cues, quoted_words
from hearfelt.types import Emotion, Evidence, Segment

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
class JudgeOptions:
    """Options of `Judge`. How long one answer may take stands in `ChatOptions.timeout_s`.

    Args:
        max_history_turns: how many turns before the utterance are told.
        max_chars: characters of dialogue that are told; the oldest turns go first.
        max_cues: vocal cues that are told.
        reliability: weight of its evidence, before any calibration on held-out data.
        max_failures: after so many failures in a row it asks no more, until `Judge.reset`.
        mask: whether e-mail addresses, long numbers and the like are masked, in words and speakers' names;
            None masks them where the model is not on this machine.
        cache: folder in which answers are kept; None keeps none.
    """

    max_history_turns: int = 12
    max_chars: int = 6000
    max_cues: int = 12
    reliability: float = 0.7
    max_failures: int = 3
    mask: bool | None = None
    cache: Path | None = field(default_factory=default_folder)


class Judge:
    """Asks a chat model how an utterance was felt; its answer is checked, repaired at most once, and kept.

    Attributes:
        warning: why it asks no more, None while it does.
    """

    def __init__(self, chat: ChatModel, options: JudgeOptions = JudgeOptions()) -> None:
        self.chat = chat
        self.options = options
        self.warning: str | None = None
        self._cache = Cache(options.cache) if options.cache is not None else None
        self._failures = 0
        self._lock = threading.Lock()

    @property
    def source(self) -> str:
        """Name of its evidence."""
        return f"llm/{self.chat.name}"

    def judge(self, item: JudgeItem) -> Evidence:
        """What the model says of an utterance, as evidence over the Ekman six and neutral.

        ``note`` is the model's reason. ``details``: ``words`` and ``cues`` it leans on (only such as were
        there), ``dropped`` (quotes it made up), ``sarcasm``, ``conflict``, ``usage``, ``repaired``,
        ``cached``, ``prompt`` (name and version).

        Raises:
            ChatError: the model is down or slow, its answer cannot be used even after one repair, or it
                failed so often that it is not asked any more.
        """
        segment, item = item.segment, self._prepared(item)
        messages = self.messages(item)
        key = self._key(messages)
        kept = self._recall(key)
        if kept is not None:
            return replace(self._evidence(item, *kept, cached=True), segment=segment)
        if self.warning is not None:
            raise ChatError(self.warning)
        try:
            answer, record = self._ask(messages, item)
        except ChatError as error:
            self._count_failure(error)
            raise
        self._failures = 0
        if self._cache is not None:
            self._cache.put(key, record)
        return replace(self._evidence(item, answer, record, cached=False), segment=segment)

    def reset(self) -> None:
        """Asks again although it gave up: for the next recording, when the server may be back."""
        with self._lock:
            self._failures, self.warning = 0, None

    def messages(self, item: JudgeItem) -> list[Message]:
        """The question: instructions, then the recording as JSON between two fence lines."""
        parts = prompt(_language(item))
        data = _data(item, self.options)
        fence = hashlib.sha256(data.encode()).hexdigest()[:12]
        places = {"labels": ", ".join(EKMAN7), "data": data, "fence": fence}
        return [
            {"role": "system", "content": _fill(parts["system"], places)},
            {"role": "user", "content": _fill(parts["user"], places)},
        ]

    def _prepared(self, item: JudgeItem) -> JudgeItem:
        masked = self.options.mask if self.options.mask is not None else not self.chat.local
        tidy = (lambda text: _tidy(mask(text))) if masked else _tidy
        history = tuple(Turn(turn.speaker and tidy(turn.speaker), tidy(turn.text)) for turn in item.history)
        speaker = item.segment.speaker
        return JudgeItem(
            replace(item.segment, speaker=speaker and tidy(speaker)),
            tidy(item.text),
            tuple(_tidy(cue) for cue in item.cues[: self.options.max_cues]),
            history,
            item.voice,
            item.words,
            item.language and _tidy(item.language),
        )

    def _key(self, messages: Sequence[Message]) -> str:
        return Cache.key(
            {
                "chat": dict(self.chat.identity),
                "messages": [dict(message) for message in messages],
                "schema": json_schema(EKMAN7),
            }
        )

    def _recall(self, key: str) -> tuple[Answer, dict[str, Any]] | None:
        record = self._cache.get(key) if self._cache is not None else None
        if record is None or not isinstance(record.get("reply"), str):
            return None
        try:
            return parse(record["reply"], EKMAN7), record
        except AnswerError:
            return None

    def _ask(self, messages: list[Message], item: JudgeItem) -> tuple[Answer, dict[str, Any]]:
        schema = json_schema(EKMAN7)
        reply = self.chat.chat(messages, schema=schema)
        usage = dict(reply.usage)
        repaired = False
        try:
            answer = parse(reply.text, EKMAN7)
        except AnswerError as error:
            parts = prompt(_language(item))
            places = {"problem": _problem(error, reply), "labels": ", ".join(EKMAN7)}
            again: list[Message] = [
                *messages,
                {"role": "assistant", "content": reply.text[:4000]},
                {"role": "user", "content": _fill(parts["repair"], places)},
            ]
            reply = self.chat.chat(again, schema=schema)
            usage = {k: usage.get(k, 0) + reply.usage.get(k, 0) for k in {*usage, *reply.usage}}
            repaired = True
            try:
                answer = parse(reply.text, EKMAN7)
            except AnswerError as second:
                raise ChatError(
                    f"{self.chat.name} gave no usable answer, even when asked again: "
                    f"{_problem(second, reply)}"
                ) from None
        return answer, {"reply": reply.text, "usage": usage, "repaired": repaired}

    def _count_failure(self, error: ChatError) -> None:
        with self._lock:
            self._failures += 1
            if self._failures >= self.options.max_failures and self.warning is None:
                self.warning = (
                    f"the language model {self.chat.name!r} failed {self._failures} times in a row and is "
                    f"not asked any more in this recording (last: {error})"
                )

    def _evidence(
        self, item: JudgeItem, answer: Answer, record: Mapping[str, Any], *, cached: bool
    ) -> Evidence:
        words, no_words = quoted_words(answer.words, item.text)
        cues, no_cues = quoted_cues(answer.cues, item.cues)
        emotion = Emotion(
            EKMAN7,
            tuple(answer.probabilities[label] for label in EKMAN7),
            arousal=answer.arousal,
            valence=answer.valence,
        )
        details = {
            "words": words,
            "cues": cues,
            "dropped": no_words + no_cues,
            "sarcasm": answer.sarcasm,
            "conflict": answer.conflict,
            "usage": record.get("usage", {}),
            "repaired": bool(record.get("repaired")),
            "cached": cached,
            "prompt": prompt(_language(item))["name"],
        }
        return Evidence(self.source, item.segment, emotion, self.options.reliability, answer.reason, details)


@lru_cache
def prompt(language: str) -> Mapping[str, str]:
    """The parts of the prompt in a language: ``name`` (with version), ``system``, ``user``, ``repair``."""
    text = (files("hearfelt.language") / "prompts" / f"judge.{language}.md").read_text(encoding="utf-8")
    head, *sections = re.split(r"^## ", text, flags=re.MULTILINE)
    parts = {"name": head.strip().removeprefix("# ")}
    for section in sections:
        title, _, body = section.partition("\n")
        parts[title.strip()] = body.strip()
    return parts


def _language(item: JudgeItem) -> str:
    return "zh" if (item.language or "").lower().startswith("zh") else "en"


def _fill(template: str, places: Mapping[str, str]) -> str:
    """Fills ``{{name}}`` in one pass, so that nothing filled in is looked at again."""
    return _PLACE.sub(lambda match: places.get(match.group(1), match.group()), template)


def _tidy(text: str) -> str:
    """Text that can neither hide characters nor look like a fence."""
    return _FENCE.sub(lambda match: "‹‹‹" if match.group() == "<<<" else "›››", _HIDDEN.sub(" ", text))


def _data(item: JudgeItem, options: JudgeOptions) -> str:
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


def _dialogue(history: Sequence[Turn], options: JudgeOptions) -> list[dict[str, str]]:
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


def _problem(error: AnswerError, reply: Reply) -> str:
    cut = " (the answer was cut off: it is too long)" if reply.finish_reason == "length" else ""
    return f"{error}{cut}"
