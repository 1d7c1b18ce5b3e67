"""Voice activity: it finds speech, keeps its promises on length, and is the same however the sound is cut."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hearfelt import audio
from hearfelt.audio import silero, vad
from hearfelt.errors import AudioError, ModelError, OptionError
from hearfelt.types import Audio, Segment

from .test_resample import cuts

RATE = 16000
SHORT = vad.VadOptions(min_silence_ms=300, max_utterance_s=1.5, pad_ms=60)


def real(data_dir: Path) -> Audio:
    """Real speech of three corpora in a row, with pauses between, about 30 s."""
    files: list[Path] = []
    for corpus in ("emodb", "ravdess", "nemo"):
        found = sorted(p for p in (data_dir / "audio" / corpus / "audio").rglob("*") if p.is_file())
        files += found[:: max(1, len(found) // 3)][:3]
    parts: list[np.ndarray] = []
    for file in files:
        parts += [audio.read(file)[0].samples, np.zeros(7000, np.float32)]
    return Audio(np.concatenate(parts), RATE)


@pytest.fixture(scope="module")
def real_speech(data_dir: Path) -> Audio:
    return real(data_dir)


@pytest.fixture(scope="module")
def call(example_call: Path) -> list[Audio]:
    return audio.read(example_call)


def in_blocks(sound: Audio, sizes: list[int], options: vad.VadOptions) -> list[Segment]:
    activity = vad.VoiceActivity(options)
    found: list[Segment] = []
    for cut in cuts(len(sound.samples), sizes):
        start_s = sound.start_s + cut.start / RATE
        found += activity.push(Audio(sound.samples[cut], RATE, sound.channel, start_s))
    return found + activity.close()


SIZES = st.lists(st.one_of(st.integers(1, 700), st.integers(700, 200_000)), min_size=1, max_size=8).filter(
    lambda sizes: sum(sizes) > 4000
)


@pytest.mark.parametrize("options", [vad.VadOptions(), SHORT], ids=["usual", "short"])
def test_real_speech_cut_anywhere(real_speech: Audio, options: vad.VadOptions) -> None:
    one = vad.detect(real_speech, options)
    assert len(one) > 5

    @settings(max_examples=5, deadline=None)
    @given(sizes=SIZES)
    def cut_anywhere(sizes: list[int]) -> None:
        assert in_blocks(real_speech, sizes, options) == one

    cut_anywhere()


def test_example_call_cut_anywhere(call: list[Audio]) -> None:
    half = call[1].cut(0, 30)
    one = vad.detect(half, SHORT)
    assert len(one) > 3

    @settings(max_examples=5, deadline=None)
    @given(sizes=SIZES)
    def cut_anywhere(sizes: list[int]) -> None:
        assert in_blocks(half, sizes, SHORT) == one

    cut_anywhere()


@settings(max_examples=6, deadline=None)
@given(sizes=SIZES)
def test_probabilities_are_the_same_to_the_last_bit(call: list[Audio], sizes: list[int]) -> None:
    chunks = call[0].samples[: 300 * silero.CHUNK].reshape(-1, silero.CHUNK)
    one = silero.Silero().push(chunks)
    network = silero.Silero()
    parts = [network.push(chunks[cut]) for cut in cuts(len(chunks), [1 + s % 40 for s in sizes])]
    np.testing.assert_array_equal(np.concatenate(parts), one)


def cues(path: Path) -> Iterator[tuple[str, float, float]]:
    """Speaker, start and end of each cue of the example's SRT."""

    def seconds(stamp: str) -> float:
        hours, minutes, rest = stamp.replace(",", ".").split(":")
        return 3600 * int(hours) + 60 * int(minutes) + float(rest)

    for cue in path.read_text(encoding="utf-8").strip().split("\n\n"):
        _, times, words = cue.split("\n")
        start, end = times.split(" --> ")
        yield words.split(":")[0], seconds(start), seconds(end)


def test_example_call_has_the_turns_of_its_script(call: list[Audio], example_call: Path) -> None:
    for channel, speaker in enumerate(("Agent", "Customer")):
        wanted = [(s, e) for who, s, e in cues(example_call.with_suffix(".srt")) if who == speaker]
        found = vad.detect(call[channel])
        assert len(found) == len(wanted)
        for segment, (start, end) in zip(found, wanted, strict=True):
            assert segment.channel == channel
            assert segment.start_s == pytest.approx(start, abs=0.25)
            assert segment.end_s == pytest.approx(end, abs=0.25)


def test_every_real_utterance_is_found(data_dir: Path) -> None:
    files = sorted((data_dir / "audio" / "ravdess" / "audio").iterdir())[::60]
    for file in files:
        (sound,) = audio.read(file)
        found = vad.detect(sound)
        assert found, file.name
        middle = sound.duration_s / 2
        assert any(s.start_s < middle < s.end_s for s in found)
        assert found[0].start_s > 0.3  # the corpus has about a second of silence at both ends


def test_numpy_network_is_the_packages(call: list[Audio]) -> None:
    chunks = call[1].samples[: 400 * silero.CHUNK].reshape(-1, silero.CHUNK)
    ours, theirs = silero.Silero().push(chunks), silero.PackageSilero().push(chunks)
    np.testing.assert_allclose(ours, theirs, atol=0.01)
    assert theirs.max() > 0.9 > 0.1 > theirs.min()


