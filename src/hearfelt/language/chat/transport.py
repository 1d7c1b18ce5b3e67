"""One question to a chat server and what came back, whole or as a stream."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from hearfelt.errors import ChatError
from hearfelt.language.chat.wire import NoAnswer, Stream
from hearfelt.web.transport import Answer, Terms, Transport, whole

_TERMS = Terms(ChatError, "answer", "--llm-url", "allow more time with --llm-timeout-s, or a smaller model")


@dataclass(frozen=True, slots=True)
class Response(Answer):
    """What came back: a body, or a stream that was told to its end or to its error."""

    stream: Stream | None = None


class ChatTransport(Transport):
    """The way to a chat server; see `Transport`."""

    def __init__(self, endpoint: str, timeout_s: float, max_reply_bytes: int) -> None:
        super().__init__(endpoint, timeout_s, max_reply_bytes, _TERMS)

    def post(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> Response:
        """One question.

        Raises:
            BrokenOff: the connection ended early.
            ChatError: nobody answers there, too slowly, too long, or not as a chat server does.
        """
        accept = "text/event-stream, application/json" if body.get("stream") else "application/json"
        try:
            return self.request(body, {"Accept": accept, **headers}, self._read)
        except NoAnswer:
            raise self.no_chat() from None

    def no_chat(self) -> ChatError:
        """Whoever answers there is no chat server."""
        return ChatError(
            f"{self.url} answered, but not as a chat server does: is it {'/v1/chat/completions'!r}?"
        )

    def _read(self, response: httpx.Response, pieces: Iterator[bytes]) -> Response:
        streamed = response.headers.get("content-type", "").startswith("text/event-stream")
        if not (streamed and response.status_code == 200):
            got = whole(response, pieces)
            return Response(got.status, got.body, got.retry_after)
        stream = Stream()
        for piece in pieces:
            stream.feed(piece)
            if stream.done or stream.error is not None:
                break
        else:
            stream.close()
            if not stream.done:
                raise self.broken_off("the stream has no end")
        return Response(200, retry_after=response.headers.get("retry-after"), stream=stream)
