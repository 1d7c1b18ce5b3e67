"""One request to a chat server and what came back, watched for time and size."""

from __future__ import annotations

import time
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from hearfelt.errors import ChatError
from hearfelt.language.chat.wire import NoAnswer, Stream
from hearfelt.web.address import is_local, is_safe, public_url


class BrokenOff(Exception):
    """The connection ended before the answer did; a second try often helps."""


@dataclass(frozen=True, slots=True)
class Response:
    """What came back: a body, or a stream that was told to its end or to its error."""

    status: int
    body: bytes = b""
    stream: Stream | None = None
    retry_after: str | None = None


class Transport:
    """The way to one address.

    Args:
        endpoint: where to post to.
        timeout_s: how long one answer may take, whole.
        max_reply_bytes: a longer answer is refused.

    Attributes:
        url: the address without name, password and query.
        local: whether it is this machine.
        safe: whether nobody on the way can read along.
    """

    def __init__(self, endpoint: str, timeout_s: float, max_reply_bytes: int) -> None:
        self.url = public_url(endpoint)
        self.local = is_local(endpoint)
        self.safe = is_safe(endpoint)
        self._endpoint = endpoint
        self._timeout_s, self._max_bytes = timeout_s, max_reply_bytes
        self._client: httpx.Client | None = None

    def post(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> Response:
        """One request; the answer is read piece by piece so that a slow or endless one is noticed.

        Raises:
            BrokenOff: the connection ended early.
            ChatError: nobody answers there, too slowly, too long, or not as a chat server does.
        """
        accept = "text/event-stream, application/json" if body.get("stream") else "application/json"
        limit_s = self._timeout_s
        deadline = time.monotonic() + limit_s
        timeout = httpx.Timeout(limit_s, connect=min(limit_s, 10.0))
        try:
            with self._open().stream(
                "POST", self._endpoint, json=body, headers={"Accept": accept, **headers}, timeout=timeout
            ) as response:
                return self._read(response, deadline)
        except NoAnswer:
            raise self.no_chat() from None
        except httpx.TimeoutException:
            raise self._too_slow() from None
        except httpx.ConnectError:
            raise ChatError(
                f"no server answers at {self.url}: start it, or give another address with --llm-url"
            ) from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise self._broken_off(type(error).__name__) from None

    def close(self) -> None:
        """Closes the connections; they also close with the object. A later call opens new ones."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def no_chat(self) -> ChatError:
        """Whoever answers there is no chat server."""
        return ChatError(
            f"{self.url} answered, but not as a chat server does: is it {'/v1/chat/completions'!r}?"
        )

    def _read(self, response: httpx.Response, deadline: float) -> Response:
        status, retry_after = response.status_code, response.headers.get("retry-after")
        streamed = response.headers.get("content-type", "").startswith("text/event-stream")
        stream = Stream() if streamed and status == 200 else None
        pieces, size = list[bytes](), 0
        for piece in response.iter_bytes():
            size += len(piece)
            if size > self._max_bytes:
                raise ChatError(f"{self.url} answered with more than {self._max_bytes} bytes: refused")
            if time.monotonic() > deadline:
                raise self._too_slow()
            if stream is None:
                pieces.append(piece)
                continue
            stream.feed(piece)
            if stream.done or stream.error is not None:
                break
        if stream is None:
            return Response(status, b"".join(pieces), retry_after=retry_after)
        if not stream.done and stream.error is None:
            stream.close()
            if not stream.done:
                raise self._broken_off("the stream has no end")
        return Response(status, stream=stream, retry_after=retry_after)

    def _open(self) -> httpx.Client:
        if self._client is None:
            self._client = httpx.Client(trust_env=not self.local)  # no proxy lies between us and ourselves
            weakref.finalize(self, self._client.close)
        return self._client

    def _broken_off(self, why: str) -> BrokenOff:
        return BrokenOff(f"{self.url} broke off its answer ({why}): look at the server's log")

    def _too_slow(self) -> ChatError:
        return ChatError(
            f"{self.url} gave no answer within {self._timeout_s:g} s: "
            "allow more time, or take a smaller model"
        )
