"""The three ways to ask a chat model: a bound answer, the likelihood of each label, a text for people.

Contextual calibration of likelihoods: T. Zhao, E. Wallace, S. Feng, D. Klein, S. Singh: Calibrate before use:
improving few-shot performance of language models. ICML 2021. Whole labels, set against what they get without
content: A. Holtzman et al.: Surface form competition: why the highest probability answer isn't always right.
EMNLP 2021.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from hearfelt.errors import ChatError, OptionError, unknown_name
from hearfelt.labels import DISPLAY, felt
from hearfelt.language.base import ChatModel, Message, Reply, Score
from hearfelt.language.judge.cache import Cache, Kept
from hearfelt.language.judge.question import (
    LETTERS,
    JudgeItem,
    QuestionOptions,
    fill,
    language_of,
    messages,
    prompt,
)
from hearfelt.language.judge.schema import (
    AnswerError,
    explanation_schema,
    json_schema,
    parse,
    parse_explanation,
    quoted_cues,
    quoted_words,
)
from hearfelt.types import Emotion, Segment

MODES = ("schema", "score", "explain")

CONTENT_FREE = ("N/A", "[MASK]", "")
"""Utterances that say nothing (Zhao et al. 2021, section 5): what a model answers to them is its bias."""

_LIKELY = {"en": "likelihood of each label as its answer: {}", "zh": "各标签作为答案的可能性：{}"}

Record = dict[str, Any]
"""What is kept of an answer (plain JSON data): ``reply``, ``usage`` and what else the way of asking needs."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What an answer says: an emotion, why, and the figures behind it."""

    emotion: Emotion
    note: str
    details: Mapping[str, Any] = field(default_factory=dict)


class Asker(Protocol):
    """One way to ask."""

    @property
    def mode(self) -> str:
        """Its name, one of `MODES`."""
        ...

    @property
    def most_requests(self) -> int:
        """How many requests one question costs at most."""
        ...

    def question(self, item: JudgeItem, options: QuestionOptions) -> Record:
        """All that is asked (plain JSON data), for the cache; ``messages`` is in it."""
        ...

    def ask(self, item: JudgeItem, options: QuestionOptions) -> Record:
        """What the model answered.

        Raises:
            ContextError: the question is longer than what the model can read.
            ChatError: the model is down or slow, or its answer cannot be used even after one repair.
        """
        ...

    def read(self, item: JudgeItem, record: Mapping[str, Any]) -> Judgement:
        """What an answer says.

        Raises:
            AnswerError: the record cannot be used.
        """
        ...


def asker(chat: ChatModel, mode: str, labels: Sequence[str], kept: Kept | None = None) -> Asker:
    """The way to ask by name.

    Args:
        kept: what was answered to nothing before; nothing yet where None.

    Raises:
        OptionError: the name is not known, or the model cannot be asked so.
    """
    if mode not in MODES:
        raise unknown_name("way to ask a language model", mode, MODES)
    return Scored(chat, labels, kept) if mode == "score" else Written(chat, mode, labels)


