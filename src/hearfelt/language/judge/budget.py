"""What the questions about one recording may cost, and what they did cost."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hearfelt.errors import NotAskedError, OptionError
from hearfelt.language.base import ChatModel, Message, Reply

CHARS_A_TOKEN = 4
"""What a token is taken for where the server does not count: about four letters of English."""


@dataclass(frozen=True, slots=True)
class BudgetOptions:
    """The most that the questions about one recording may cost; None for no limit.

    Args:
        max_requests: questions, an answer that is sent back for repair counted as another.
        max_tokens: read and written, as the server counts them; an answer under way is not broken off.
        max_seconds: during which at least one question was under way.
    """

    max_requests: int | None = None
    max_tokens: int | None = None
    max_seconds: float | None = None

    def __post_init__(self) -> None:
        for name in ("max_requests", "max_tokens", "max_seconds"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise OptionError(f"{name} is {value}; it must be above 0, or left out for no limit")


class Budget:
    """Counts requests, tokens and seconds; safe to use from several threads."""

    def __init__(
        self, options: BudgetOptions = BudgetOptions(), clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.options = options
        self.requests = 0
        self.tokens = 0
        self.estimated = False
        """Whether some tokens were estimated because the server did not count them."""
        self._clock = clock
        self._lock = threading.Lock()
        self._under_way = 0
        self._since = 0.0
        self._seconds = 0.0

    @property
    def seconds(self) -> float:
        """How long at least one question was under way."""
        with self._lock:
            return self._seconds_now()

    def spent(self, *, requests: int = 0, tokens: int = 0) -> str | None:
        """What is spent, in words; None while there is something left.

        Args:
            requests, tokens: what is still to be counted on top.
        """
        limits = self.options
        with self._lock:
            if limits.max_requests is not None and self.requests + requests >= limits.max_requests:
                return f"{limits.max_requests} requests"
            if limits.max_tokens is not None and self.tokens + tokens >= limits.max_tokens:
                return f"{limits.max_tokens} tokens"
            if limits.max_seconds is not None and self._seconds_now() >= limits.max_seconds:
                return f"{limits.max_seconds:g} s"
        return None

    def begin(self) -> None:
        """A request goes out.

        Raises:
            NotAskedError: there is none left.
        """
        with self._lock:
            most = self.options.max_requests
            if most is not None and self.requests >= most:
                raise NotAskedError("budget", f"the budget of {most} requests is spent")
            self.requests += 1
            if self._under_way == 0:
                self._since = self._clock()
            self._under_way += 1

    def end(self, tokens: int, *, estimated: bool = False) -> None:
        """A request is over, with or without an answer."""
        with self._lock:
            self._under_way -= 1
            if self._under_way == 0:
                self._seconds += self._clock() - self._since
            self.tokens += tokens
            self.estimated = self.estimated or estimated

    def _seconds_now(self) -> float:
        return self._seconds + (self._clock() - self._since if self._under_way else 0.0)


class Metered:
    """A chat model whose requests are counted in a budget; all else is the model's own."""

    def __init__(self, chat: ChatModel, budget: Budget) -> None:
        self._chat = chat
        self._budget = budget

    def __getattr__(self, name: str) -> Any:
        return getattr(self._chat, name)

    def chat(self, messages: Sequence[Message], **asked: Any) -> Reply:
        """The model's answer.

        Raises:
            NotAskedError: no request is left.
            ChatError: as the model's own.
        """
        self._budget.begin()
        tokens, estimated = 0, False
        try:
            reply: Reply = self._chat.chat(messages, **asked)
            tokens, estimated = _tokens(messages, reply)
            return reply
        finally:
            self._budget.end(tokens, estimated=estimated)


def most_tokens(messages: Sequence[Message], max_reply_tokens: int) -> int:
    """An upper limit of what one question costs: no token is shorter than a byte."""
    return len(json.dumps([dict(m) for m in messages], ensure_ascii=False).encode()) + 64 + max_reply_tokens


def _tokens(messages: Sequence[Message], reply: Reply) -> tuple[int, bool]:
    usage: Mapping[str, int] = reply.usage
    counted = usage.get("total_tokens") or usage.get("prompt_tokens", 0) + usage.get("completion_tokens", 0)
    if counted:
        return counted, False
    characters = sum(len(message["content"]) for message in messages) + len(reply.text)
    return -(-characters // CHARS_A_TOKEN), True
