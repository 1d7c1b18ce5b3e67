"""What questions may cost, and what is counted."""

from __future__ import annotations

import pytest

from hearfelt.errors import ChatError, NotAskedError, OptionError
from hearfelt.language.base import Reply
from hearfelt.language.chat.openai import QueueChat
from hearfelt.language.judge import Budget, BudgetOptions, Metered
from hearfelt.language.judge.budget import most_tokens

ASKED = [{"role": "user", "content": "x" * 40}]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_requests_tokens_and_time_are_counted() -> None:
    clock = Clock()
    budget = Budget(clock=clock)
    replies = [
        Reply("a", usage={"prompt_tokens": 7, "completion_tokens": 3}),
        ChatError("down"),
        Reply("b" * 4),
    ]
    chat = Metered(QueueChat(replies, name="q"), budget)
    assert (chat.name, chat.local) == ("q", True)
    chat.chat(ASKED, schema=None)
    assert (budget.requests, budget.tokens, budget.estimated) == (1, 10, False)
    with pytest.raises(ChatError, match="down"):
        chat.chat(ASKED)
    assert (budget.requests, budget.tokens) == (2, 10), "a failure costs a request"
    chat.chat(ASKED)
    assert (budget.requests, budget.tokens, budget.estimated) == (3, 10 + 11, True)
    budget.begin()
    clock.now = 2.0
    budget.begin()
    clock.now = 3.0
    budget.end(0)
    assert budget.seconds == 3.0
    budget.end(0)
    clock.now = 9.0
    assert budget.seconds == 3.0, "time counts while a question is under way"


def test_what_is_spent_is_said() -> None:
    assert Budget().spent() is None
    few = Budget(BudgetOptions(max_requests=2))
    assert few.spent() is None and few.spent(requests=2) == "2 requests"
    few.begin()
    few.begin()
    assert few.spent() == "2 requests"
    with pytest.raises(NotAskedError, match="the budget of 2 requests is spent") as caught:
        few.begin()
    assert caught.value.why == "budget"
    short = Budget(BudgetOptions(max_tokens=100))
    short.begin()
    short.end(99)
    assert short.spent() is None and short.spent(tokens=1) == "100 tokens"
    clock = Clock()
    hasty = Budget(BudgetOptions(max_seconds=1.5), clock)
    hasty.begin()
    clock.now = 1.5
    assert hasty.spent() == "1.5 s"


@pytest.mark.parametrize("name", ["max_requests", "max_tokens", "max_seconds"])
def test_a_budget_of_nothing_is_refused(name: str) -> None:
    with pytest.raises(OptionError, match=f"{name} is 0; it must be above 0, or left out for no limit"):
        BudgetOptions(**{name: 0})


def test_no_question_has_more_tokens_than_bytes() -> None:
    assert most_tokens([{"role": "user", "content": "情绪"}], 10) >= 6 + 10
