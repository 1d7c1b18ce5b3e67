"""A session on real speech and on long blocks: cuts and lengths do not matter, and no word goes astray."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hearfelt import Recognizer, audio
from hearfelt.audio.vad import VadOptions
from hearfelt.errors import OptionError, TranscriptError
from hearfelt.pipeline.session import Session, _Channel
from hearfelt.types import Audio, Event, Transcript, Word


@pytest.fixture(scope="module")
def recognizer() -> Recognizer:
    return Recognizer(transcriber="none", words="none")


@pytest.fixture(scope="module", params=["emodb", "ravdess"])
def real(request: pytest.FixtureRequest, data_dir: Path) -> Audio:
    """The first three clips of a corpus, one after the other, with pauses."""
    folder = data_dir / "audio" / str(request.param) / "audio"
    parts = [np.zeros(16000, np.float32)]
    for path in sorted(folder.glob("*.flac"))[:3]:
        parts += [audio.read(path)[0].samples, np.zeros(16000, np.float32)]
    return Audio(np.concatenate(parts), 16000)


def heard(session: Session, sound: Audio, cuts: list[int]) -> Iterator[Event]:
    for first, last in pairwise([0, *sorted(cuts), len(sound.samples)]):
        yield from session.push([Audio(sound.samples[first:last], 16000, 0, first / 16000)])
    yield from session.close()


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_cuts_of_real_speech_do_not_matter(recognizer: Recognizer, real: Audio, data: st.DataObject) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(real.samples)), max_size=12))
    whole = list(heard(recognizer.session(), real, []))
    assert list(heard(recognizer.session(), real, cuts)) == whole
    assert len(whole) >= 2


def test_one_long_block_takes_no_longer_than_many(
    recognizer: Recognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two hours at once: what waits is copied once, not at each step of half a second."""
    channel = _Channel(0, None, recognizer.parts)
    monkeypatch.setattr(channel.vad, "push", lambda sound: [])
    samples = np.zeros(7200 * 16000, np.float32)
    began = time.process_time()
    channel.take(samples)
    while channel.ready:
        channel.step(8000)
    assert channel.tail.end_s == 7200
    assert time.process_time() - began < 5.0  # copying the rest each time moves 3 TB


def test_channels_of_unequal_length_are_heard_to_their_ends(
    recognizer: Recognizer, example_call: Path
) -> None:
    left, right = audio.read(example_call)
    session = recognizer.session(["a", "b"])
    events = session.push([left.cut(0, 5), right]) + session.close()
    alone = recognizer.session(["b"])
    expected = alone.push([Audio(right.samples, 16000)]) + alone.close()
    assert [e.estimate.segment.end_s for e in events if e.estimate.segment.channel == 1] == [
        e.estimate.segment.end_s for e in expected
    ]


def test_words_at_a_cut_go_to_the_utterance_they_are_said_in(real: Audio) -> None:
    """Speech that is cut at its longest length: a word just after the cut belongs to what follows."""
    short = Recognizer(transcriber="none", words="none", vad=VadOptions(max_utterance_s=1.0))
    edges = [(e.estimate.segment.start_s, e.estimate.segment.end_s) for e in heard(short.session(), real, [])]
    joined = [end for (_, end), (start, _) in pairwise(edges) if end == start]
    assert joined
    words = tuple(Word(f"{t:.3f}", t, t) for cut in joined for t in (cut - 0.05, cut, cut + 0.05))
    words += (Word(f"{edges[-1][1] + 0.45:.3f}", edges[-1][1] + 0.45, edges[-1][1] + 0.45),)
    session = Session(short.parts, [None], Transcript(words, "en", "given/json"))
    found = [event.estimate for event in heard(session, real, [5000, 5001])]
    assert session.lost_words == 0
    for estimate in found:
        first, last = estimate.segment.start_s, estimate.segment.end_s
        inside = [float(w) for w in estimate.text.split()]
        assert all(first - 1e-3 <= t < last + 0.5 for t in inside)
        if last in joined:
            assert all(t < last for t in inside)


def named(example_call: Path, folder: Path, agent: str, customer: str) -> Path:
    path = folder / "named.srt"
    text = example_call.with_suffix(".srt").read_text(encoding="utf-8")
    path.write_text(
        text.replace("Agent:", f"{agent}:").replace("Customer:", f"{customer}:"), encoding="utf-8"
    )
    return path


@pytest.mark.parametrize("names", [("S1", "S2"), ("S2", "S1"), ("AGENT", "customer")])
def test_the_names_of_the_user_win(
    recognizer: Recognizer, example_call: Path, tmp_path: Path, names: tuple[str, str]
) -> None:
    """A transcript that calls them S1 and S2: they are found by their sound and called as the user says."""
    expected = recognizer.analyze(
        example_call, transcript=example_call.with_suffix(".srt"), speakers=["agent", "customer"]
    )
    srt = named(example_call, tmp_path, *names)
    found = recognizer.analyze(example_call, transcript=srt, speakers=["agent", "customer"])
    assert [(e.segment, e.text) for e in found.estimates] == [(e.segment, e.text) for e in expected.estimates]
    assert {e.segment.speaker for e in found.estimates} == {"agent", "customer"}


def test_a_failed_start_closes_the_recording(
    recognizer: Recognizer, example_call: Path, tmp_path: Path
) -> None:
    """A recording left open warns when it is collected, and warnings are errors here."""
    with pytest.raises(TranscriptError, match="no transcript at"):
        recognizer.open(example_call, transcript=tmp_path / "none.srt")
    with pytest.raises(OptionError, match=r"1 speakers .* were named for a recording of 2 channels"):
        recognizer.open(example_call, speakers=["a"])
    gc.collect()
    stream = example_call.open("rb")
    with stream, pytest.raises(OptionError):
        recognizer.open(stream, speakers=["a"])