class Written:
    """Asks for a JSON answer (``schema``) or for an explanation (``explain``); a wrong one goes back once."""

    most_requests = 2

    def __init__(self, chat: ChatModel, mode: str, labels: Sequence[str]) -> None:
        self.mode = mode
        self._chat, self._labels = chat, tuple(labels)
        self._read: Callable[[str, JudgeItem], Judgement] = self._answer
        self._schema = json_schema(labels)
        if mode == "explain":
            self._read, self._schema = self._explanation, explanation_schema(labels)

    def question(self, item: JudgeItem, options: QuestionOptions) -> Record:
        """The messages and the schema."""
        asked = messages(item, self._labels, options, self.mode)
        return {"messages": [dict(message) for message in asked], "schema": self._schema}

    def ask(self, item: JudgeItem, options: QuestionOptions) -> Record:
        """The answer, sent back once with what is wrong where it cannot be used."""
        asked = messages(item, self._labels, options, self.mode)
        reply = self._chat.chat(asked, schema=self._schema)
        try:
            self._read(reply.text, item)
        except AnswerError as error:
            again = self._chat.chat(self._repair(asked, reply, error, item, options), schema=self._schema)
            try:
                self._read(again.text, item)
            except AnswerError as second:
                raise ChatError(
                    f"{self._chat.name} gave no usable answer, even when asked again: "
                    f"{_problem(second, again)}"
                ) from None
            return {"reply": again.text, "usage": total([reply.usage, again.usage]), "repaired": True}
        return {"reply": reply.text, "usage": dict(reply.usage), "repaired": False}

    def read(self, item: JudgeItem, record: Mapping[str, Any]) -> Judgement:
        """The checked answer."""
        text = record.get("reply")
        if not isinstance(text, str):
            raise AnswerError("there is no reply")
        return self._read(text, item)

    def _repair(
        self,
        asked: Sequence[Message],
        reply: Reply,
        error: AnswerError,
        item: JudgeItem,
        options: QuestionOptions,
    ) -> list[Message]:
        parts = prompt(language_of(item), options.wording)
        places = {"problem": _problem(error, reply), "labels": ", ".join(self._labels)}
        return [
            *asked,
            {"role": "assistant", "content": reply.text[:4000]},
            {"role": "user", "content": fill(parts["repair"], places)},
        ]

    def _answer(self, text: str, item: JudgeItem) -> Judgement:
        answer = parse(text, self._labels)
        words, no_words = quoted_words(answer.words, item.text)
        cues, no_cues = quoted_cues(answer.cues, item.cues)
        details = {
            "words": words,
            "cues": cues,
            "dropped": no_words + no_cues,
            "sarcasm": answer.sarcasm,
            "conflict": answer.conflict,
        }
        return Judgement(self._emotion(answer), answer.reason, details)

    def _explanation(self, text: str, item: JudgeItem) -> Judgement:
        answer = parse_explanation(text, self._labels)
        return Judgement(self._emotion(answer), answer.explanation)

    def _emotion(self, answer: Any) -> Emotion:
        probabilities = tuple(answer.probabilities[label] for label in self._labels)
        return Emotion(self._labels, probabilities, arousal=answer.arousal, valence=answer.valence)


