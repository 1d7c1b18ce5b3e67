"""A language model as one more source of evidence: it reads the dialogue, the words and the vocal cues."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hearfelt.errors import NotAskedError, OptionError
from hearfelt.labels import EKMAN7
from hearfelt.language.base import ChatModel, Message
from hearfelt.language.judge.asking import Judgement, Record, asker
from hearfelt.language.judge.breaker import Breaker
from hearfelt.language.judge.cache import Cache, Kept, default_folder
from hearfelt.language.judge.question import (
    JudgeItem,
    QuestionOptions,
    language_of,
    prompt,
    tidied,
)
from hearfelt.language.judge.schema import AnswerError
from hearfelt.language.judge.window import Window
from hearfelt.language.privacy.mask import Masker
from hearfelt.types import Evidence


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of an item: the item itself, how it is told (masked), and the hash of it all."""

    item: JudgeItem
    told: JudgeItem
    key: str


HASH = 16
"""Characters of the hashes of question and answer in the details: two runs are compared by them."""


@dataclass(frozen=True, slots=True)
class JudgeOptions:
    """Options of `Judge`. How long one answer may take stands in `ChatOptions.timeout_s`.

    Args:
        question: how much of the recording is told.
        mode: how it is asked: ``schema`` (an answer bound to a JSON schema, with quotes and a reason),
            ``score`` (the likelihood of each label) or ``explain`` (a text for people).
        labels: what it may answer.
        reliability: weight of its evidence, before any calibration on held-out data.
        max_failures: after so many failures in a row it does not ask for a while.
        pause_s: how long; then one question tries again.
        mask: whether personal data in words and speakers' names is masked before it is sent, and put back
            into the answer; None masks it where the model is not on this machine.
        cache: folder in which answers are kept; None keeps none.
        replay: answers come from the cache alone, and no model is asked.
    """

    question: QuestionOptions = field(default_factory=QuestionOptions)
    mode: str = "schema"
    labels: tuple[str, ...] = EKMAN7
    reliability: float = 0.7
    max_failures: int = 3
    pause_s: float = 30.0
    mask: bool | None = None
    cache: Path | None = field(default_factory=default_folder)
    replay: bool = False

    def __post_init__(self) -> None:
        if self.replay and self.cache is None:
            raise OptionError("a replay takes its answers from the cache, so it needs one: name its folder")


