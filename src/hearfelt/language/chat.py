"""Chat back ends: any OpenAI-style server, and a queue of ready replies."""

from __future__ import annotations

import ipaddress
import json
import os
import random
import re
import time
import weakref
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx

from hearfelt.errors import ChatError, OptionError
from hearfelt.language.base import Message, Reply
from hearfelt.language.mask import public_url
from hearfelt.language.schema import plain_schema

OWN_KEY = "HEARFELT_LLM_KEY"
"""Environment variable whose key goes to whatever server is named; looked at first."""

_OPTIONAL = {
    "response_format": ("response_format", "json_schema", "schema", "structured"),
    "seed": ("seed",),
    "temperature": ("temperature",),
    "max_tokens": ("max_tokens",),
    "logprobs": ("logprobs",),
}
"""Parts of a request that some server refuses, and the words of the refusal; left out once refused."""


@dataclass(frozen=True, slots=True)
class ChatOptions:
    """Options of `OpenAIChat`.

    Args:
        timeout_s: how long one answer may take; a slower one is an error.
        retries: how often a busy (429) or failing (5xx) server is asked again.
        backoff_s: wait before the first retry, doubled each time; ``Retry-After`` of the server goes first.
        max_wait_s: a server that wants a longer wait is an error at once.
        temperature: 0 for the most probable answer.
        seed: sent along, so that a server that honours it repeats itself.
        max_tokens: length of the answer.
        logprobs: asks for the log-probability of each token.
        max_reply_bytes: a longer answer is refused.
    """

    timeout_s: float = 60.0
    retries: int = 2
    backoff_s: float = 0.5
    max_wait_s: float = 30.0
    temperature: float = 0.0
    seed: int = 0
    max_tokens: int = 800
    logprobs: bool = False
    max_reply_bytes: int = 2_000_000


class _BrokenOff(Exception):
    """The connection ended before the answer did; a second try often helps."""


