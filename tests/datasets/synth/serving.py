"""The speech server of the tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.serving import ServerProcess


class SpeechServer(ServerProcess):
    """A running `speech_server.py`."""

    def __init__(self) -> None:
        super().__init__(Path(__file__).with_name("speech_server.py"))


@contextmanager
def speech_server() -> Iterator[SpeechServer]:
    """A server that ends with the block."""
    server = SpeechServer()
    try:
        yield server
    finally:
        server.stop()
