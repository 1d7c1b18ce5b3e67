"""One sound, one answer: whatever the container, the door, or the blocks it comes in."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import hearfelt
from hearfelt import Recognizer, Report, audio, reports
from hearfelt.errors import AudioError, OptionError
from hearfelt.types import Audio, Estimate, Segment, Transcript, Word


@pytest.fixture(scope="module")
def recognizer() -> Recognizer:
    return Recognizer(transcriber="none")


@pytest.fixture(scope="module")
def report(recognizer: Recognizer, example_call: Path) -> Report:
    srt = example_call.with_suffix(".srt")
    return recognizer.analyze(example_call, transcript=srt, speakers=["agent", "customer"])


def assert_close(a: Report, b: Report, tolerance: float, shift_s: float = 0.001) -> None:
    """The same utterances with the same verdicts, within a tolerance of each probability."""
    assert len(a.estimates) == len(b.estimates)
    for left, right in zip(a.estimates, b.estimates, strict=True):
        assert left.segment.speaker == right.segment.speaker
        assert left.segment.start_s == pytest.approx(right.segment.start_s, abs=shift_s)
        assert left.segment.end_s == pytest.approx(right.segment.end_s, abs=shift_s)
        assert left.emotion.probabilities == pytest.approx(right.emotion.probabilities, abs=tolerance)
        assert left.text == right.text


def test_from_path_bytes_and_file_object(recognizer: Recognizer, report: Report, example_call: Path) -> None:
    names, srt = ["agent", "customer"], example_call.with_suffix(".srt")
    data = example_call.read_bytes()
    assert_close(recognizer.analyze(data, transcript=srt, speakers=names), report, 0.0)
    assert_close(recognizer.analyze(io.BytesIO(data), transcript=srt, speakers=names), report, 0.0)


def test_one_call_gives_the_same(report: Report, example_call: Path) -> None:
    again = hearfelt.analyze(
        example_call,
        transcript=example_call.with_suffix(".srt"),
        speakers=["agent", "customer"],
        transcriber="none",
    )
    assert_close(again, report, 0.0)


def test_lossless_containers_give_the_same(
    recognizer: Recognizer, report: Report, example_call: Path, tmp_path: Path
) -> None:
    samples, rate = soundfile.read(str(example_call), dtype="int16")
    wav, mkv = tmp_path / "call.wav", tmp_path / "call.mkv"
    soundfile.write(str(wav), samples, rate)
    with av.open(str(mkv), "w") as container:
        track = container.add_stream("pcm_s16le", rate=rate, layout="stereo")
        for first in range(0, len(samples), 4096):
            part = np.ascontiguousarray(samples[first : first + 4096]).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(part, format="s16", layout="stereo")
            frame.sample_rate, frame.pts = rate, first
            container.mux(track.encode(frame))
        container.mux(track.encode(None))
    names, srt = ["agent", "customer"], example_call.with_suffix(".srt")
    for path in (wav, mkv):
        assert_close(recognizer.analyze(path, transcript=srt, speakers=names), report, 1e-6)


@pytest.mark.parametrize(("ending", "codec"), [("opus", "libopus"), ("m4a", "aac")])
def test_lossy_copies_give_nearly_the_same(
    recognizer: Recognizer, report: Report, example_call: Path, tmp_path: Path, ending: str, codec: str
) -> None:
    """At 96 kbit/s: the same utterances within 0.15 s, each probability within 0.25.

    Measured with PyAV's encoders on the example call: times differ by at most 0.032 s, probabilities by at
    most 0.117 (Opus) and 0.177 (AAC), in the middle of all utterances by less than 0.1.
    """
    samples, rate = soundfile.read(str(example_call), dtype="int16")
    copy = tmp_path / f"call.{ending}"
    with av.open(str(copy), "w") as container:
        track = container.add_stream(codec, rate=rate, layout="stereo")
        track.bit_rate = 96_000
        resampler = av.AudioResampler(
            format=track.format.name,
            layout="stereo",
            rate=rate,
            frame_size=track.codec_context.frame_size or 1024,
        )
        whole = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="stereo")
        whole.sample_rate, whole.pts = rate, 0
        for frame in [*resampler.resample(whole), *resampler.resample(None)]:
            container.mux(track.encode(frame))
        container.mux(track.encode(None))
    srt = example_call.with_suffix(".srt")
    found = recognizer.analyze(copy, transcript=srt, speakers=["agent", "customer"])
    assert_close(found, report, 0.25, shift_s=0.15)
    pairs = zip(found.estimates, report.estimates, strict=True)
    away = [np.abs(np.subtract(a.emotion.probabilities, b.emotion.probabilities)).max() for a, b in pairs]
    assert np.median(away) < 0.1


def test_the_command_prints_what_the_library_finds(
    report: Report, example_call: Path, tmp_path: Path
) -> None:
    """The console's JSON holds the estimates of the API; another number of threads may round otherwise."""
    srt = str(example_call.with_suffix(".srt"))
    command = [sys.executable, "-m", "hearfelt", "analyze", str(example_call), "--transcript", srt]
    command += ["--speakers", "agent,customer", "--transcriber", "none", "--format", "json"]
    done = subprocess.run(command, capture_output=True, check=True, timeout=120)
    path = tmp_path / "report.json"
    path.write_bytes(done.stdout)
    printed = reports.read(path)
    assert_close(printed, report, 1e-5)
    assert [e.reason for e in printed.estimates] == [e.reason for e in report.estimates]
    assert printed.speakers
    assert len(printed.estimates) == len(report.estimates) > 10


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_blocks_do_not_matter(recognizer: Recognizer, example_call: Path, data: st.DataObject) -> None:
    """Live or from a file: cut anywhere, the estimates are the same to the last bit."""
    channels = [a.cut(0, 20) for a in audio.read(example_call)]
    whole = list(run(recognizer, channels, []))
    cuts = sorted(data.draw(st.lists(st.integers(1, 20 * 16000 - 1), max_size=12)))
    assert list(run(recognizer, channels, cuts)) == whole
    assert whole


