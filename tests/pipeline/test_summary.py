"""Summaries on conversations whose answers can be counted by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearfelt import labels
from hearfelt.pipeline import summary
from hearfelt.types import Emotion, Estimate, Segment


def estimate(
    start: float, end: float, who: str, label: str = "neutral", *, abstained: bool = False
) -> Estimate:
    emotion = labels.emotion(labels.EKMAN7, [float(name == label) for name in labels.EKMAN7])
    return Estimate(
        Segment(start, end, who, 0), emotion, 0.9, (label,), abstained=abstained, text="two words"
    )


def test_shares_weigh_by_time_and_count_uncertain_apart() -> None:
    found = [estimate(0, 1, "a", "anger"), estimate(1, 4, "a", "fear", abstained=True), estimate(5, 6, "b")]
    first, second = summary.speakers(found)
    assert (first.speaker, first.utterances, first.talk_s, first.words) == ("a", 2, 4, 4)
    assert first.shares == pytest.approx({"uncertain": 0.75, "anger": 0.25})
    assert list(first.shares) == ["uncertain", "anger"]
    assert second.shares == {"neutral": 1.0}
    assert second.course == ((5.5, 0.0, 0.0),)


def test_mean_dimensions_weigh_by_time() -> None:
    (speaker,) = summary.speakers([estimate(0, 3, "a", "anger"), estimate(3, 4, "a", "neutral")])
    assert speaker.arousal == pytest.approx(0.75 * 0.59)


def test_interruptions_need_another_speaker_a_real_overlap_and_going_on() -> None:
    speech = [
        Segment(0.0, 5.0, "a", 0),
        Segment(4.0, 7.0, "b", 1),  # interrupts a
        Segment(6.9, 8.0, "a", 0),  # 0.1 s: the rush of turn-taking
        Segment(9.0, 15.0, "a", 0),
        Segment(10.0, 11.0, "b", 1),  # said meanwhile, did not go on
    ]
    assert summary.interruptions(speech) == {("b", 1): 1}


def test_interruptions_of_namesakes_are_counted_apart() -> None:
    """Two people whose names nobody gave: only the one on channel 1 interrupted."""
    emotion = estimate(0, 1, "a").emotion
    spans = [Segment(0.0, 5.0, None, 0), Segment(4.0, 7.0, None, 1)]
    found = summary.speakers([Estimate(span, emotion, 0.9) for span in spans])
    assert [(s.channel, s.interruptions) for s in found] == [(0, 0), (1, 1)]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("It's not repaired – three times!", 5),
        ("这不行。", 3),
        ("我用 WiFi，really 慢", 5),
        ("こんにちは、世界", 7),
        ("ที่นี่", 2),
        ("안녕 하세요", 2),
    ],
)
def test_words_are_counted_in_every_script(text: str, count: int) -> None:
    assert summary.word_count(text) == count


def test_silence_and_overlap_add_up() -> None:
    silence, overlap = summary.silence_and_overlap([Segment(1, 4), Segment(3, 6), Segment(8, 9)], 10.0)
    assert silence == pytest.approx(1 + 2 + 1)
    assert overlap == pytest.approx(1)
    assert summary.silence_and_overlap([], 7.0) == (7.0, 0.0)


@given(st.lists(st.tuples(st.floats(0, 90), st.floats(0.1, 10)), max_size=12))
def test_silence_plus_talk_is_the_whole(spans: list[tuple[float, float]]) -> None:
    speech = [Segment(start, start + length) for start, length in spans]
    silence, overlap = summary.silence_and_overlap(speech, 100.0)
    grid = [any(s.start_s <= t / 50 < s.end_s for s in speech) for t in range(5000)]
    assert silence == pytest.approx(100 - sum(grid) / 50, abs=0.05 * (len(speech) + 1))
    assert 0 <= overlap <= sum(s.duration_s for s in speech)


def test_one_turn_is_found_where_it_happens() -> None:
    course = [(float(i), 0.0, 0.4 if i < 6 else -0.5) for i in range(12)]
    (point,) = summary.turning_points(course)
    assert (point.time_s, point.dimension) == (6.0, "valence")
    assert point.before == pytest.approx(0.4)
    assert point.after == pytest.approx(-0.5)


@given(st.lists(st.floats(-0.14, 0.14), max_size=20))
def test_small_changes_are_no_turn(levels: list[float]) -> None:
    assert summary.turning_points([(float(i), x, x) for i, x in enumerate(levels)]) == ()


def test_estimates_without_dimensions_count_as_zero() -> None:
    emotion = Emotion(("anger", "neutral"), (0.3, 0.7))
    (speaker,) = summary.speakers([Estimate(Segment(0, 1), emotion, 0.7)])
    assert (speaker.speaker, speaker.course) == ("speaker", ((0.5, 0.0, 0.0),))
