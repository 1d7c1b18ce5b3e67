"""The chat server of this room's tests: a real process on a free port."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

_names = itertools.count()


class ChatServer:
    """A running `chat_server.py`; each `url` counts its own calls."""

    def __init__(self) -> None:
        program = Path(__file__).with_name("chat_server.py")
        self.process = subprocess.Popen([sys.executable, str(program)], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.root = f"http://127.0.0.1:{int(self.process.stdout.readline())}"

    def url(self, mode: str) -> str:
        """The address of a server that behaves so, asked by nobody yet."""
        return f"{self.root}/{mode}/n{next(_names)}/v1"

    def asked(self, url: str) -> list[dict[str, Any]]:
        """The requests an address has had."""
        found: list[dict[str, Any]] = httpx.get(
            f"{self.root}/asked/{url.split('/')[4]}", trust_env=False
        ).json()
        return found

    def stop(self) -> None:
        """Ends the process."""
        self.process.terminate()
        self.process.wait(10)
        if self.process.stdout is not None:
            self.process.stdout.close()


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