def run(recognizer: Recognizer, channels: list[Audio], cuts: list[int]) -> Iterator[Estimate]:
    session = recognizer.session(["a", "b"])
    edges = [0, *cuts, len(channels[0].samples)]
    for first, last in pairwise(edges):
        block = [Audio(c.samples[first:last], 16000, c.channel, first / 16000) for c in channels]
        yield from (event.estimate for event in session.push(block))
    yield from (event.estimate for event in session.close())


def test_estimates_are_whole(report: Report) -> None:
    assert report.duration_s == pytest.approx(soundfile.info(report.file).duration, abs=0.01)
    for estimate in report.estimates:
        assert sum(estimate.emotion.probabilities) == pytest.approx(1, abs=1e-5)
        assert 0 <= estimate.confidence <= 1
        assert estimate.emotion.label in estimate.label_set or not estimate.label_set
        assert estimate.emotion.arousal is not None
        assert estimate.reason
        assert 0 <= estimate.segment.start_s < estimate.segment.end_s <= report.duration_s + 0.01
    starts = [e.segment.start_s for e in report.estimates]
    assert starts == sorted(starts)


def test_every_word_is_somewhere(report: Report, example_call: Path) -> None:
    said = " ".join(e.text for e in report.estimates).split()
    assert sorted(said) == sorted(w.text for w in report.transcript.words)


def test_denoised_still_works(recognizer: Recognizer, example_call: Path) -> None:
    denoised = Recognizer(transcriber="none", words="none", denoise=True).analyze(example_call)
    assert len(denoised.estimates) > 5


def test_mono_with_named_turns(recognizer: Recognizer, example_call: Path) -> None:
    """One channel with two people: the transcript says who speaks, and utterances are cut between them."""
    left, right = audio.read(example_call)
    buffer = io.BytesIO()
    soundfile.write(buffer, (left.samples + right.samples) / 2, 16000, format="WAV")
    buffer.seek(0)
    found = recognizer.analyze(buffer, transcript=example_call.with_suffix(".srt"))
    assert {e.segment.speaker for e in found.estimates} == {"Agent", "Customer"}


