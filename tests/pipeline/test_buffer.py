"""The recent past stays exact while memory stays bounded."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hearfelt.pipeline.buffer import MOST_PEAKS, Envelope, Tail


@given(st.lists(st.integers(0, 100), min_size=1, max_size=40), st.integers(0, 2000))
def test_tail_holds_what_was_pushed(sizes: list[int], start: int) -> None:
    tail = Tail(100, 3, keep_s=1.0)
    pushed = np.arange(sum(sizes), dtype=np.float32)
    at = 0
    for size in sizes:
        tail.push(pushed[at : at + size])
        at += size
    first = max(at - 100, 0) + start % 100
    part = tail.cut(first / 100, at / 100)
    assert np.array_equal(part.samples, pushed[min(first, at) :])
    assert part.channel == 3
    assert tail.end_s == at / 100


def test_tail_clips_to_what_is_left() -> None:
    tail = Tail(10, 0, keep_s=1.0)
    for i in range(10):
        tail.push(np.full(10, i, np.float32))
    part = tail.cut(0.0, 99.0)
    assert part.end_s == 10.0
    assert part.duration_s >= 1.0
    assert part.samples[-1] == 9


def test_envelope_keeps_peaks_and_stays_small() -> None:
    envelope = Envelope(1000, 0, step_s=0.01)
    sound = np.zeros(100_000, np.float32)
    sound[50_000] = -0.75
    for part in np.split(sound, 200):
        envelope.push(part)
    outline = envelope.close("agent")
    assert len(outline.peaks) <= MOST_PEAKS
    assert outline.speaker == "agent"
    assert abs(len(outline.peaks) * outline.step_s - 100) <= outline.step_s
    loudest = int(np.argmax(outline.peaks))
    assert outline.peaks[loudest] == 0.75
    assert abs(loudest * outline.step_s - 50) <= outline.step_s