class Judge:
    """Asks a chat model how an utterance was felt; its answer is checked, repaired at most once, and kept.

    Args:
        masker: what personal data was seen before; a new one where None.
        kept: what the model answers to nothing, as another judge measured it; nothing yet where None.

    Raises:
        OptionError: the way of asking is not known, or the model cannot be asked so.
    """

    def __init__(
        self,
        chat: ChatModel,
        options: JudgeOptions = JudgeOptions(),
        masker: Masker | None = None,
        kept: Kept | None = None,
    ) -> None:
        self.chat = chat
        self.options = options
        self.masker = masker or Masker()
        self.breaker = Breaker(options.max_failures, options.pause_s)
        self._window = Window(options.question)
        self._cache = Cache(options.cache) if options.cache is not None else None
        self.kept = kept or Kept(self._cache)
        self._asker = asker(chat, options.mode, options.labels, self.kept)
        self._last = ""

    def for_recording(self, chat: ChatModel, speakers: Iterable[str] = ()) -> Judge:
        """The same judge for one recording: with marks and failures of its own.

        What the model answers to nothing is the same for all recordings, and is asked once for all.

        Args:
            chat: the chat model to ask, such as this judge's own with its costs counted.
            speakers: names of the speakers.
        """
        return type(self)(chat, self.options, Masker(speakers), self.kept)

    @property
    def masks(self) -> bool:
        """Whether personal data is masked before it is sent."""
        return self.options.mask if self.options.mask is not None else not self.chat.local

    @property
    def most_requests(self) -> int:
        """How many requests one utterance costs at most."""
        return self._asker.most_requests

    @property
    def warning(self) -> str | None:
        """Why it does not ask at present, None while it does."""
        if self.breaker.state != "open":
            return None
        pause_s = self.options.pause_s
        what = f"left alone for {pause_s:g} s" if math.isfinite(pause_s) else "not asked any more"
        return (
            f"the language model {self.chat.name!r} failed {self.breaker.failures} times in a row "
            f"and is {what} (last: {self._last})"
        )

    @property
    def source(self) -> str:
        """Name of its evidence."""
        return f"llm/{self.chat.name}"

    @property
    def notices(self) -> tuple[str, ...]:
        """What a reader of the verdicts should know, one sentence each."""
        found = []
        if self._window.shrunk:
            told, limit = self._window.options, self.chat.max_context_tokens
            reads = f", which reads {limit} tokens" if limit else ""
            found.append(
                f"the questions were too long for the language model {self.chat.name!r}{reads}: it was told "
                f"only {told.max_history_turns} turns and {told.max_chars} characters of the dialogue"
            )
        if self.options.mode != "score" and not self.chat.supports_schema:
            found.append(
                f"the language model {self.chat.name!r} does not bind its answers to a schema: it was asked "
                "in words, and its answers were checked all the same"
            )
        return tuple(found)

    def judge(self, item: JudgeItem) -> Evidence:
        """What the model says of an utterance, as evidence over its labels.

        ``note`` is the model's reason. ``details``: ``mode``, ``usage``, ``repaired``, ``cached``, ``prompt``
        (name and version), ``question`` and ``answer`` (hashes, to compare two runs), and ``told`` (turns and
        characters) where the dialogue was cut for the model.
        Further in the mode ``schema``: ``words`` and ``cues`` it leans on (only such as were there),
        ``dropped`` (quotes it made up), ``sarcasm``, ``conflict``; in the mode ``score``: ``uncalibrated``
        and ``content_free`` probabilities.

        Raises:
            NotAskedError: it failed so often that it is left alone for a while, the budget is spent, or a
                replay finds no answer.
            ChatError: the model is down or slow, or its answer cannot be used even after one repair.
        """
        question = self.prepare(item)
        kept = self.recall(question)
        return self.ask(question) if kept is None else kept

    def prepare(self, item: JudgeItem) -> Question:
        """The question about an item as it will be told, numbered in the order in which items come."""
        told = self._tidied(item, masked=self.masks)
        return Question(item, told, self._key(told))

    def recall(self, question: Question) -> Evidence | None:
        """The answer that is kept from an earlier run, None where there is none. Asks nobody."""
        record = self._cache.get(question.key) if self._cache is not None else None
        if record is None:
            return None
        try:
            return self._evidence(question, record, cached=True)
        except AnswerError:
            return None

    def ask(self, question: Question) -> Evidence:
        """The model's answer, asked for now and kept. Safe to call from several threads.

        Raises:
            NotAskedError, ChatError: as for `judge`.
        """
        if self.options.replay:
            raise NotAskedError("replay", "no answer to this question is kept, and a replay asks no model")
        if not self.breaker.allows():
            raise NotAskedError("breaker", self.warning or f"{self.chat.name} is being tried again")
        try:
            record = self._ask(question.told)
        except NotAskedError:
            self.breaker.unasked()
            raise
        except BaseException as error:
            self._last = str(error)
            self.breaker.failed()
            raise
        self.breaker.succeeded()
        if self._cache is not None:
            self._cache.put(question.key, record)
        return self._evidence(question, record, cached=False)

    def reset(self) -> None:
        """Asks again although it gave up: for the next recording, when the server may be back."""
        self.breaker.reset()
        self._window.reset()

    def messages(self, item: JudgeItem) -> list[Message]:
        """The question as it is sent."""
        asked: list[Message] = self._asker.question(item, self.options.question)["messages"]
        return asked

    def _tidied(self, item: JudgeItem, *, masked: bool) -> JudgeItem:
        return tidied(item, self.options.question, self.masker.mask if masked else str)

    def _key(self, item: JudgeItem) -> str:
        """The hash of the whole question, even where less of it could be told."""
        question = self._asker.question(item, self.options.question)
        return Cache.key({"chat": dict(self.chat.identity), "mode": self.options.mode, **question})

    def _ask(self, item: JudgeItem) -> Record:
        record, told = self._window.ask(lambda options: self._asker.ask(item, options))
        if told != self.options.question:
            record["told"] = {"turns": told.max_history_turns, "chars": told.max_chars}
        return record

    def _evidence(self, question: Question, record: Mapping[str, Any], *, cached: bool) -> Evidence:
        """What an answer says, with the originals of all marks: quotes must stand in what was really said."""
        item, reply = question.item, record.get("reply")
        shown = self._tidied(replace(item, history=(), shots=()), masked=False)
        said = {**record}
        if self.masks and isinstance(reply, str):
            said["reply"] = self.masker.unmask(reply, lambda text: json.dumps(text, ensure_ascii=False)[1:-1])
        judgement: Judgement = self._asker.read(shown, said)
        details = {
            "mode": self.options.mode,
            **judgement.details,
            "usage": record.get("usage", {}),
            "repaired": bool(record.get("repaired")),
            "cached": cached,
            "prompt": prompt(language_of(item), self.options.question.wording)["name"],
            "question": question.key[:HASH],
            "answer": hashlib.sha256(str(reply).encode("utf-8", "replace")).hexdigest()[:HASH],
        }
        if "told" in record:
            details["told"] = record["told"]
        return Evidence(
            self.source, item.segment, judgement.emotion, self.options.reliability, judgement.note, details
        )
