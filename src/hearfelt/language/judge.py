"""A language model as one more source of evidence: it reads the dialogue, the words and the vocal cues."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hearfelt.errors import ChatError
from hearfelt.labels import EKMAN7
from hearfelt.language.base import ChatModel, Message, Reply
from hearfelt.language.cache import Cache, default_folder
from hearfelt.language.mask import mask
from hearfelt.language.question import (
    JudgeItem,
    QuestionOptions,
    Turn,
    fill,
    language_of,
    messages,
    prompt,
    tidied,
)
from hearfelt.language.schema import Answer, AnswerError, json_schema, parse, quoted_cues, quoted_words
from hearfelt.types import Emotion, Evidence

__all__ = ["Judge", "JudgeItem", "JudgeOptions", "Turn"]


@dataclass(frozen=True, slots=True)
class JudgeOptions:
    """Options of `Judge`. How long one answer may take stands in `ChatOptions.timeout_s`.

    Args:
        question: how much of the recording is told.
        labels: what it may answer.
        reliability: weight of its evidence, before any calibration on held-out data.
        max_failures: after so many failures in a row it asks no more, until `Judge.reset`.
        mask: whether e-mail addresses, long numbers and the like are masked, in words and speakers' names;
            None masks them where the model is not on this machine.
        cache: folder in which answers are kept; None keeps none.
    """

    question: QuestionOptions = field(default_factory=QuestionOptions)
    labels: tuple[str, ...] = EKMAN7
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
        """What the model says of an utterance, as evidence over its labels.

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
        """The question as it is sent."""
        return messages(item, self.options.labels, self.options.question)

    def _prepared(self, item: JudgeItem) -> JudgeItem:
        masked = self.options.mask if self.options.mask is not None else not self.chat.local
        return tidied(item, self.options.question, mask if masked else str)

    def _key(self, messages: Sequence[Message]) -> str:
        return Cache.key(
            {
                "chat": dict(self.chat.identity),
                "messages": [dict(message) for message in messages],
                "schema": json_schema(self.options.labels),
            }
        )

    def _recall(self, key: str) -> tuple[Answer, dict[str, Any]] | None:
        record = self._cache.get(key) if self._cache is not None else None
        if record is None or not isinstance(record.get("reply"), str):
            return None
        try:
            return parse(record["reply"], self.options.labels), record
        except AnswerError:
            return None

    def _ask(self, messages: list[Message], item: JudgeItem) -> tuple[Answer, dict[str, Any]]:
        schema = json_schema(self.options.labels)
        reply = self.chat.chat(messages, schema=schema)
        usage = dict(reply.usage)
        repaired = False
        try:
            answer = parse(reply.text, self.options.labels)
        except AnswerError as error:
            parts = prompt(language_of(item))
            places = {"problem": _problem(error, reply), "labels": ", ".join(self.options.labels)}
            again: list[Message] = [
                *messages,
                {"role": "assistant", "content": reply.text[:4000]},
                {"role": "user", "content": fill(parts["repair"], places)},
            ]
            reply = self.chat.chat(again, schema=schema)
            usage = {k: usage.get(k, 0) + reply.usage.get(k, 0) for k in {*usage, *reply.usage}}
            repaired = True
            try:
                answer = parse(reply.text, self.options.labels)
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
            self.options.labels,
            tuple(answer.probabilities[label] for label in self.options.labels),
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
            "prompt": prompt(language_of(item))["name"],
        }
        return Evidence(self.source, item.segment, emotion, self.options.reliability, answer.reason, details)


def _problem(error: AnswerError, reply: Reply) -> str:
    cut = " (the answer was cut off: it is too long)" if reply.finish_reason == "length" else ""
    return f"{error}{cut}"