class OpenAIChat:
    """A server that speaks ``POST …/chat/completions``: OpenAI, vLLM, Ollama, llama.cpp and others.

    The key comes from the environment: `OWN_KEY`, else ``key_env``. The latter is only sent over https or to
    this machine. No key is ever part of a message, a cache entry or a log.

    Args:
        model: name of the model on the server.
        url: the server: ``http://localhost:8000``, ``…/v1`` or the full ``…/chat/completions``.
        key_env: environment variable that holds the key.
    """

    def __init__(
        self,
        model: str,
        url: str,
        *,
        key_env: str = "OPENAI_API_KEY",
        options: ChatOptions = ChatOptions(),
    ) -> None:
        if not model.strip():
            raise OptionError("the language model has no name: give one that the server knows")
        self.name = model
        self.options = options
        self._key_env = key_env
        self._endpoint = endpoint(url)
        self.url = public_url(self._endpoint)
        self._refused: set[str] = set()
        self._client: httpx.Client | None = None

    @property
    def supports_schema(self) -> bool:
        """False once the server has refused ``response_format``."""
        return "response_format" not in self._refused

    supports_score = False
    supports_logprobs = False
    max_context_tokens: int | None = None

    @property
    def local(self) -> bool:
        """Whether the address is this machine."""
        return _is_local(self._endpoint)

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
            ChatError: unreachable, too slow, wrong key, unknown model, busy for too long, or no chat answer.
        """
        if choices is not None:
            raise ChatError(f"{self.name} at {self.url} tells no likelihoods: take the mode 'schema'")
        attempt = 0
        while True:
            try:
                status, headers, body = self._post(self._body(messages, schema))
            except _BrokenOff as error:
                if attempt >= self.options.retries:
                    raise ChatError(str(error)) from None
                self._wait(0, httpx.Headers(), attempt)
                attempt += 1
                continue
            if status == 200:
                return self._reply(body)
            dropped = self._unsupported(status, body, schema)
            if dropped:
                self._refused.add(dropped)
                continue
            if status not in (408, 429, 500, 502, 503, 504, 529) or attempt >= self.options.retries:
                raise self._refusal(status, body)
            self._wait(status, headers, attempt)
            attempt += 1

    def close(self) -> None:
        """Closes the connections; they also close with the object. A later call opens new ones."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _open(self) -> httpx.Client:
        if self._client is None:
            self._client = httpx.Client(trust_env=not self.local)  # no proxy lies between us and ourselves
            weakref.finalize(self, self._client.close)
        return self._client

    def _body(self, messages: Sequence[Message], schema: Mapping[str, Any] | None) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self.name,
            "messages": [dict(message) for message in messages],
            "temperature": self.options.temperature,
            "seed": self.options.seed,
            "max_tokens": self.options.max_tokens,
        }
        if self.options.logprobs:
            body["logprobs"] = True
        if schema is not None:
            body["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "answer", "schema": plain_schema(schema), "strict": True},
            }
        return {key: value for key, value in body.items() if key not in self._refused}

    def _post(self, body: Mapping[str, Any]) -> tuple[int, httpx.Headers, bytes]:
        """One request; the answer is read piece by piece so that a slow or endless one is noticed."""
        client = self._open()
        headers = {"Accept": "application/json", **self._authorization()}
        limit_s, limit_bytes = self.options.timeout_s, self.options.max_reply_bytes
        deadline = time.monotonic() + limit_s
        timeout = httpx.Timeout(limit_s, connect=min(limit_s, 10.0))
        try:
            with client.stream(
                "POST", self._endpoint, json=body, headers=headers, timeout=timeout
            ) as response:
                pieces, size = [], 0
                for piece in response.iter_bytes():
                    pieces.append(piece)
                    size += len(piece)
                    if size > limit_bytes:
                        raise ChatError(f"{self.url} answered with more than {limit_bytes} bytes: refused")
                    if time.monotonic() > deadline:
                        raise self._too_slow()
                return response.status_code, response.headers, b"".join(pieces)
        except httpx.TimeoutException:
            raise self._too_slow() from None
        except httpx.ConnectError:
            raise ChatError(
                f"no server answers at {self.url}: start it, or give another address with --llm-url"
            ) from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise _BrokenOff(
                f"{self.url} broke off its answer ({type(error).__name__}): look at the server's log"
            ) from None

    def _too_slow(self) -> ChatError:
        return ChatError(
            f"{self.url} gave no answer within {self.options.timeout_s:g} s: "
            "allow more time, or take a smaller model"
        )

    def _authorization(self) -> dict[str, str]:
        key = os.environ.get(OWN_KEY, "").strip()
        if not key and (self._endpoint.startswith("https:") or _is_local(self._endpoint)):
            key = os.environ.get(self._key_env, "").strip()
        if not key:
            return {}
        if not key.isascii() or any(character.isspace() for character in key):
            raise ChatError(
                f"the key in {OWN_KEY} or {self._key_env} holds spaces or odd characters: set it anew"
            )
        return {"Authorization": f"Bearer {key}"}

    def _unsupported(self, status: int, body: bytes, schema: Mapping[str, Any] | None) -> str | None:
        """The part of the request that the server says it does not know; None where it says nothing of it."""
        if status not in (400, 415, 422, 501):
            return None
        said = _message(body).lower()
        sent = self._body([], schema)
        for part, words in _OPTIONAL.items():
            if part in sent and any(word in said for word in words):
                return part
        return None

    def _refusal(self, status: int, body: bytes) -> ChatError:
        said = self._quote(body)
        if status in (401, 403):
            return ChatError(
                f"{self.url} refuses the key ({status}){said}: "
                f"set {OWN_KEY} or {self._key_env} to a valid one"
            )
        if status == 404:
            return ChatError(
                f"{self.url} knows no model {self.name!r}, or no chat is at that address (404){said}: "
                "check --llm and --llm-url"
            )
        if status == 429:
            return ChatError(f"{self.url} is still busy after {self.options.retries + 1} tries (429){said}")
        if status >= 500:
            return ChatError(
                f"{self.url} fails ({status}) after {self.options.retries + 1} tries{said}: "
                "look at the server's log"
            )
        return ChatError(f"{self.url} refuses the question ({status}){said}")

    def _quote(self, body: bytes) -> str:
        """The server's own words, short, without control characters and without any key."""
        said = re.sub(r"[\x00-\x1f\x7f]+", " ", _message(body)).strip()[:200]
        for name in (OWN_KEY, self._key_env):
            key = os.environ.get(name, "").strip()
            if key:
                said = said.replace(key, "***")
        said = re.sub(r"\b(sk|key)-[\w*.-]{6,}", "***", said)
        return f": {said!r}" if said else ""

    def _wait(self, status: int, headers: httpx.Headers, attempt: int) -> None:
        asked = retry_after_s(headers.get("retry-after"))
        wait_s = asked if asked is not None else self.options.backoff_s * 2**attempt * random.uniform(1, 1.25)
        if wait_s > self.options.max_wait_s:
            raise ChatError(
                f"{self.url} is busy ({status}) and asks to wait {wait_s:.0f} s, "
                f"more than {self.options.max_wait_s:g} s: try again later"
            )
        time.sleep(wait_s)

    def _reply(self, body: bytes) -> Reply:
        try:
            data = json.loads(body)
            choice = data["choices"][0]
            content = choice["message"]["content"]
        except (ValueError, KeyError, IndexError, TypeError, RecursionError):
            raise ChatError(
                f"{self.url} answered, but not as a chat server does: is it {'/v1/chat/completions'!r}?"
            ) from None
        if isinstance(content, list):  # some servers answer in parts
            content = "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
        if not isinstance(content, str) or not content.strip():
            why = choice["message"].get("refusal") or choice.get("finish_reason") or "no text"
            raise ChatError(f"{self.name} at {self.url} answered with nothing ({str(why)[:120]})")
        return Reply(content, _logprobs(choice), _usage(data), _text_or_none(choice.get("finish_reason")))


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


