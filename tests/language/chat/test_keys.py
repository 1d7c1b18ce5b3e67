"""Keys from files and from the environment, and the pace of requests."""

from __future__ import annotations

from pathlib import Path

import pytest

from hearfelt.errors import ChatError, OptionError
from hearfelt.language.chat.openai import ChatOptions, OpenAIChat
from hearfelt.language.chat.pace import Pace

from ..conftest import ChatServer

QUESTION = [{"role": "user", "content": "How do they feel?"}]


def written(folder: Path, text: str, mode: int = 0o600) -> Path:
    file = folder / "key"
    file.write_text(text, encoding="utf-8")
    file.chmod(mode)
    return file


def test_a_key_file_goes_first_and_is_read_anew(
    chat_server: ChatServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEARFELT_LLM_KEY", "from-environment")
    url = chat_server.url("good")
    file = written(tmp_path, "one\n")
    model = OpenAIChat("tiny", url, key_file=file)
    model.chat(QUESTION)
    file.write_text("two", encoding="utf-8")
    model.chat(QUESTION)
    assert [asked["key"] for asked in chat_server.asked(url)] == ["Bearer one", "Bearer two"]
    file.unlink()
    with pytest.raises(ChatError, match=r"the key file .*key cannot be read \(No such file"):
        model.chat(QUESTION)


def test_a_wrong_key_of_a_file_is_never_shown(chat_server: ChatServer, tmp_path: Path) -> None:
    file = written(tmp_path, "very-secret-thing")
    with pytest.raises(ChatError, match=rf"refuses the key \(401\).*: set {file} to a valid one") as caught:
        OpenAIChat("tiny", chat_server.url("forbidden"), key_file=file).chat(QUESTION)
    assert "very-secret-thing" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"is empty: write the key into it, and nothing else"),
        (" \n", r"is empty: write the key into it, and nothing else"),
        ("a\nb", r"holds more than a key: write the key into it"),
        ("x" * 5000, r"holds more than a key: write the key into it"),
    ],
)
def test_a_key_file_must_hold_a_key(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(OptionError, match=f"the key file .*key {message}"):
        OpenAIChat("tiny", "localhost:1", key_file=written(tmp_path, text))


class Clock:
    """Time that only passes when somebody waits."""

    now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_no_more_requests_a_minute_than_allowed() -> None:
    clock = Clock()
    pace = Pace(2, clock=clock, sleep=clock.sleep)
    assert [pace.wait() for _ in range(2)] == [0.0, 0.0]
    clock.now += 15
    assert pace.wait() == 45.0
    assert pace.wait() == 0.0
    assert pace.wait() == 60.0
    assert Pace(None).wait() == 0.0
    with pytest.raises(OptionError, match="0 requests a minute are none; allow at least 1, or set no limit"):
        OpenAIChat("tiny", "localhost:1", options=ChatOptions(requests_per_minute=0))


def test_each_request_keeps_the_pace_retries_too(chat_server: ChatServer) -> None:
    clock = Clock()
    model = OpenAIChat("tiny", chat_server.url("flaky"), options=ChatOptions(backoff_s=0.01))
    model._pace = Pace(1, clock=clock, sleep=clock.sleep)
    model.chat(QUESTION)
    assert clock.now == 220.0, "three requests, a minute apart"
