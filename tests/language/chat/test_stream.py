"""Answers that come piece by piece, against a real server whose pieces are cut anywhere."""

from __future__ import annotations

import json
import time

import pytest

from hearfelt.errors import ChatError, ContextError
from hearfelt.language.chat.openai import ChatOptions, OpenAIChat
from hearfelt.language.chat.wire import NoAnswer, Stream
from hearfelt.language.judge.schema import json_schema

from ..chat_server import ANSWER
from ..conftest import ChatServer

QUESTION = [{"role": "user", "content": "How do they feel?"}]
SCHEMA = json_schema(("anger", "neutral"))
STREAMED = ChatOptions(timeout_s=5, backoff_s=0.01, stream=True)


def chat(url: str, options: ChatOptions = STREAMED) -> OpenAIChat:
    return OpenAIChat("tiny", url, options=options)


def test_a_stream_is_put_together(chat_server: ChatServer) -> None:
    url = chat_server.url("stream")
    reply = chat(url).chat(QUESTION, schema=SCHEMA)
    assert json.loads(reply.text) == ANSWER
    assert dict(reply.usage) == {"prompt_tokens": 100, "completion_tokens": 20}
    assert reply.finish_reason == "stop"
    body = chat_server.asked(url)[0]["body"]
    assert body["stream"] is True and body["stream_options"] == {"include_usage": True}
    assert "response_format" in body


def test_a_stream_with_a_reason_to_end_needs_no_last_event(chat_server: ChatServer) -> None:
    reply = chat(chat_server.url("streamends")).chat(QUESTION)
    assert json.loads(reply.text) == ANSWER and dict(reply.usage) == {}


def test_a_server_that_does_not_stream_is_read_in_one_piece(chat_server: ChatServer) -> None:
    assert json.loads(chat(chat_server.url("good")).chat(QUESTION).text) == ANSWER
    url = chat_server.url("nostream")
    model = chat(url)
    assert json.loads(model.chat(QUESTION).text) == ANSWER
    model.chat(QUESTION)
    sent = [asked["body"] for asked in chat_server.asked(url)]
    assert ["stream_options" in body for body in sent] == [True, False, False, False]
    assert ["stream" in body for body in sent] == [True, True, False, False]


@pytest.mark.parametrize("mode", ["streamdies", "streamstops"])
def test_a_stream_that_dies_midway_is_asked_again_and_then_an_error(
    chat_server: ChatServer, mode: str
) -> None:
    url = chat_server.url(mode)
    with pytest.raises(ChatError, match=r"broke off its answer \(.*\): look at the server's log"):
        chat(url).chat(QUESTION)
    assert len(chat_server.asked(url)) == 3
    assert json.loads(chat(chat_server.url("streamonce")).chat(QUESTION).text) == ANSWER


def test_an_error_in_a_stream_is_told(chat_server: ChatServer) -> None:
    url = chat_server.url("streamfails")
    with pytest.raises(ChatError, match="failed midway through its answer: 'out of memory'"):
        chat(url).chat(QUESTION)
    assert len(chat_server.asked(url)) == 1
    with pytest.raises(ContextError, match=r"is too long for tiny at .*, which reads 99 tokens"):
        chat(chat_server.url("streamcontext")).chat(QUESTION)


@pytest.mark.parametrize(
    ("mode", "message"),
    [
        ("streamjunk", "answered, but not as a chat server does"),
        ("streamempty", r"answered with nothing \(no text\)"),
    ],
)
def test_a_stream_that_is_no_answer(chat_server: ChatServer, mode: str, message: str) -> None:
    with pytest.raises(ChatError, match=message):
        chat(chat_server.url(mode)).chat(QUESTION)


def test_a_slow_stream_is_left(chat_server: ChatServer) -> None:
    start = time.monotonic()
    with pytest.raises(ChatError, match=r"gave no answer within 0\.5 s"):
        chat(chat_server.url("streamslow"), ChatOptions(timeout_s=0.5, stream=True)).chat(QUESTION)
    assert time.monotonic() - start < 5


def test_an_endless_stream_is_refused(chat_server: ChatServer) -> None:
    few = ChatOptions(timeout_s=5, stream=True, max_reply_bytes=200)
    with pytest.raises(ChatError, match="answered with more than 200 bytes: refused"):
        chat(chat_server.url("stream"), few).chat(QUESTION)


def test_events_are_read_however_they_are_cut() -> None:
    choice = {"delta": {"content": "愤怒"}, "logprobs": {"content": [{"token": "愤怒", "logprob": -0.5}]}}
    data = f"event: x\r\ndata: {json.dumps({'choices': [choice]}, ensure_ascii=False)}\r\n\r\ndata:[DONE]\n"
    for size in (1, 2, 7, 1000):
        stream = Stream()
        raw = data.encode()
        for at in range(0, len(raw), size):
            stream.feed(raw[at : at + size])
        reply, alternatives = stream.reply()
        assert stream.done and reply.text == "愤怒"
        assert reply.logprobs == (("愤怒", -0.5),) and alternatives == [{"愤怒": -0.5}]


@pytest.mark.parametrize("event", [b"[1]", b"null", b"{", b'"x"'])
def test_what_is_no_event_is_refused(event: bytes) -> None:
    with pytest.raises(NoAnswer):
        Stream().feed(b"data: " + event + b"\n")
