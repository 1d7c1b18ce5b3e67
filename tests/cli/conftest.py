"""The command line as a user runs it: a real process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.language.conftest import chat_server, own_chat_server

__all__ = ["chat_server", "own_chat_server"]

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def hearfelt(tmp_path: Path) -> Run:
    """Runs ``hearfelt`` with arguments, without network settings or colours, and checks for tracebacks."""

    def run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "hearfelt", *map(str, arguments)],
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=300,
            cwd=tmp_path,
            env={
                **os.environ,
                "COLUMNS": "200",
                "HF_HUB_OFFLINE": "1",
                "PYTHONIOENCODING": "utf-8",
                "XDG_CACHE_HOME": str(tmp_path / "cache-home"),
                **environment,
            },
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done

    return run
