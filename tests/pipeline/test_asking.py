"""Whom the language model is asked about, what it may cost; order and result do not hang on threads."""

from __future__ import annotations

import gc
import json
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hearfelt.errors import ChatError, OptionError
from hearfelt.labels import EKMAN7, emotion
from hearfelt.language.base import Message, Reply
from hearfelt.language.chat.openai import ChatOptions, OpenAIChat, QueueChat
from hearfelt.language.judge import Judge, JudgeItem, JudgeOptions
from hearfelt.pipeline.build import Parts, build
from hearfelt.pipeline.options import RecognizerOptions
from hearfelt.pipeline.pool import Pool
from hearfelt.pipeline.session import Session
from hearfelt.pipeline.utterance import Conversation, asking, hear
from hearfelt.types import Asked, Audio, Estimate, Segment, Word
from tests.language.conftest import ChatServer, own_chat_server

__all__ = ["own_chat_server"]

SILENCE = Audio(np.zeros(800, np.float32), 16000)
UNKEPT = JudgeOptions(cache=None)
LABELS = ("anger", "fear", "sadness", "happiness")


class Oracle(QueueChat):
    """Answers by the utterance, some later than others; may want a repair or fail."""

    def __init__(
        self, *, repairs: Sequence[int] = (), fails: Sequence[int] = (), slow_s: float = 0.0
    ) -> None:
        super().__init__([], name="oracle")
        self.repairs, self.fails, self.slow_s = set(repairs), set(fails), slow_s
        self.most = self.now = 0
        self._watch = threading.Lock()

    def chat(
        self, messages: Sequence[Message], *, schema: Any = None, choices: Sequence[str] | None = None
    ) -> Reply:
        data = json.loads(messages[1]["content"].splitlines()[1])
        number = int(data["utterance"]["text"].split()[-1])
        with self._watch:
            self.asked.append((tuple(messages), schema))
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(self.slow_s * (1 + (3 - number) % 4))
        with self._watch:
            self.now -= 1
        if number in self.fails:
            raise ChatError(f"no answer on {number}")
        usage = {"prompt_tokens": 90, "completion_tokens": 10}
        if number in self.repairs and len(messages) == 2:
            return Reply("nonsense", usage=usage)
        answer: Mapping[str, Any] = {
            "probabilities": {LABELS[number % 4]: 1.0},
            "arousal": 0.0,
            "valence": 0.0,
            "words": [],
            "cues": [],
            "sarcasm": False,
            "conflict": False,
            "reason": f"because of {number}",
        }
        return Reply(json.dumps(answer), usage=usage)


def parts(chat: QueueChat, judging: JudgeOptions = UNKEPT, **options: Any) -> Parts:
    """Parts without models of their own, but with this language model."""
    found = build(RecognizerOptions(voice="none", words="none", transcriber="none"))
    found.options = RecognizerOptions(voice="none", words="none", transcriber="none", llm="oracle", **options)
    found.judge = Judge(chat, judging)
    return found


def run(found: Parts, n: int = 12) -> tuple[list[Estimate], Asked]:
    """So many utterances heard one after the other, then all answers waited for in order."""
    conversation = Conversation()
    heard = [
        hear(SILENCE, Segment(i, i + 1, "customer"), [Word(f"number {i}", i, i + 1)], found, conversation)
        for i in range(n)
    ]
    estimates = [one.conclude(found, conversation) for one in heard]
    assert conversation.asking is not None
    account = conversation.asking.account()
    conversation.asking.close()
    return estimates, account


