"""Chat back ends against a real server that behaves in every way one may meet."""

from __future__ import annotations

import logging
import socket
import time

import pytest

from hearfelt.errors import ChatError, OptionError
from hearfelt.language.base import Reply
from hearfelt.language.chat.openai import ChatOptions, OpenAIChat, QueueChat
from hearfelt.language.judge.schema import json_schema, plain_schema

from ..conftest import ChatServer

QUESTION = [{"role": "user", "content": "How do they feel?"}]
SCHEMA = json_schema(("anger", "neutral"))
QUICK = ChatOptions(timeout_s=5, backoff_s=0.01)


def chat(url: str, options: ChatOptions = QUICK) -> OpenAIChat:
    return OpenAIChat("tiny", url, options=options)


def test_a_good_server_gets_the_whole_question(chat_server: ChatServer) -> None:
    url = chat_server.url("good")
    model = chat(url)
    reply = model.chat(QUESTION, schema=SCHEMA)
    assert '"anger": 0.6' in reply.text
    assert dict(reply.usage) == {"prompt_tokens": 100, "completion_tokens": 20}
    assert reply.finish_reason == "stop"
    (asked,) = chat_server.asked(url)
    assert asked["path"].endswith("/v1/chat/completions")
    assert asked["key"] is None
    body = asked["body"]
    assert body["messages"] == QUESTION
    assert (body["model"], body["temperature"], body["seed"]) == ("tiny", 0, 0)
    assert body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": plain_schema(SCHEMA), "strict": True},
    }
    model.close()


def test_without_a_schema_none_is_sent_and_log_probabilities_are_read(chat_server: ChatServer) -> None:
    url = chat_server.url("tokens")
    reply = chat(url, ChatOptions(logprobs=True)).chat(QUESTION)
    assert reply == Reply(
        "yes", (("ye", -0.5), ("s", -0.25)), {"prompt_tokens": 7, "completion_tokens": 2}, "stop"
    )
    body = chat_server.asked(url)[0]["body"]
    assert "response_format" not in body and body["logprobs"] is True


def test_a_model_needs_a_name() -> None:
    with pytest.raises(OptionError, match="the language model has no name"):
        OpenAIChat(" ", "localhost:1")


def test_keys_come_from_the_environment(chat_server: ChatServer, monkeypatch: pytest.MonkeyPatch) -> None:
    url = chat_server.url("good")
    monkeypatch.setenv("OPENAI_API_KEY", "one")
    chat(url).chat(QUESTION)
    monkeypatch.setenv("HEARFELT_LLM_KEY", "two")
    chat(url).chat(QUESTION)
    assert [asked["key"] for asked in chat_server.asked(url)] == ["Bearer one", "Bearer two"]


def test_a_general_key_is_not_sent_in_the_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "one")
    assert chat("http://model.example:1")._authorization() == {}
    assert chat("https://model.example")._authorization() == {"Authorization": "Bearer one"}
    monkeypatch.setenv("HEARFELT_LLM_KEY", "two")
    assert chat("http://model.example:1")._authorization() == {"Authorization": "Bearer two"}
    monkeypatch.setenv("HEARFELT_LLM_KEY", "two words")
    with pytest.raises(ChatError, match="holds spaces or odd characters: set it anew") as caught:
        chat("localhost:1")._authorization()
    assert "two words" not in str(caught.value)


