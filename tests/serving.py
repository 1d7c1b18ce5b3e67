"""Real processes of the tests: a server on a free port, and a program that can be interrupted."""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

_names = itertools.count()


class ServerProcess:
    """A running program that prints its port; each `url` counts its own calls."""

    def __init__(self, program: Path) -> None:
        self.process = subprocess.Popen([sys.executable, str(program)], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.root = f"http://127.0.0.1:{int(self.process.stdout.readline())}"

    def url(self, mode: str) -> str:
        """The address of a server that behaves so, asked by nobody yet."""
        return f"{self.root}/{mode}/n{next(_names)}/v1"

    def asked(self, url: str) -> list[dict[str, Any]]:
        """The requests an address has had."""
        answer = httpx.get(f"{self.root}/asked/{url.split('/')[4]}", trust_env=False)
        found: list[dict[str, Any]] = answer.json()
        return found

    def stop(self) -> None:
        """Ends the process."""
        self.process.terminate()
        self.process.wait(10)
        if self.process.stdout is not None:
            self.process.stdout.close()


def interruptible() -> None:
    """To run in a child before its program: what a shell starts in the background ignores Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