@pytest.mark.parametrize(
    "limits",
    [{}, {"llm_max_requests": 7}, {"llm_max_requests": 8}, {"llm_max_tokens": 700}, {"llm_max_tokens": 50}],
)
def test_many_at_once_give_what_one_by_one_gives(limits: dict[str, Any]) -> None:
    one, cost = run(parts(Oracle(repairs=(1, 4, 5)), llm_concurrency=1, **limits))
    for slow_s in (0.0, 0.002):
        many = Oracle(repairs=(1, 4, 5), slow_s=slow_s)
        estimates, account = run(parts(many, llm_concurrency=4, **limits))
        assert estimates == one
        assert replace(account, seconds=0) == replace(cost, seconds=0)
        assert many.most <= 4
    if not limits:
        assert [e.emotion.label for e in one] == [LABELS[i % 4] for i in range(12)]
        assert many.most > 1
        assert (cost.utterances, cost.asked, cost.answered, cost.requests, cost.tokens) == (
            12,
            12,
            12,
            15,
            1500,
        )
    else:
        assert cost.not_asked["budget"] == 12 - cost.answered
        assert cost.requests <= limits.get("llm_max_requests", 99)


def test_when_the_budget_is_spent_the_rest_is_judged_without() -> None:
    found = parts(Oracle(), llm_max_requests=2)
    conversation = Conversation()
    heard = [
        hear(SILENCE, Segment(i, i + 1), [Word(f"number {i}", i, i + 1)], found, conversation)
        for i in range(5)
    ]
    estimates = [one.conclude(found, conversation) for one in heard]
    assert [bool(e.evidence) for e in estimates] == [True, True, False, False, False]
    assert conversation.asking is not None
    assert conversation.asking.notices == [
        "the budget of 2 requests is spent: 3 utterances were not put to the language model oracle"
    ]
    assert conversation.asking.account().changed == 2
    assert not conversation.asking.in_vain


def item(text: str = "number 1") -> JudgeItem:
    return JudgeItem(Segment(0, 1), text)


def verdict(confidence: float, *, conflict: bool = False) -> Estimate:
    return Estimate(Segment(0, 1), emotion(EKMAN7, (1, 0, 0, 0, 0, 0, 0)), confidence, conflict=conflict)


@pytest.mark.parametrize(
    ("options", "without", "why"),
    [
        ({"ask": "always"}, verdict(0.99), ""),
        ({"ask": "uncertain", "ask_below": 0.6}, verdict(0.59), ""),
        ({"ask": "uncertain", "ask_below": 0.6}, verdict(0.6), "sure"),
        ({"ask": "uncertain", "ask_below": 0.6}, verdict(0.9, conflict=True), ""),
        ({"ask": "uncertain", "ask_below": 0.0}, verdict(0.2), "sure"),
        ({"ask": "never"}, verdict(0.1, conflict=True), "never"),
    ],
)
def test_whom_the_policy_lets_ask(options: dict[str, Any], without: Estimate, why: str) -> None:
    chat = Oracle()
    asker = asking(parts(chat, **options), ())
    assert asker is not None
    answer = asker.ask(item(), without)
    asker.settle(answer)
    assert answer.why == why
    assert len(chat.asked) == (0 if why else 1)
    asker.close()


def test_the_shipped_threshold_is_a_confidence_and_the_default() -> None:
    found = parts(Oracle(), ask="uncertain")
    below = found.fuser.calibration.ask_below
    assert 0.3 < below < 1
    asker = asking(found, ())
    assert asker is not None and asker.account().below == below


def test_a_replay_asks_nobody_and_counts_what_is_missing(tmp_path: Path) -> None:
    kept = JudgeOptions(cache=tmp_path)
    first, _ = run(parts(Oracle(), kept), n=3)
    chat = Oracle()
    found = parts(chat, replace(kept, replay=True), replay=True)
    again, account = run(found, n=5)
    assert chat.asked == []
    assert [e.emotion for e in again[:3]] == [e.emotion for e in first]
    assert (account.cached, account.asked, account.not_asked) == (3, 0, {"replay": 2})
    assert (account.requests, account.tokens, account.seconds) == (0, 0, 0)
    hashes = [[e.evidence[0].details["answer"] for e in run_[:3]] for run_ in (first, again)]
    assert hashes[0] == hashes[1]
    with pytest.raises(OptionError, match="a replay takes its answers from the cache, so it needs one"):
        JudgeOptions(cache=None, replay=True)


