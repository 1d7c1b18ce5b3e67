"""The chat server of this room's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving import ServerProcess


class ChatServer(ServerProcess):
    """A running `chat_server.py`."""

    def __init__(self) -> None:
        super().__init__(Path(__file__).with_name("chat_server.py"))


@pytest.fixture(scope="session")
def chat_server() -> Iterator[ChatServer]:
    """The server all tests ask."""
    server = ChatServer()
    yield server
    server.stop()


@pytest.fixture
def own_chat_server() -> Iterator[ChatServer]:
    """A server that a test may stop."""
    server = ChatServer()
    yield server
    if server.process.poll() is None:
        server.stop()


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """No key of the machine reaches a test."""
    for name in ("HEARFELT_LLM_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
