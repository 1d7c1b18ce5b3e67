"""Every word of a given transcript finds its utterance once, and turns are cut where the speaker changes."""

from __future__ import annotations

import time
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from hearfelt import reports
from hearfelt.pipeline.words import GivenWords, turns
from hearfelt.types import ByTime, Emotion, Estimate, Report, Segment, Transcript, Word


def test_words_go_to_the_channel_of_their_speaker() -> None:
    words = (Word("hello", 0, 1, speaker="Agent"), Word("hi", 0, 1, speaker="customer"))
    taken = GivenWords(Transcript(words), ["agent", "Customer"])
    assert [w.text for w in taken.take(Segment(0, 1.5, channel=1))] == ["hi"]
    assert [w.text for w in taken.take(Segment(0, 1.5, channel=0))] == ["hello"]
    assert taken.lost == []


def test_words_a_little_outside_the_speech_are_kept_and_far_ones_are_lost() -> None:
    words = (Word("early", 0.3, 0.5), Word("in", 1.2, 1.4), Word("late", 2.1, 2.3), Word("lost", 9, 9.5))
    taken = GivenWords(Transcript(words), [None])
    assert [w.text for w in taken.take(Segment(1, 2))] == ["early", "in", "late"]
    assert taken.take(Segment(2.5, 4)) == []
    assert [w.text for w in taken.lost] == ["lost"]


@given(
    st.lists(st.floats(0, 60), max_size=30),
    st.lists(st.tuples(st.floats(0.2, 5), st.floats(0.1, 3)), min_size=1, max_size=10),
)
def test_no_word_is_handed_out_twice(times: list[float], gaps: list[tuple[float, float]]) -> None:
    words = tuple(Word(str(i), t, t + 0.2) for i, t in enumerate(times))
    taken = GivenWords(Transcript(words), [None, None])
    now, handed = 0.0, []
    for i, (length, gap) in enumerate(gaps):
        handed += taken.take(Segment(now, now + length, channel=i % 2))
        now += length + gap
    assert len({word.text for word in handed}) == len(handed)
    assert len(handed) + len(taken.lost) == len(words)


def test_a_word_of_the_next_utterance_stays_where_speech_was_cut() -> None:
    words = (Word("mine", 11.5, 11.9), Word("next", 12.1, 12.3), Word("after", 15.2, 15.4))
    taken = GivenWords(Transcript(words), [None])
    assert [w.text for w in taken.take(Segment(0, 12), ahead_s=0.0)] == ["mine"]
    assert [w.text for w in taken.take(Segment(12, 15))] == ["next", "after"]
    assert taken.lost == []


def test_many_words_and_utterances_take_a_moment() -> None:
    """8 hours of talk, two channels, words without a name; the time must not grow with the square."""
    words = tuple(
        Word("w", 3 * i + 0.25 * k, 3 * i + 0.25 * k + 0.2) for i in range(10_000) for k in range(10)
    )
    began = time.process_time()
    taken = GivenWords(Transcript(words), ["a", "b"])
    handed = sum(len(taken.take(Segment(3 * i, 3 * i + 2.6, channel=i % 2))) for i in range(10_000))
    assert handed == 100_000
    assert taken.lost == []
    assert time.process_time() - began < 1.0


def test_the_words_of_many_utterances_are_found_in_a_moment() -> None:
    """`ByTime`, and the TextGrid that asks it; looking through all words each time takes minutes."""
    said = (Word("w", 3 * i + 0.25 * k, 3 * i + 0.25 * k + 0.2) for i in range(10_000) for k in range(10))
    transcript = Transcript(tuple(said))
    segments = [Segment(3 * i, 3 * i + 2.6, "a") for i in range(10_000)]
    began = time.process_time()
    words = ByTime(transcript)
    assert sum(len(words.between(segment)) for segment in segments) == 100_000
    assert time.process_time() - began < 1.0
    emotion = Emotion(("anger", "neutral"), (0.3, 0.7))
    found = tuple(Estimate(segment, emotion, 0.7) for segment in segments)
    began = time.process_time()
    assert reports.render(Report("a", 30_000, found, transcript), "textgrid").count('"w"') == 100_000
    assert time.process_time() - began < 5.0  # it writes 26 MB


@given(
    st.lists(
        st.tuples(st.floats(-2, 8), st.floats(0, 1), st.sampled_from([None, "x", "y", "Z"])), max_size=12
    ),
    st.floats(0.01, 6),
)
def test_every_word_is_in_one_turn(said: list[tuple[float, float, str | None]], length: float) -> None:
    """Also words from before and after the utterance; the turns touch and cover it."""
    words = [
        Word(str(i), start, start + span, speaker=who)
        for i, (start, span, who) in enumerate(sorted(said, key=str))
    ]
    found = turns(Segment(0, length, None, 1), words, "z")
    assert [w.text for _, run in found for w in run] == [w.text for w in words]
    assert (found[0][0].start_s, found[-1][0].end_s) == (0, length)
    for (before, _), (after, _) in pairwise(found):
        assert before.end_s == after.start_s
        assert before.speaker != after.speaker
    assert all(turn.duration_s > 0 and turn.channel == 1 for turn, _ in found)


def test_a_word_from_before_the_utterance_joins_its_neighbour() -> None:
    words = [Word("yes", -0.6, -0.3, speaker="x"), Word("well", 0.2, 0.4, speaker="y")]
    ((turn, said),) = turns(Segment(0, 3), words, None)
    assert (turn.speaker, [w.text for w in said]) == ("y", ["yes", "well"])


def test_turns_cover_the_utterance_and_change_with_the_speaker() -> None:
    words = [Word("a", 0, 1, speaker="x"), Word("b", 1, 2, speaker="x"), Word("c", 3, 4, speaker="y")]
    (first, said), (second, answer) = turns(Segment(0, 5), words, "default")
    assert (first.start_s, first.end_s, first.speaker) == (0, 2.5, "x")
    assert (second.start_s, second.end_s, second.speaker) == (2.5, 5, "y")
    assert [w.text for w in said] == ["a", "b"]
    assert [w.text for w in answer] == ["c"]


def test_without_names_the_default_speaks() -> None:
    assert turns(Segment(0, 1, None, 1), [], "agent") == [(Segment(0, 1, "agent", 1), [])]
    ((segment, words),) = turns(Segment(0, 1), [Word("a", 0, 1)], None)
    assert segment.speaker is None
    assert len(words) == 1