def test_what_is_kept_costs_no_budget(tmp_path: Path) -> None:
    kept = JudgeOptions(cache=tmp_path)
    run(parts(Oracle(), kept), n=4)
    chat = Oracle()
    _, account = run(parts(chat, kept, llm_max_requests=1), n=6)
    assert (account.cached, account.answered, account.not_asked) == (4, 1, {"budget": 1})


def test_a_failing_model_is_left_alone_and_the_rest_goes_on() -> None:
    chat = Oracle(fails=range(12))
    estimates, account = run(parts(chat, llm_concurrency=1))
    assert len(estimates) == 12
    assert (account.failed, account.not_asked, len(chat.asked)) == (3, {"breaker": 9}, 3)


def test_a_server_that_dies_midway_leaves_what_it_said_and_the_rest_goes_on(
    own_chat_server: ChatServer,
) -> None:
    found = parts(QueueChat([]), llm_concurrency=1)
    quick = ChatOptions(timeout_s=20, backoff_s=0.01, retries=0)
    found.judge = Judge(OpenAIChat("tiny", own_chat_server.url("good"), options=quick), UNKEPT)
    conversation = Conversation()
    estimates = []
    for i in range(9):
        if i == 3:
            own_chat_server.stop()
        words = [Word(f"number {i}", i, i + 1)]
        heard = hear(SILENCE, Segment(i, i + 1, "customer"), words, found, conversation)
        estimates.append(heard.conclude(found, conversation))
    assert [bool(e.evidence) for e in estimates] == [True] * 3 + [False] * 6
    assert conversation.asking is not None
    account = conversation.asking.account()
    assert (account.answered, account.failed, account.not_asked) == (3, 3, {"breaker": 3})
    (told,) = conversation.asking.notices
    assert told.startswith("the language model tiny gave no answer on 6 of 9 utterances, which were judged")
    assert not conversation.asking.in_vain
    conversation.asking.close()


def test_a_session_goes_on_hearing_while_the_model_thinks_and_keeps_the_order() -> None:
    gate = threading.Event()

    class Slow(Oracle):
        def chat(self, *arguments: Any, **more: Any) -> Reply:
            gate.wait(20)
            return super().chat(*arguments, **more)

    found = parts(Slow())
    session = Session(found, ["customer"])
    for i in range(3):
        said = [Word(f"number {i}", i, i + 1)]
        session._waiting.append(hear(SILENCE, Segment(i, i + 1), said, found, session.conversation))
    assert session.push([Audio(np.zeros(8000, np.float32), 16000)]) == [], "nobody waits for the model"
    gate.set()
    events = session.close()
    assert [event.sequence for event in events] == [0, 1, 2]
    assert [event.estimate.evidence[0].note for event in events] == [f"because of {i}" for i in range(3)]
    assert session.asked is not None and session.asked.answered == 3
    assert session.close() == []


def test_who_is_interrupted_keeps_what_was_heard() -> None:
    gate = threading.Event()

    class Stuck(Oracle):
        def chat(self, *arguments: Any, **more: Any) -> Reply:
            gate.wait(20)
            return super().chat(*arguments, **more)

    found = parts(Stuck())
    session = Session(found, ["customer"])
    said = [Word("number 1", 0, 1)]
    session._waiting.append(hear(SILENCE, Segment(0, 1), said, found, session.conversation))
    began = time.monotonic()
    (event,) = session.give_up()
    assert time.monotonic() - began < 5
    assert event.estimate.evidence == ()
    assert session.asked is not None and session.asked.not_asked == {"interrupted": 1}
    gate.set()


def test_names_of_a_given_transcript_are_masked_before_they_are_introduced() -> None:
    chat = Oracle()
    chat.local = False
    found = parts(chat)
    asker = asking(found, ["agent"])
    assert asker is not None
    asker.learn("Anna, wait. My name is Anna Berg.")
    asker.settle(asker.ask(item("Anna, wait for number 2"), verdict(0.5)))
    asker.close()
    told = chat.asked[0][0][1]["content"]
    assert "Anna" not in told and "[NAME_1]" in told