def test_packages_network_where_there_are_no_weights(
    call: list[Audio], monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = Audio(call[0].samples[: 8 * RATE], RATE)
    wanted = vad.detect(sound)

    def missing() -> None:
        raise ModelError("no weights")

    monkeypatch.setattr(silero, "_weights", missing)
    activity = vad.VoiceActivity()
    assert isinstance(activity._detector, silero.PackageSilero)
    assert activity.push(sound) + activity.close() == wanted


def test_unknown_weights_are_refused() -> None:
    with pytest.raises(ValueError, match="not a 16 kHz Silero model"):
        silero._tensors(b"lmgg" + bytes(100))


def test_component_names_the_model() -> None:
    component = vad.component()
    assert (component.kind, component.name, component.licence) == ("vad", "silero-vad", "MIT")
    assert component.version.count(".") == 2


@pytest.mark.parametrize("level", [0.0, 1e-4, 0.05])
def test_silence_and_noise_are_no_speech(level: float) -> None:
    noise = level * np.random.default_rng(0).standard_normal(10 * RATE)
    assert vad.detect(Audio(noise.astype(np.float32), RATE)) == []


def test_lengths_and_order(real_speech: Audio) -> None:
    for options in (vad.VadOptions(), SHORT, vad.VadOptions(min_silence_ms=2000, max_utterance_s=4)):
        found = vad.detect(real_speech, options)
        assert found
        for before, after in itertools.pairwise(found):
            assert before.end_s <= after.start_s
        for segment in found:
            assert 0 <= segment.start_s < segment.end_s <= real_speech.end_s
            assert segment.duration_s <= options.max_utterance_s + 2 * options.pad_ms / 1000


def test_minimum_length_drops_and_longer_pause_merges(call: list[Audio]) -> None:
    usual = vad.detect(call[0])
    longest = max(s.duration_s for s in usual)
    long_only = vad.detect(call[0], vad.VadOptions(min_speech_ms=1000 * (longest - 0.5), max_utterance_s=60))
    assert 0 < len(long_only) < len(usual)
    merged = vad.detect(call[0], vad.VadOptions(min_silence_ms=8000, max_utterance_s=120))
    assert len(merged) == 1
    assert merged[0].start_s == usual[0].start_s
    assert merged[0].end_s == usual[-1].end_s


def test_a_long_utterance_is_cut_where_it_is_quiet(real_speech: Audio) -> None:
    options = vad.VadOptions(min_silence_ms=3000, max_utterance_s=5)
    found = vad.detect(real_speech, options)
    joints = [a.end_s for a, b in itertools.pairwise(found) if a.end_s == b.start_s]
    assert len(joints) >= 4
    powers = [float(np.mean(real_speech.cut(t - 0.05, t + 0.05).samples ** 2)) for t in joints]
    assert np.median(powers) < 0.05 * float(np.mean(real_speech.samples**2))


def test_padding_is_what_was_asked_for(call: list[Audio]) -> None:
    bare = vad.detect(call[0], vad.VadOptions(pad_ms=0))
    padded = vad.detect(call[0], vad.VadOptions(pad_ms=150))
    assert len(bare) == len(padded)
    for a, b in zip(bare[1:], padded[1:], strict=True):
        assert a.start_s - b.start_s == pytest.approx(0.15)
        assert b.end_s - a.end_s == pytest.approx(0.15)


def test_reset_and_start_time(call: list[Audio]) -> None:
    activity = vad.VoiceActivity()
    first = activity.push(call[0]) + activity.close()
    activity.reset()
    late = Audio(call[0].samples, RATE, 3, start_s=100.0)
    second = activity.push(late) + activity.close()
    assert [s.start_s + 100 for s in first] == pytest.approx([s.start_s for s in second])
    assert {s.channel for s in second} == {3}


def test_the_open_utterance_can_be_seen(call: list[Audio]) -> None:
    activity = vad.VoiceActivity()
    assert activity.open is None
    assert activity.push(call[0].cut(0, 2)) == []
    assert activity.open is not None
    assert 0.2 < activity.open.start_s < 0.5
    assert 1.5 < activity.open.end_s <= 2
    (done,) = activity.push(call[0].cut(2, 6))
    assert done.start_s < 0.5
    assert activity.open is None


def test_other_rates_and_gaps_are_refused(speech: Callable[..., Audio]) -> None:
    with pytest.raises(
        AudioError,
        match=r"^voice activity needs sound at 16000 Hz, not 8000 Hz; read it with sample_rate_hz=",
    ):
        vad.detect(speech(1, sample_rate_hz=8000))
    activity = vad.VoiceActivity()
    activity.push(speech(1))
    with pytest.raises(
        AudioError,
        match=r"^a block of channel 0 at 0.000 s does not follow on channel 0 at 1.000 s;"
        r" push the blocks of one channel in order, or reset\(\)$",
    ):
        activity.push(speech(1))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": 1.5}, "threshold 1.5 is out of range; give a number between 0 and 1"),
        ({"release": 0.9}, "release 0.9 is out of range; give a number above 0, at most threshold (0.5)"),
        ({"pad_ms": -1}, "pad_ms -1 is out of range; give milliseconds from 0"),
        (
            {"max_utterance_s": 0.5},
            "max_utterance_s 0.5 is too short; give at least three times min_speech_ms (0.75 s)",
        ),
    ],
)
def test_bad_options_are_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(OptionError) as caught:
        vad.VadOptions(**options)  # type: ignore[arg-type]
    assert str(caught.value) == message