def endpoint(url: str) -> str:
    """The address of the chat call for a server named in any usual way.

    ``host:8000``, ``http://host:8000``, ``…/v1`` and the full path all give ``…/v1/chat/completions``.

    Raises:
        OptionError: it is no http or https address.
    """
    text = url.strip()
    if "://" not in text:
        text = f"http://{text}"
    try:
        parts = urlsplit(text)
        known = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port)
    except ValueError:
        known = False
    if not known:
        raise OptionError(
            f"{public_url(text)!r} is no address of a chat server; give one such as http://localhost:8000/v1"
        )
    path = parts.path.rstrip("/")
    if not path.endswith("/chat/completions"):
        path = f"{path or '/v1'}/chat/completions"
    return urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))


def retry_after_s(value: str | None) -> float | None:
    """Seconds to wait by a ``Retry-After`` header, a number or a date; None where it tells nothing."""
    if value is None:
        return None
    if re.fullmatch(r"\s*\d+(\.\d+)?\s*", value):
        return float(value)
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=timezone.utc)
    return max(0.0, (date - datetime.now(timezone.utc)).total_seconds())


def _is_local(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _message(body: bytes) -> str:
    """What a server says is wrong: ``error.message``, ``detail`` and the like, else its text."""
    text = body[:20_000].decode("utf-8", "replace")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return text
    error = data.get("error", data.get("detail", data)) if isinstance(data, dict) else data
    if isinstance(error, dict) and isinstance(error.get("message"), str):
        return str(error["message"])
    return error if isinstance(error, str) else json.dumps(error)


def _logprobs(choice: Mapping[str, Any]) -> tuple[tuple[str, float], ...] | None:
    content = (
        (choice.get("logprobs") or {}).get("content") if isinstance(choice.get("logprobs"), dict) else None
    )
    if not isinstance(content, list):
        return None
    pairs = [(item.get("token"), item.get("logprob")) for item in content if isinstance(item, dict)]
    return tuple((str(token), float(value)) for token, value in pairs if isinstance(value, int | float))


def _usage(data: Mapping[str, Any]) -> dict[str, int]:
    usage = data.get("usage")
    return {k: v for k, v in usage.items() if type(v) is int} if isinstance(usage, dict) else {}


def _text_or_none(value: Any) -> str | None:
    return value if isinstance(value, str) else None