def test_a_pool_runs_in_its_threads_and_hands_errors_on() -> None:
    pool = Pool(2)
    names = {pool.submit(lambda: threading.current_thread().name).result(10) for _ in range(4)}
    assert names == {"hearfelt-ask"}
    with pytest.raises(ZeroDivisionError):
        pool.submit(lambda: 1 // 0).result(10)
    pool.close()
    assert pool.submit(lambda: 5).result(10) == 5, "a closed pool opens again"
    pool.close()


def test_a_forgotten_pool_lets_its_threads_go() -> None:
    pool = Pool(1)
    thread = pool.submit(threading.current_thread).result(10)
    assert thread.daemon and thread.is_alive()
    del pool
    gc.collect()
    thread.join(10)
    assert not thread.is_alive()


def test_time_of_a_dialogue_grows_with_its_turns_alone() -> None:
    """10,000 turns: the dialogue that is told is bounded, whatever was said before."""

    nothing = Audio(np.zeros(0, np.float32), 16000)

    def spent(n: int) -> float:
        found = parts(QueueChat([]), ask="uncertain", ask_below=0.0, llm_mask="always")
        found.judge = Judge(QueueChat([]), JudgeOptions(cache=None, mask=True))
        conversation = Conversation()
        began = time.process_time()
        for i in range(n):
            words = [Word(f"this is turn {i} of Mr Smith", i, i + 1)]
            hear(nothing, Segment(i, i + 1, "ab"[i % 2]), words, found, conversation)
            if i % 50 == 0:
                history = tuple(conversation.turns[-50:])
                found.judge.prepare(replace(item(f"this is turn {i}"), history=history))
        assert len(conversation.turns) == n
        return time.process_time() - began

    spent(50)
    short, long = spent(1000), spent(10_000)
    assert long < 25 * short  # ten times where it is linear, a hundred times where it is square


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"ask": "often"}, "unknown way to choose whom to ask 'often'; known: always, uncertain, never"),
        ({"llm_mask": "no"}, "unknown way to mask 'no'; known: remote, always, never"),
        ({"ask_below": 1.5}, "ask_below is 1.5; it must be a confidence from 0 to 1, such as 0.6"),
        ({"ask_below": float("nan")}, "ask_below is nan; it must be a confidence"),
        ({"ask_below": 0.5}, "ask_below needs ask to be uncertain, but it is always; set both or none"),
        ({"llm_concurrency": 0}, "llm_concurrency is 0; it must be from 1 to 64, such as 4"),
        ({"llm_max_requests": 0}, "llm_max_requests is 0; it must be above 0, or left out for no limit"),
        ({"llm_max_tokens": -1}, "llm_max_tokens is -1; it must be above 0"),
        ({"llm_max_seconds": float("nan")}, "llm_max_seconds is nan; it must be above 0"),
        ({"llm": None, "replay": True}, "replay is True, but no language model is named; name one with llm"),
        ({"llm": None, "ask": "uncertain"}, "ask is uncertain, but no language model is named"),
        (
            {"llm": None, "llm_url": "http://me:secret@h:1/v1"},
            "llm_url is http://h:1/v1, but no language model is named",
        ),
        ({"llm": None, "llm_max_tokens": 9}, "llm_max_tokens is 9, but no language model is named"),
        ({"shots": 3}, "shots is 3, but there are no examples; name a table with examples"),
        ({"balanced_shots": True}, "balanced_shots is True, but there are no examples"),
        ({"replay": True, "llm_cache": False}, "replay takes its answers from the cache"),
    ],
)
def test_what_cannot_be_asked_so_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError) as caught:
        RecognizerOptions(**{"llm": "tiny", **fields})
    assert message in str(caught.value)
