"""One request to a server and what came back, watched for time and size."""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx

from hearfelt.errors import HearfeltError
from hearfelt.web.address import is_local, is_safe, public_url
from hearfelt.web.answer import retry_after_s

T = TypeVar("T")

BUSY = (408, 429, 500, 502, 503, 504, 529)
"""What a server answers that may answer better in a while."""


class BrokenOff(Exception):
    """The connection ended before the answer did; a second try often helps."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: status, body, and the header ``Retry-After``."""

    status: int
    body: bytes = b""
    retry_after: str | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """How errors speak of a kind of server.

    Args:
        error: their class.
        gives: what the server gives, such as "answer".
        option: the option that names its address.
        faster: the way out where it is too slow.
    """

    error: type[HearfeltError]
    gives: str
    option: str
    faster: str


class Transport:
    """The way to one address.

    Args:
        endpoint: where to post to.
        timeout_s: how long one answer may take, whole.
        max_reply_bytes: a longer answer is refused.
        terms: how errors speak of it.

    Attributes:
        url: the address without name, password and query.
        local: whether it is this machine.
        safe: whether nobody on the way can read along.
    """

    def __init__(self, endpoint: str, timeout_s: float, max_reply_bytes: int, terms: Terms) -> None:
        self.url = public_url(endpoint)
        self.local = is_local(endpoint)
        self.safe = is_safe(endpoint)
        self.terms = terms
        self._endpoint = endpoint
        self._timeout_s, self._max_bytes = timeout_s, max_reply_bytes
        self._client: httpx.Client | None = None

    def request(
        self,
        body: Mapping[str, Any],
        headers: Mapping[str, str],
        read: Callable[[httpx.Response, Iterator[bytes]], T],
    ) -> T:
        """One request; the answer is read piece by piece so that a slow or endless one is noticed.

        Args:
            read: makes the answer of its head and its pieces, such as `whole`.

        Raises:
            BrokenOff: the connection ended early.
            HearfeltError: of the class in ``terms``: nobody answers there, too slowly or too long.
        """
        limit_s = self._timeout_s
        deadline = time.monotonic() + limit_s
        timeout = httpx.Timeout(limit_s, connect=min(limit_s, 10.0))
        try:
            with self._open().stream(
                "POST", self._endpoint, json=body, headers=headers, timeout=timeout
            ) as response:
                return read(response, self._pieces(response, deadline))
        except httpx.TimeoutException:
            raise self._too_slow() from None
        except httpx.ConnectError:
            raise self.terms.error(
                f"no server answers at {self.url}: start it, or give another address with {self.terms.option}"
            ) from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise self.broken_off(type(error).__name__) from None

    def wait(self, status: int, retry_after: str | None, backoff_s: float, max_wait_s: float) -> None:
        """Leaves the server alone for as long as it asks to be, else for ``backoff_s``.

        Raises:
            HearfeltError: of the class in ``terms``: it asks for more than ``max_wait_s``.
        """
        asked = retry_after_s(retry_after)
        wait_s = backoff_s if asked is None else asked
        if wait_s > max_wait_s:
            raise self.terms.error(
                f"{self.url} is busy ({status}) and asks to wait {wait_s:.0f} s, "
                f"more than {max_wait_s:g} s: try again later"
            )
        time.sleep(wait_s)

    def close(self) -> None:
        """Closes the connections; they also close with the object. A later call opens new ones."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def broken_off(self, why: str) -> BrokenOff:
        """The answer has no end."""
        return BrokenOff(f"{self.url} broke off its answer ({why}): look at the server's log")

    def _pieces(self, response: httpx.Response, deadline: float) -> Iterator[bytes]:
        size = 0
        for piece in response.iter_bytes():
            size += len(piece)
            if size > self._max_bytes:
                raise self.terms.error(f"{self.url} answered with more than {self._max_bytes} bytes: refused")
            if time.monotonic() > deadline:
                raise self._too_slow()
            yield piece

    def _open(self) -> httpx.Client:
        if self._client is None:
            self._client = httpx.Client(trust_env=not self.local)  # no proxy lies between us and ourselves
            weakref.finalize(self, self._client.close)
        return self._client

    def _too_slow(self) -> HearfeltError:
        return self.terms.error(
            f"{self.url} gave no {self.terms.gives} within {self._timeout_s:g} s: {self.terms.faster}"
        )


def whole(response: httpx.Response, pieces: Iterator[bytes]) -> Answer:
    """An answer in one piece."""
    return Answer(response.status_code, b"".join(pieces), response.headers.get("retry-after"))