def test_lost_words_are_told(recognizer: Recognizer, example_call: Path) -> None:
    words = Transcript((Word("nowhere", 0.0, 0.01, channel=0),), "en", "given/json")
    buffer = io.BytesIO()
    samples = np.concatenate(
        [np.zeros(16000 * 5, np.float32), audio.read(example_call)[0].samples[: 16000 * 8]]
    )
    soundfile.write(buffer, samples, 16000, format="WAV")
    buffer.seek(0)
    found = recognizer.analyze(buffer, transcript=words)
    assert "1 word of the transcript lies where no speech was found and was left out" in found.warnings


def test_plain_text_is_laid_over_the_speech(
    recognizer: Recognizer, example_call: Path, tmp_path: Path
) -> None:
    """Text without times: every word lands in an utterance, none in the silence between."""
    text = tmp_path / "call.txt"
    text.write_text("We were told it would work. " * 12, encoding="utf-8")
    mono = tmp_path / "mono.wav"
    soundfile.write(str(mono), audio.read(example_call)[1].samples, 16000)
    found = recognizer.analyze(mono, transcript=text)
    assert sum(len(e.text.split()) for e in found.estimates) == 12 * 6
    assert not any("left out" in warning for warning in found.warnings)


def test_words_in_another_language_yield_no_evidence_and_say_so(
    recognizer: Recognizer, example_call: Path
) -> None:
    sentence = "Guten Tag, hier spricht die Kundenbetreuung, wie kann ich Ihnen heute weiterhelfen?"
    words = tuple(Word(w, 0.5 + i * 0.3, 0.7 + i * 0.3, channel=0) for i, w in enumerate(sentence.split()))
    found = recognizer.analyze(example_call, transcript=Transcript(words, "de", "given/json"))
    assert not any(e.source.startswith("words") for item in found.estimates for e in item.evidence)
    assert any("de" in warning for warning in found.warnings)


def test_session_refuses_what_does_not_fit(recognizer: Recognizer) -> None:
    session = recognizer.session(["a"])
    with pytest.raises(AudioError, match="a block of 2 channels came to a session of 1"):
        session.push([Audio(np.zeros(10, np.float32), 16000)] * 2)
    with pytest.raises(
        AudioError, match="a block at 8000 Hz came to a session at 16000 Hz; resample it first"
    ):
        session.push([Audio(np.zeros(10, np.float32), 8000)])


def test_unknown_option_lists_the_known() -> None:
    with pytest.raises(OptionError, match="unknown option voices; known: voice, voice_precision, words, "):
        Recognizer(voices="base")
    with pytest.raises(OptionError, match="either options or single fields"):
        Recognizer(hearfelt.RecognizerOptions(), voice="none")


def test_segment_overlap() -> None:
    assert Segment(0, 2).overlap_s(Segment(1, 5)) == 1
    assert Segment(0, 2).overlap_s(Segment(3, 5)) == 0


def test_mono_in_two_channels_is_one_voice(
    recognizer: Recognizer, example_call: Path, tmp_path: Path
) -> None:
    """A stereo file with the same sound twice, as phones write it, is one speaker; a real call stays two."""
    mono = audio.read(example_call)[1].samples[: 16000 * 12]
    path = tmp_path / "twice.wav"
    soundfile.write(str(path), np.stack([mono, mono], axis=1), 16000)
    found = recognizer.analyze(path)
    assert {e.segment.channel for e in found.estimates} == {0}
    assert len(found.waveforms) == 1
    assert "both channels hold the same sound; it was heard as one channel" in found.warnings
    named = recognizer.analyze(path, speakers=["a", "b"])
    assert {e.segment.speaker for e in named.estimates} == {"a", "b"}
