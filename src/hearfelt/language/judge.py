"""A language model as one more source of evidence: it reads the dialogue, the words and the vocal cues."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hearfelt.errors import ChatError
from hearfelt.labels import EKMAN7
from hearfelt.language.asking import Judgement, Record, asker
from hearfelt.language.base import ChatModel, Message
from hearfelt.language.cache import Cache, default_folder
from hearfelt.language.mask import mask
from hearfelt.language.question import (
    JudgeItem,
    QuestionOptions,
    Turn,
    language_of,
    prompt,
    tidied,
)
from hearfelt.language.schema import AnswerError
from hearfelt.language.window import Window
from hearfelt.types import Evidence

__all__ = ["Judge", "JudgeItem", "JudgeOptions", "Turn"]


@dataclass(frozen=True, slots=True)
class JudgeOptions:
    """Options of `Judge`. How long one answer may take stands in `ChatOptions.timeout_s`.

    Args:
        question: how much of the recording is told.
        mode: how it is asked: ``schema`` (an answer bound to a JSON schema, with quotes and a reason),
            ``score`` (the likelihood of each label) or ``explain`` (a text for people).
        labels: what it may answer.
        reliability: weight of its evidence, before any calibration on held-out data.
        max_failures: after so many failures in a row it asks no more, until `Judge.reset`.
        mask: whether e-mail addresses, long numbers and the like are masked, in words and speakers' names;
            None masks them where the model is not on this machine.
        cache: folder in which answers are kept; None keeps none.
    """

    question: QuestionOptions = field(default_factory=QuestionOptions)
    mode: str = "schema"
    labels: tuple[str, ...] = EKMAN7
    reliability: float = 0.7
    max_failures: int = 3
    mask: bool | None = None
    cache: Path | None = field(default_factory=default_folder)


class Judge:
    """Asks a chat model how an utterance was felt; its answer is checked, repaired at most once, and kept.

    Attributes:
        warning: why it asks no more, None while it does.

    Raises:
        OptionError: the way of asking is not known, or the model cannot be asked so.
    """

    def __init__(self, chat: ChatModel, options: JudgeOptions = JudgeOptions()) -> None:
        self.chat = chat
        self.options = options
        self.warning: str | None = None
        self._asker = asker(chat, options.mode, options.labels)
        self._window = Window(options.question)
        self._cache = Cache(options.cache) if options.cache is not None else None
        self._failures = 0
        self._lock = threading.Lock()

    @property
    def source(self) -> str:
        """Name of its evidence."""
        return f"llm/{self.chat.name}"

    @property
    def notices(self) -> tuple[str, ...]:
        """What a reader of the verdicts should know, one sentence each."""
        if not self._window.shrunk:
            return ()
        told = self._window.options
        limit = self.chat.max_context_tokens
        reads = f", which reads {limit} tokens" if limit else ""
        return (
            f"the questions were too long for the language model {self.chat.name!r}{reads}: it was told only "
            f"{told.max_history_turns} turns and {told.max_chars} characters of the dialogue",
        )

    def judge(self, item: JudgeItem) -> Evidence:
        """What the model says of an utterance, as evidence over its labels.

        ``note`` is the model's reason. ``details``: ``mode``, ``usage``, ``repaired``, ``cached``, ``prompt``
        (name and version), and ``told`` (turns and characters) where the dialogue was cut for the model.
        Further in the mode ``schema``: ``words`` and ``cues`` it leans on (only such as were there),
        ``dropped`` (quotes it made up), ``sarcasm``, ``conflict``; in the mode ``score``: ``uncalibrated``
        and ``content_free`` probabilities.

        Raises:
            ChatError: the model is down or slow, its answer cannot be used even after one repair, or it
                failed so often that it is not asked any more.
        """
        segment, item = item.segment, self._prepared(item)
        key = self._key(item)
        kept = self._recall(key, item)
        if kept is not None:
            return replace(self._evidence(item, *kept, cached=True), segment=segment)
        if self.warning is not None:
            raise ChatError(self.warning)
        try:
            record = self._ask(item)
        except ChatError as error:
            self._count_failure(error)
            raise
        self._failures = 0
        if self._cache is not None:
            self._cache.put(key, record)
        return replace(
            self._evidence(item, self._asker.read(item, record), record, cached=False), segment=segment
        )

    def reset(self) -> None:
        """Asks again although it gave up: for the next recording, when the server may be back."""
        with self._lock:
            self._failures, self.warning = 0, None
        self._window.reset()

    def messages(self, item: JudgeItem) -> list[Message]:
        """The question as it is sent."""
        asked: list[Message] = self._asker.question(item, self.options.question)["messages"]
        return asked

    def _prepared(self, item: JudgeItem) -> JudgeItem:
        masked = self.options.mask if self.options.mask is not None else not self.chat.local
        return tidied(item, self.options.question, mask if masked else str)

    def _key(self, item: JudgeItem) -> str:
        """The hash of the whole question, even where less of it could be told."""
        question = self._asker.question(item, self.options.question)
        return Cache.key({"chat": dict(self.chat.identity), "mode": self.options.mode, **question})

    def _recall(self, key: str, item: JudgeItem) -> tuple[Judgement, Record] | None:
        record = self._cache.get(key) if self._cache is not None else None
        if record is None:
            return None
        try:
            return self._asker.read(item, record), record
        except AnswerError:
            return None

    def _ask(self, item: JudgeItem) -> Record:
        record, told = self._window.ask(lambda options: self._asker.ask(item, options))
        if told != self.options.question:
            record["told"] = {"turns": told.max_history_turns, "chars": told.max_chars}
        return record

    def _count_failure(self, error: ChatError) -> None:
        with self._lock:
            self._failures += 1
            if self._failures >= self.options.max_failures and self.warning is None:
                self.warning = (
                    f"the language model {self.chat.name!r} failed {self._failures} times in a row and is "
                    f"not asked any more in this recording (last: {error})"
                )

    def _evidence(
        self, item: JudgeItem, judgement: Judgement, record: Mapping[str, Any], *, cached: bool
    ) -> Evidence:
        details = {
            "mode": self.options.mode,
            **judgement.details,
            "usage": record.get("usage", {}),
            "repaired": bool(record.get("repaired")),
            "cached": cached,
            "prompt": prompt(language_of(item), self.options.question.wording)["name"],
        }
        if "told" in record:
            details["told"] = record["told"]
        return Evidence(
            self.source, item.segment, judgement.emotion, self.options.reliability, judgement.note, details
        )
