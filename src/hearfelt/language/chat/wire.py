"""What a chat server sends: answers in one piece or in many, and what it refuses."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hearfelt.language.base import Reply, Score
from hearfelt.web.answer import message_of

_TOO_LONG = re.compile(
    r"context[ _-]?(?:length|window|size)|maximum context|exceeds? the (?:model's )?context|"
    r"prompt is too long|input is too long|too many tokens|reduce the length",
    re.IGNORECASE,
)
_LIMIT = re.compile(r"(?:context[ _](?:length|window|size)|n_ctx)\D{0,24}?(\d{2,8})", re.IGNORECASE)


class NoAnswer(ValueError):
    """What came is no answer; the message says why, and is empty where it is something else entirely."""


def too_long(status: int, body: bytes) -> bool:
    """Whether a server refuses a question because it is longer than the model can read."""
    if status == 413:
        return True
    return status in (400, 422, 500) and bool(_TOO_LONG.search(body[:20_000].decode("utf-8", "replace")))


def context_limit(body: bytes) -> int | None:
    """How many tokens the model can read, where a refusal says so."""
    found = _LIMIT.search(body[:20_000].decode("utf-8", "replace"))
    return int(found.group(1)) if found else None


def read_reply(body: bytes) -> tuple[Reply, list[dict[str, float]]]:
    """An answer in one piece, and for each of its tokens what it might have been, with log-probabilities.

    Raises:
        NoAnswer: it is none.
    """
    try:
        data = json.loads(body)
        choice = data["choices"][0]
        content = choice["message"]["content"]
    except (ValueError, KeyError, IndexError, TypeError, RecursionError):
        raise NoAnswer("") from None
    if isinstance(content, list):  # some servers answer in parts
        content = "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    if not isinstance(content, str) or not content.strip():
        why = choice["message"].get("refusal") or choice.get("finish_reason") or "no text"
        raise NoAnswer(str(why)[:120])
    tokens = _tokens(choice)
    reply = Reply(content, _logprobs(tokens), _usage(data), _text_or_none(choice.get("finish_reason")))
    return reply, _alternatives(tokens)


class Stream:
    """An answer that comes in pieces, as server-sent events.

    Attributes:
        done: whether the server has said that this was all.
        error: what the server says went wrong midway, None where nothing did.
    """

    def __init__(self) -> None:
        self.done = False
        self.error: str | None = None
        self._rest = b""
        self._texts: list[str] = []
        self._refusal = ""
        self._tokens: list[Any] | None = None
        self._usage: dict[str, int] = {}
        self._finish: str | None = None

    def feed(self, piece: bytes) -> None:
        """Takes the next bytes.

        Raises:
            NoAnswer: they are no events of a chat server.
        """
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            name, _, value = line.strip().partition(b":")
            if name == b"data":  # other fields and comments, such as keep-alives, tell nothing
                self._event(value.strip())

    def close(self) -> None:
        """No more bytes will come; an answer with a reason to end is whole even without the last event."""
        self.feed(b"\n")
        self.done = self.done or self._finish is not None

    def reply(self) -> tuple[Reply, list[dict[str, float]]]:
        """The whole answer, as `read_reply` gives it.

        Raises:
            NoAnswer: it holds no text.
        """
        text = "".join(self._texts)
        if not text.strip():
            raise NoAnswer((self._refusal or self._finish or "no text")[:120])
        return Reply(text, _logprobs(self._tokens), self._usage, self._finish), _alternatives(self._tokens)

    def _event(self, value: bytes) -> None:
        if value == b"[DONE]":
            self.done = True
            return
        try:
            data = json.loads(value)
        except (ValueError, RecursionError):
            raise NoAnswer("") from None
        if not isinstance(data, dict):
            raise NoAnswer("")
        if data.get("error"):
            self.error = message_of(value)
        self._usage = _usage(data) or self._usage
        for choice in _dicts(data.get("choices"))[:1]:
            delta = choice.get("delta")
            if isinstance(delta, dict):
                self._texts.append(_text_or_none(delta.get("content")) or "")
                self._refusal += _text_or_none(delta.get("refusal")) or ""
            tokens = _tokens(choice)
            if tokens is not None:
                self._tokens = [*(self._tokens or []), *tokens]
            self._finish = _text_or_none(choice.get("finish_reason")) or self._finish


def letter_scores(
    alternatives: Sequence[Mapping[str, float]], letters: Sequence[str]
) -> tuple[Score, ...] | None:
    """How likely each letter is as the first token; None where none of them is among its alternatives.

    "A" and " A" count together. A letter that is not listed is no likelier than the unlikeliest that is, and
    gets that one's value.
    """
    if not alternatives:
        return None
    first = alternatives[0]
    floor = min(first.values())
    sums = {
        letter: sum(math.exp(value) for token, value in first.items() if token.strip(" \t\n▁Ġ") == letter)
        for letter in letters
    }
    if not any(sums.values()):
        return None
    return tuple((math.log(sums[letter]) if sums[letter] > 0 else floor, 1) for letter in letters)


def _tokens(choice: Mapping[str, Any]) -> list[Any] | None:
    logprobs = choice.get("logprobs")
    content = logprobs.get("content") if isinstance(logprobs, dict) else None
    return content if isinstance(content, list) else None


def _logprobs(tokens: list[Any] | None) -> tuple[tuple[str, float], ...] | None:
    return None if tokens is None else tuple(_pairs(tokens))


def _alternatives(tokens: list[Any] | None) -> list[dict[str, float]]:
    found = [dict([*_pairs(_dicts(token.get("top_logprobs"))), *_pairs([token])]) for token in _dicts(tokens)]
    return [one for one in found if one]


def _pairs(tokens: Sequence[Any]) -> Iterator[tuple[str, float]]:
    for item in _dicts(tokens):
        value = item.get("logprob")
        if isinstance(value, int | float) and not math.isnan(value):
            yield str(item.get("token")), max(float(value), -1e4)  # some servers say minus infinity


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list | tuple) else []


def _usage(data: Mapping[str, Any]) -> dict[str, int]:
    usage = data.get("usage")
    return {k: v for k, v in usage.items() if type(v) is int} if isinstance(usage, dict) else {}


def _text_or_none(value: Any) -> str | None:
    return value if isinstance(value, str) else None
