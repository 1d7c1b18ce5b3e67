"""Chat back ends: any OpenAI-style server, and a queue of ready replies."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hearfelt.errors import ChatError, ContextError, OptionError
from hearfelt.language.base import Message, Reply
from hearfelt.language.chat.pace import Pace
from hearfelt.language.chat.transport import ChatTransport, Response
from hearfelt.language.chat.wire import (
    NoAnswer,
    context_limit,
    letter_scores,
    read_reply,
    too_long,
)
from hearfelt.language.judge.schema import plain_schema
from hearfelt.web.address import endpoint
from hearfelt.web.answer import message_of, refusal
from hearfelt.web.key import Key
from hearfelt.web.transport import BUSY, BrokenOff

OWN_KEY = "HEARFELT_LLM_KEY"
"""Environment variable whose key goes to whatever server is named; looked at first."""

_OPTIONAL = {
    "response_format": ("response_format", "json_schema", "schema", "structured"),
    "seed": ("seed",),
    "temperature": ("temperature",),
    "max_tokens": ("max_tokens",),
    "logprobs": ("logprobs",),
    "stream_options": ("stream_options", "include_usage"),
    "stream": ("stream",),
}
"""Parts of a request that some server refuses, and the words of the refusal; left out once refused."""

_FEW_LOGPROBS = 5
"""What servers that refuse 20 alternatives of a token usually still give."""


@dataclass(frozen=True, slots=True)
class ChatOptions:
    """Options of `OpenAIChat`.

    Args:
        timeout_s: how long one answer may take; a slower one is an error.
        retries: how often a busy (429) or failing (5xx) server is asked again.
        backoff_s: wait before the first retry, doubled each time; ``Retry-After`` of the server goes first.
        max_wait_s: a server that wants a longer wait is an error at once.
        requests_per_minute: at most so many requests begin within any minute, retries among them; None for
            no limit.
        temperature: 0 for the most probable answer.
        seed: sent along, so that a server that honours it repeats itself.
        max_tokens: length of the answer.
        stream: the answer comes piece by piece, so that a connection that would be cut when idle stays open.
        logprobs: asks for the log-probability of each token.
        top_logprobs: how many alternatives of its first token a server is asked for where it scores choices.
        max_reply_bytes: a longer answer is refused.
    """

    timeout_s: float = 60.0
    retries: int = 2
    backoff_s: float = 0.5
    max_wait_s: float = 30.0
    requests_per_minute: int | None = None
    temperature: float = 0.0
    seed: int = 0
    max_tokens: int = 800
    stream: bool = False
    logprobs: bool = False
    top_logprobs: int = 20
    max_reply_bytes: int = 2_000_000


class OpenAIChat:
    """A server that speaks ``POST …/chat/completions``: OpenAI, vLLM, Ollama, llama.cpp and others.

    The key comes from a file where one is named, else from the environment (`web.key.Key`). No key is ever
    part of a message, a cache entry or a log.

    Args:
        model: name of the model on the server.
        url: the server: ``http://localhost:8000``, ``…/v1`` or the full ``…/chat/completions``.
        key_env: environment variable that holds the key, beside `OWN_KEY`.
        key_file: file that holds the key.

    Attributes:
        max_context_tokens: what the model can read, once the server has refused a longer question.

    Raises:
        OptionError: no name, no address, or a key file that cannot be used.
    """

    supports_score = False

    def __init__(
        self,
        model: str,
        url: str,
        *,
        key_env: str = "OPENAI_API_KEY",
        key_file: Path | None = None,
        options: ChatOptions = ChatOptions(),
    ) -> None:
        if not model.strip():
            raise OptionError("the language model has no name: give one that the server knows")
        self.name = model
        self.options = options
        self.max_context_tokens: int | None = None
        self._key = Key(OWN_KEY, key_env, key_file)
        self._transport = ChatTransport(
            endpoint(url, "/chat/completions", "a chat server"), options.timeout_s, options.max_reply_bytes
        )
        self.url = self._transport.url
        self._pace = Pace(options.requests_per_minute)
        self._top_logprobs = options.top_logprobs
        self._refused: set[str] = set()

    @property
    def supports_schema(self) -> bool:
        """False once the server has refused ``response_format``."""
        return "response_format" not in self._refused

    @property
    def supports_logprobs(self) -> bool:
        """False once the server has refused ``logprobs`` or left them out."""
        return "logprobs" not in self._refused

    @property
    def local(self) -> bool:
        """Whether the address is this machine."""
        return self._transport.local

    @property
    def identity(self) -> Mapping[str, Any]:
        """Address, model and options that shape an answer."""
        shaping = ("temperature", "seed", "max_tokens")
        return {
            "url": self.url,
            "model": self.name,
            **{name: getattr(self.options, name) for name in shaping},
        }

    def chat(
        self,
        messages: Sequence[Message],
        *,
        schema: Mapping[str, Any] | None = None,
        choices: Sequence[str] | None = None,
    ) -> Reply:
        """Asks the server once, again where it is busy, and once more without what it refuses.

        Raises:
            ContextError: the messages are longer than what the model can read.
            ChatError: unreachable, too slow, wrong key, unknown model, busy for too long, no chat answer, or
                no log-probabilities although there are choices.
        """
        attempt = 0
        while True:
            if choices is not None and not self.supports_logprobs:
                raise self._no_likelihoods()
            body = self._body(messages, schema, choices)
            self._pace.wait()
            try:
                got = self._transport.post(body, self._authorization())
            except BrokenOff as error:
                if attempt >= self.options.retries:
                    raise ChatError(str(error)) from None
                self._wait(0, None, attempt)
                attempt += 1
                continue
            if got.status == 200:
                return self._reply(got, choices)
            if too_long(got.status, got.body):
                raise self._too_long(got.body)
            if self._drop_what_is_refused(got, body):
                continue
            if got.status not in BUSY or attempt >= self.options.retries:
                raise self._refusal(got)
            self._wait(got.status, got.retry_after, attempt)
            attempt += 1

    def close(self) -> None:
        """Closes the connections; they also close with the object. A later call opens new ones."""
        self._transport.close()

    def _body(
        self,
        messages: Sequence[Message],
        schema: Mapping[str, Any] | None,
        choices: Sequence[str] | None,
    ) -> dict[str, Any]:
        options = self.options
        body: dict[str, Any] = {
            "model": self.name,
            "messages": [dict(message) for message in messages],
            "temperature": options.temperature,
            "seed": options.seed,
            "max_tokens": options.max_tokens if choices is None else 1,
        }
        if options.logprobs or choices is not None:
            body["logprobs"] = True
        if choices is not None:
            body["top_logprobs"] = self._top_logprobs
        elif options.stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        if schema is not None:
            body["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "answer", "schema": plain_schema(schema), "strict": True},
            }
        return {key: value for key, value in body.items() if key not in self._refused}

    def _too_long(self, body: bytes) -> ContextError:
        self.max_context_tokens = context_limit(body) or self.max_context_tokens
        reads = f" {self.max_context_tokens} tokens" if self.max_context_tokens else " less"
        return ContextError(f"the question is too long for {self.name} at {self.url}, which reads{reads}")

    def _no_likelihoods(self) -> ChatError:
        return ChatError(
            f"{self.name} at {self.url} gives no log-probabilities, so it cannot be asked in the way "
            "'score'; take 'schema' or 'explain'"
        )

    def _authorization(self) -> dict[str, str]:
        try:
            key = self._key.value(safe=self._transport.safe)
        except OptionError as error:
            raise ChatError(str(error)) from None
        return {"Authorization": f"Bearer {key}"} if key else {}

    def _drop_what_is_refused(self, got: Response, sent: Mapping[str, Any]) -> bool:
        """Leaves out from now on what the server says it does not know; False where it says nothing of it."""
        if got.status not in (400, 415, 422, 501):
            return False
        said = message_of(got.body).lower()
        if "logprobs" in said and sent.get("top_logprobs", 0) > _FEW_LOGPROBS:
            self._top_logprobs = _FEW_LOGPROBS  # some allow only so many
            return True
        for part, words in _OPTIONAL.items():
            if part in sent and any(word in said for word in words):
                self._refused.add(part)
                return True
        return False

    def _refusal(self, got: Response) -> ChatError:
        status, said = got.status, self._key.quote(message_of(got.body))
        common = refusal(self.url, status, said, self._key.places, self.options.retries + 1)
        if common:
            return ChatError(common)
        # some say 400 for that, as transformers serve does: "Server is pinned to 'x'; requested 'y'."
        unknown = self.name in said and any(word in said.lower() for word in ("model", "requested"))
        if status == 404 or (status in (400, 422) and unknown):
            return ChatError(
                f"{self.url} knows no model {self.name!r}, or no chat is at that address ({status}){said}: "
                "check --llm and --llm-url"
            )
        return ChatError(f"{self.url} refuses the question ({status}){said}")

    def _wait(self, status: int, retry_after: str | None, attempt: int) -> None:
        backoff_s = self.options.backoff_s * 2**attempt * random.uniform(1, 1.25)
        self._transport.wait(status, retry_after, backoff_s, self.options.max_wait_s)

    def _reply(self, got: Response, choices: Sequence[str] | None) -> Reply:
        if got.stream is not None and got.stream.error is not None:
            said = got.stream.error
            if too_long(400, said.encode()):
                raise self._too_long(said.encode())
            raise ChatError(f"{self.url} failed midway through its answer{self._key.quote(said)}")
        try:
            reply, alternatives = got.stream.reply() if got.stream is not None else read_reply(got.body)
        except NoAnswer as error:
            if not str(error):
                raise self._transport.no_chat() from None
            raise ChatError(f"{self.name} at {self.url} answered with nothing ({error})") from None
        if choices is None:
            return reply
        if not alternatives:
            self._refused.add("logprobs")
            raise self._no_likelihoods()
        scores = letter_scores(alternatives, choices)
        if scores is None:
            raise ChatError(
                f"{self.name} at {self.url} begins its answer with none of the letters "
                f"{choices[0]} to {choices[-1]}, so it cannot be asked in the way 'score'; "
                "take 'schema' or 'explain'"
            )
        best = max(range(len(choices)), key=lambda index: scores[index][0])
        return Reply(choices[best], reply.logprobs, reply.usage, reply.finish_reason, scores)


class QueueChat:
    """A chat model whose answers stand ready; an exception in the queue is raised. For tests and replays.

    Args:
        scores: whether it says that it scores any choices; the replies must then hold the scores.
        letters: whether it says that it scores letters.

    Attributes:
        asked: ``(messages, schema)`` of every call.
    """

    supports_schema = True
    local = True
    max_context_tokens: int | None = None

    def __init__(
        self,
        replies: Iterable[str | Reply | Exception],
        name: str = "queue",
        *,
        scores: bool = False,
        letters: bool = False,
    ) -> None:
        self.name = name
        self.supports_score = scores
        self.supports_logprobs = letters
        self.asked: list[tuple[tuple[Message, ...], Mapping[str, Any] | None]] = []
        self._replies = deque(replies)

    @property
    def identity(self) -> Mapping[str, Any]:
        """Its name."""
        return {"queue": self.name}

    def chat(
        self,
        messages: Sequence[Message],
        *,
        schema: Mapping[str, Any] | None = None,
        choices: Sequence[str] | None = None,
    ) -> Reply:
        """The next reply of the queue.

        Raises:
            ChatError: the queue is empty.
        """
        self.asked.append((tuple(messages), schema))
        if not self._replies:
            raise ChatError("the queue of replies is empty")
        reply = self._replies.popleft()
        if isinstance(reply, Exception):
            raise reply
        return Reply(reply) if isinstance(reply, str) else reply