def test_a_wrong_key_is_never_shown(
    chat_server: ChatServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("HEARFELT_LLM_KEY", "very-secret-thing")
    with (
        caplog.at_level(logging.DEBUG),
        pytest.raises(
            ChatError, match=r"refuses the key \(401\).*set HEARFELT_LLM_KEY or OPENAI_API"
        ) as caught,
    ):
        chat(chat_server.url("forbidden")).chat(QUESTION)
    assert "very-secret-thing" not in str(caught.value)
    assert "Incorrect API key provided: ***" in str(caught.value)
    assert "very-secret-thing" not in caplog.text


def test_an_unknown_model(chat_server: ChatServer) -> None:
    with pytest.raises(ChatError, match=r"knows no model 'tiny'.*\(404\): 'The model `tiny` does not exist'"):
        chat(chat_server.url("nomodel")).chat(QUESTION)
    with pytest.raises(ChatError, match=r"knows no model 'tiny'.*\(400\).*check --llm and --llm-url"):
        chat(chat_server.url("pinned")).chat(QUESTION)


def test_an_unreachable_server() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        with pytest.raises(ChatError, match=rf"no server answers at http://127.0.0.1:{port}/v1/chat/compl"):
            chat(f"http://user:secret@127.0.0.1:{port}").chat(QUESTION)


@pytest.mark.parametrize("mode", ["slow", "drip"])
def test_a_slow_server_is_left(chat_server: ChatServer, mode: str) -> None:
    start = time.monotonic()
    with pytest.raises(ChatError, match=r"within 0\.5 s: allow more time with --llm-timeout-s, or a smaller"):
        chat(chat_server.url(mode), ChatOptions(timeout_s=0.5)).chat(QUESTION)
    assert time.monotonic() - start < 15


def test_a_busy_server_is_asked_again_when_it_says(chat_server: ChatServer) -> None:
    url = chat_server.url("busy")
    start = time.monotonic()
    assert chat(url).chat(QUESTION).text
    assert time.monotonic() - start >= 1
    assert len(chat_server.asked(url)) == 2


def test_a_server_that_is_busy_for_long_is_left(chat_server: ChatServer) -> None:
    with pytest.raises(ChatError, match=r"is busy \(429\) and asks to wait 3600 s, more than 30 s"):
        chat(chat_server.url("busylong")).chat(QUESTION)


def test_a_failing_server_is_asked_again_a_few_times(chat_server: ChatServer) -> None:
    url = chat_server.url("flaky")
    assert chat(url).chat(QUESTION).text
    assert len(chat_server.asked(url)) == 3
    url = chat_server.url("failing")
    with pytest.raises(ChatError, match=r"fails \(500\) after 3 tries: 'out of memory': look at the server"):
        chat(url).chat(QUESTION)
    assert len(chat_server.asked(url)) == 3


def test_a_server_that_dies_midway(chat_server: ChatServer) -> None:
    assert chat(chat_server.url("dyingonce")).chat(QUESTION).text
    url = chat_server.url("dying")
    with pytest.raises(ChatError, match="broke off its answer"):
        chat(url).chat(QUESTION)
    assert len(chat_server.asked(url)) == 3


def test_a_server_without_schemas_is_asked_without_from_then_on(chat_server: ChatServer) -> None:
    url = chat_server.url("noschema")
    model = chat(url)
    assert model.supports_schema
    model.chat(QUESTION, schema=SCHEMA)
    model.chat(QUESTION, schema=SCHEMA)
    sent = ["response_format" in asked["body"] for asked in chat_server.asked(url)]
    assert sent == [True, False, False]
    assert not model.supports_schema


def test_a_server_that_refuses_options_is_asked_without_them(chat_server: ChatServer) -> None:
    url = chat_server.url("reasoning")
    chat(url).chat(QUESTION, schema=SCHEMA)
    last = chat_server.asked(url)[-1]["body"]
    assert "max_tokens" not in last and "temperature" not in last and "response_format" in last


@pytest.mark.parametrize(
    ("mode", "message"),
    [
        ("html", "answered, but not as a chat server does"),
        ("huge", "answered with more than 2000000 bytes: refused"),
        ("refusing", r"answered with nothing \(I cannot judge people"),
    ],
)
def test_what_is_no_answer(chat_server: ChatServer, mode: str, message: str) -> None:
    with pytest.raises(ChatError, match=message):
        chat(chat_server.url(mode)).chat(QUESTION)


def test_a_queue_gives_its_replies_and_keeps_the_questions() -> None:
    queue = QueueChat(["a", Reply("b"), ChatError("down")])
    assert queue.chat(QUESTION, schema=SCHEMA).text == "a"
    assert queue.chat(QUESTION).text == "b"
    with pytest.raises(ChatError, match="down"):
        queue.chat(QUESTION)
    with pytest.raises(ChatError, match="the queue of replies is empty"):
        queue.chat(QUESTION)
    assert queue.asked[0] == (tuple(QUESTION), SCHEMA)


@pytest.mark.parametrize("given", ["http://u:secret@h:8000/v1?key=secret", "u:secret@h:8000?key=secret"])
def test_the_address_that_is_shown_holds_no_password(given: str) -> None:
    model = chat(given)
    assert model.url == "http://h:8000/v1/chat/completions"
    assert "secret" not in str(model.identity)
