"""The circuit breaker: when it lets a question through."""

from __future__ import annotations

import threading

from hearfelt.language.judge.breaker import Breaker


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_closed_open_half_open() -> None:
    clock = Clock()
    breaker = Breaker(max_failures=2, pause_s=30, clock=clock)
    breaker.failed()
    assert breaker.state == "closed" and breaker.allows()
    breaker.succeeded()
    breaker.failed()
    assert breaker.state == "closed", "only failures in a row count"
    breaker.failed()
    assert breaker.state == "open" and not breaker.allows()
    clock.now += 29.9
    assert not breaker.allows()
    clock.now += 0.2
    assert breaker.state == "half-open"
    assert breaker.allows()
    assert not breaker.allows(), "one tries, the others wait"
    breaker.failed()
    assert breaker.state == "open" and not breaker.allows()
    clock.now += 31
    assert breaker.allows()
    breaker.unasked()
    assert breaker.allows(), "whoever did not ask gives the turn back"
    breaker.succeeded()
    assert breaker.state == "closed" and breaker.failures == 0
    assert breaker.allows() and breaker.allows()


def test_of_many_threads_one_tries() -> None:
    clock = Clock()
    breaker = Breaker(max_failures=1, pause_s=1, clock=clock)
    breaker.failed()
    clock.now += 2
    start = threading.Barrier(8)
    answers: list[bool] = []

    def ask() -> None:
        start.wait()
        answers.append(breaker.allows())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers.count(True) == 1
