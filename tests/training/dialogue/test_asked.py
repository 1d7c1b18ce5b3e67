"""A language model as a row: what it is told, what is counted, what happens when it fails."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("torch")

from hearfelt.datasets.dialogue import Dialogues, Line
from hearfelt.errors import ChatError
from hearfelt.language.base import Reply
from hearfelt.language.chat.openai import QueueChat
from hearfelt.language.judge import Judge, JudgeOptions
from hearfelt.training.dialogue import asked

LABELS = ("anger", "joy")


def table(turns: int = 2) -> Dialogues:
    """One training dialogue, and two test dialogues whose second line is loud."""
    lines = [Line("t", i, "ana", f"so {i}", LABELS[i % 2], "train", (50.0 + 10 * (i % 2),)) for i in range(6)]
    for name in ("a", "b"):
        lines += [
            Line(name, i, "ben", f"{name}{i}", LABELS[i % 2], "test", (50.0 + 40 * i,)) for i in range(turns)
        ]
    return Dialogues("own", tuple(lines), LABELS, ("avg_intensity",), "made", "none", True)


def answer(joy: float) -> Reply:
    data = {
        "probabilities": {"anger": 1 - joy, "joy": joy},
        "arousal": 0.0,
        "valence": 0.0,
        "dominance": 0.0,
        "words": [],
        "cues": [],
        "sarcasm": False,
        "conflict": False,
        "reason": "so it sounds",
    }
    return Reply(json.dumps(data), usage={"prompt_tokens": 100, "completion_tokens": 20})


def judge(*replies: Reply | Exception, cache: Path | None = None) -> tuple[Judge, QueueChat]:
    chat = QueueChat(replies)
    return Judge(chat, JudgeOptions(labels=LABELS, cache=cache)), chat


def test_it_is_told_what_came_before_and_its_tokens_are_counted() -> None:
    ask, chat = judge(answer(0.1), answer(0.9), answer(0.1), answer(0.2))
    row = asked.row(table(), ask, None, lambda line: None, cues=True)
    assert row["accuracy"] == 0.75
    assert row["tokens"] == 480
    assert row["protocol"] == "zero-shot, whole test part"
    assert "ece_calibrated" not in row
    told = [messages[-1]["content"] for messages, _ in chat.asked]
    assert "much louder than usual" in told[1] and "louder" not in told[0]
    assert '"a0"' in told[1] and '"a0"' not in told[2]  # another dialogue


def test_a_limit_takes_whole_dialogues_and_is_stated() -> None:
    ask, _ = judge(answer(0.1), answer(0.9))
    row = asked.row(table(), ask, 1, lambda line: None)
    assert row["lines"] == 2
    assert row["protocol"] == "zero-shot, first 2 test lines"


def test_a_line_without_an_answer_is_counted_and_the_rest_goes_on() -> None:
    ask, _ = judge(answer(0.1), ChatError("too slow"), answer(0.1), answer(0.9))
    row = asked.row(table(), ask, None, lambda line: None)
    assert row["failures"] == 1
    assert row["protocol"].endswith("whole test part, 1 without a usable answer")


def test_a_server_that_is_down_is_said_at_once() -> None:
    ask, chat = judge(*[ChatError("nobody answers")] * 20)
    with pytest.raises(ChatError, match="nobody answers"):
        asked.row(table(turns=9), ask, None, lambda line: None)
    assert len(chat.asked) == 3


def test_a_server_that_dies_midway_ends_the_row_and_says_how_to_go_on(tmp_path: Path) -> None:
    """Lines that were never asked must not count as wrong answers."""
    ask, chat = judge(answer(0.1), *[ChatError("nobody answers")] * 20, cache=tmp_path)
    with pytest.raises(ChatError) as caught:
        asked.row(table(turns=9), ask, None, lambda line: None)
    assert str(caught.value) == "nobody answers (after 4 of 18 lines; run it again to go on)"
    assert len(chat.asked) == 4
    again, chat = judge(*[answer(0.1)] * 20, cache=tmp_path)
    assert asked.row(table(turns=9), again, None, lambda line: None)["failures"] == 0
    assert len(chat.asked) == 17
