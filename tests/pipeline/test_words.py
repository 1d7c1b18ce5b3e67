"""Every word of a given transcript finds its utterance once, and turns are cut where the speaker changes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hearfelt.pipeline.words import GivenWords, turns
from hearfelt.types import Segment, Transcript, Word


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