class Scored:
    """Asks how likely each label is as the answer, and sets that against what is answered to nothing at all.

    Where the model scores any text, the labels' own words are scored: the likelihood of the whole label. It
    is not divided by the number of tokens: a label of three tokens is unlikely for its length, but just as
    unlikely without content, so that the calibration takes its length out; what is left is evidence, and
    dividing would take two thirds of that. Where the model tells how likely its first token is, the labels
    get letters.

    Args:
        kept: what was answered to nothing before, so that it is asked once and not once a recording.
    """

    mode = "score"
    most_requests = 1 + len(CONTENT_FREE)

    def __init__(self, chat: ChatModel, labels: Sequence[str], kept: Kept | None = None) -> None:
        if not (chat.supports_score or chat.supports_logprobs):
            raise OptionError(
                f"{chat.name} tells no likelihoods, so it cannot be asked in the way 'score'; "
                "take 'schema' or 'explain'"
            )
        self._form = "score" if chat.supports_score else "letters"
        if self._form == "letters" and len(labels) > len(LETTERS):
            raise OptionError(
                f"{len(labels)} labels are more than the {len(LETTERS)} letters by which {chat.name} can be "
                "asked in the way 'score'; take 'schema' or 'explain'"
            )
        self._chat, self._labels = chat, tuple(labels)
        self._choices = self._labels if self._form == "score" else tuple(LETTERS[: len(labels)])
        self._kept = kept or Kept()

    def question(self, item: JudgeItem, options: QuestionOptions) -> Record:
        """The messages, the choices, and what says nothing."""
        return {
            "messages": [dict(message) for message in self._messages(item, options)],
            "choices": list(self._choices),
            "content_free": list(CONTENT_FREE),
        }

    def ask(self, item: JudgeItem, options: QuestionOptions) -> Record:
        """The scores of the labels, here and without content; the latter are asked once a language."""
        usages: list[Mapping[str, int]] = []
        with self._kept.lock:  # of several questions at once, the first asks
            nothing = [self._content_free(text, item, options, usages) for text in CONTENT_FREE]
        reply = self._chat.chat(self._messages(item, options), choices=self._choices)
        return {
            "reply": reply.text,
            "scores": self._scores(reply),
            "content_free": nothing,
            "usage": total([reply.usage, *usages]),
            "repaired": False,
        }

    def read(self, item: JudgeItem, record: Mapping[str, Any]) -> Judgement:
        """The calibrated probabilities; arousal and valence are derived from them where labels have any."""
        try:
            raw = log_shares(record["scores"])
            free = [log_shares(scores) for scores in record["content_free"]]
            bias = [_log_mean(column) for column in zip(*free, strict=True)]
            found = log_shares([(own - other, 1) for own, other in zip(raw, bias, strict=True)])
        except (KeyError, TypeError, ValueError):
            raise AnswerError("the scores cannot be read") from None
        if len(found) != len(self._labels):
            raise AnswerError(f"there are {len(found)} scores for {len(self._labels)} labels")
        calibrated = [math.exp(value) for value in found]
        emotion = felt(self._labels, calibrated)
        details = {
            "uncalibrated": {label: math.exp(p) for label, p in zip(self._labels, raw, strict=True)},
            "content_free": {label: math.exp(p) for label, p in zip(self._labels, bias, strict=True)},
            "dimensions": "none" if emotion.arousal is None else "derived from the probabilities",
        }
        return Judgement(emotion, _likely(emotion, language_of(item)), details)

    def _messages(self, item: JudgeItem, options: QuestionOptions) -> list[Message]:
        return messages(item, self._labels, options, self._form)

    def _content_free(
        self, text: str, item: JudgeItem, options: QuestionOptions, usages: list[Mapping[str, int]]
    ) -> list[list[float]]:
        """The scores of the labels for a text that says nothing, in the language in which the item is asked.

        Args:
            usages: what it cost is added, where it was asked just now.
        """
        asked_in = language_of(item)  # of nothing one cannot tell by its signs
        language = item.language or (asked_in if asked_in != "en" else None)
        asked = self._messages(JudgeItem(Segment(0.0, 0.0), text, language=language), options)
        question = {"chat": dict(self._chat.identity), "messages": asked, "choices": self._choices}
        key = Cache.key({"content_free": question})
        scores = self._kept.get(key, len(self._labels))
        if scores is None:
            reply = self._chat.chat(asked, choices=self._choices)
            usages.append(reply.usage)
            scores = self._scores(reply)
            self._kept.put(key, scores)
        return scores

    def _scores(self, reply: Reply) -> list[list[float]]:
        if reply.scores is None or len(reply.scores) != len(self._labels):
            raise ChatError(
                f"{self._chat.name} gave no likelihoods, so it cannot be asked in the way 'score'; "
                "take 'schema' or 'explain'"
            )
        return [[value, tokens] for value, tokens in reply.scores]


def log_shares(scores: Sequence[Score]) -> list[float]:
    """Log-probabilities of labels, one of which must be the answer, from their log-likelihoods.

    Raises:
        ValueError: there is none, or one is no finite number.
    """
    values = [value for value, _ in scores]
    if not values or not all(math.isfinite(value) for value in values):
        raise ValueError("log-likelihoods must be finite")
    whole = _log_sum(values)
    return [value - whole for value in values]


def _log_sum(values: Sequence[float]) -> float:
    highest = max(values)
    return highest + math.log(sum(math.exp(value - highest) for value in values))


def _log_mean(values: Sequence[float]) -> float:
    return _log_sum(values) - math.log(len(values))


def total(usages: Sequence[Mapping[str, int]]) -> dict[str, int]:
    """Tokens of several questions together."""
    result: dict[str, int] = {}
    for usage in usages:
        for key, value in usage.items():
            result[key] = result.get(key, 0) + value
    return result


def _likely(emotion: Emotion, language: str) -> str:
    names = DISPLAY[language]
    shown = [f"{names.get(label, label)} {p:.0%}" for label, p in list(emotion.scores.items())[:3]]
    return _LIKELY[language].format((", " if language == "en" else "，").join(shown))


def _problem(error: AnswerError, reply: Reply) -> str:
    cut = " (the answer was cut off: it is too long)" if reply.finish_reason == "length" else ""
    return f"{error}{cut}"
