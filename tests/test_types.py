"""The values: round trips through JSON, cuts, joins, and what they refuse."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearfelt import labels
from hearfelt.errors import HearfeltError, MissingExtraError, OptionError
from hearfelt.types import (
    Audio,
    Component,
    Emotion,
    Estimate,
    Evidence,
    Report,
    Segment,
    SpeakerSummary,
    Transcript,
    TurningPoint,
    Waveform,
    Word,
    from_dict,
    join_words,
    to_dict,
)

shares = st.floats(0, 1, allow_nan=False)


@st.composite
def emotions(draw: st.DrawFn) -> Emotion:
    raw = np.array(draw(st.lists(st.floats(0.01, 1), min_size=7, max_size=7)))
    return labels.emotion(labels.EKMAN7, (raw / raw.sum()).tolist())


@st.composite
def reports(draw: st.DrawFn) -> Report:
    segment = Segment(draw(shares), 1 + draw(shares), draw(st.sampled_from([None, "agent", "顾客"])), 1)
    emotion = draw(emotions())
    evidence = Evidence(
        "voice/base", segment, emotion, draw(shares), "note", {"snr_db": 3.0, "list": [1, "a"]}
    )
    estimate = Estimate(
        segment,
        emotion,
        draw(shares),
        ("anger", "fear"),
        0.9,
        draw(st.booleans()),
        (evidence,),
        text=draw(st.text()),
    )
    words = tuple(
        Word(w, 0.0, 1.0, None, "agent", 0) for w in draw(st.lists(st.text(max_size=5), max_size=3))
    )
    speaker = SpeakerSummary(
        "agent",
        0,
        1,
        2.0,
        {"anger": 1.0},
        ((0.5, 0.1, -0.2),),
        (TurningPoint(1.0, "valence", 0.1, -0.5),),
        1,
        3,
    )
    return Report(
        "call.flac",
        10.0,
        (estimate,),
        Transcript(words, "en", "given"),
        (speaker,),
        components=(Component("voice", "base", "1", "CC BY-NC-SA 4.0"),),
        warnings=("w",),
        waveforms=(Waveform(0, None, 0.1, (0.0, 0.5)),),
        options={"coverage": 0.9},
    )


@given(reports())
def test_report_survives_json(report: Report) -> None:
    again = from_dict(Report, json.loads(json.dumps(to_dict(report))))
    assert again == report


def test_audio_survives_json() -> None:
    audio = Audio(np.array([0.0, 0.5, -1.0], np.float32), 16000, 1, 2.5)
    again = from_dict(Audio, json.loads(json.dumps(to_dict(audio))))
    assert again.samples.dtype == np.float32
    assert np.array_equal(again.samples, audio.samples)
    assert (again.sample_rate_hz, again.channel, again.start_s) == (16000, 1, 2.5)


def test_from_dict_names_unknown_and_missing_keys() -> None:
    with pytest.raises(ValueError, match=r"Segment has no speeker; it has start_s, end_s, speaker, channel"):
        from_dict(Segment, {"start_s": 0, "end_s": 1, "speeker": "a"})
    with pytest.raises(ValueError, match=r"Segment needs end_s"):
        from_dict(Segment, {"start_s": 0})


@given(st.floats(-1, 5), st.floats(-1, 5))
def test_cut_stays_inside_and_keeps_time(start_s: float, end_s: float) -> None:
    audio = Audio(np.arange(32000, dtype=np.float32) / 32000, 16000, 0, 1.0)
    part = audio.cut(start_s, end_s)
    assert len(part.samples) <= len(audio.samples)
    if len(part.samples):
        assert part.samples[0] == pytest.approx((part.start_s - 1.0) / 2, abs=1e-4)


def test_emotion_refuses_what_is_no_probability() -> None:
    with pytest.raises(ValueError, match="2 labels but 1 probabilities"):
        Emotion(("anger", "fear"), (1.0,))
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\]"):
        Emotion(("anger",), (float("nan"),))


def test_emotion_sorts_its_scores() -> None:
    emotion = Emotion(("anger", "fear", "neutral"), (0.2, 0.5, 0.3))
    assert emotion.label == "fear"
    assert list(emotion.scores) == ["fear", "neutral", "anger"]
    assert emotion.probability("joy") == 0.0


def test_estimate_that_abstains_is_uncertain() -> None:
    emotion = labels.emotion(labels.EKMAN7, [1 / 7] * 7)
    assert Estimate(Segment(0, 1), emotion, 0.2, abstained=True).label == "uncertain"


def test_words_join_without_spaces_in_chinese() -> None:
    assert join_words([Word(w, 0, 1) for w in ("这", "不行", "，", "really", "no")]) == "这不行， really no"


def test_transcript_between_takes_words_by_middle_and_speaker() -> None:
    transcript = Transcript((Word("a", 0, 1, speaker="x"), Word("b", 1, 2), Word("c", 1.5, 3.5, channel=1)))
    assert [w.text for w in transcript.between(Segment(0, 2, "x", 0))] == ["a", "b"]
    assert [w.text for w in transcript.between(Segment(0, 3, "y", 1))] == ["b", "c"]


def test_frame_has_the_index_of_the_field() -> None:
    pytest.importorskip("pandas")
    emotion = labels.emotion(labels.EKMAN7, [0.4, *[0.1] * 6])
    frame = Report("a.wav", 3.0, (Estimate(Segment(0.5, 2.0, "x"), emotion, 0.5),)).to_frame()
    assert frame.index.names == ["file", "start", "end"]
    assert frame.iloc[0]["emotion"] == "anger"
    assert frame.index[0][1].total_seconds() == 0.5
    assert Report("a.wav", 3.0).to_frame().index.names == ["file", "start", "end"]


def test_labels_of_other_people_and_dimensions() -> None:
    assert labels.canonical(" Happy ") == "happiness"
    assert labels.canonical("愤怒") == "anger"
    with pytest.raises(OptionError, match=r"unknown emotion label 'hangry'; known: anger, disgust"):
        labels.canonical("hangry")
    assert labels.dimensions(("anger",), (1.0,)) == (0.59, -0.51, 0.25)
    with pytest.raises(OptionError, match="unknown label with arousal and valence 'calm'"):
        labels.dimensions(("calm",), (1.0,))


@given(emotions())
def test_dimensions_stay_in_range(emotion: Emotion) -> None:
    for value in (emotion.arousal, emotion.valence, emotion.dominance):
        assert value is not None
        assert -1 <= value <= 1


def test_missing_extra_says_how_to_mend_it() -> None:
    error = MissingExtraError("Report.to_frame", "pandas", "frame")
    assert str(error) == "Report.to_frame needs pandas, which is not installed: pip install 'hearfelt[frame]'"
    assert isinstance(error, HearfeltError)
