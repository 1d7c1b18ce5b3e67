"""Prosody transfer: what is put on is what was measured, and what stays is the voice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from hearfelt import audio
from hearfelt.datasets import corpora
from hearfelt.datasets.synth import align, espeak, level, transfer, world
from hearfelt.datasets.synth.ruled import Recorded
from hearfelt.errors import AudioError
from hearfelt.features.frames import FrameFeatures
from hearfelt.types import Audio

from .conftest import TEXTS, Spoken


def write(path: Path, sound: Audio) -> Path:
    soundfile.write(str(path), sound.samples, sound.sample_rate_hz)
    return path


def likeness(one: world.Speech, other: world.Speech) -> tuple[float, float]:
    """Correlation of the F0 contours (where both are voiced) and of intensity, frame by frame."""
    n = min(len(one), len(other))
    both = one.voiced[:n] & other.voiced[:n]
    pitch = np.corrcoef(world.bridged(one)[:n][both], world.bridged(other)[:n][both])[0, 1]
    loud = np.corrcoef(one.intensity_db[:n], other.intensity_db[:n])[0, 1]
    return float(pitch), float(loud)


@pytest.mark.parametrize("emotion", ["anger", "surprise", "sadness"])
def test_the_contour_of_the_source_arrives(spoken: Spoken, emotion: str) -> None:
    neutral = world.analyse(spoken("en", "m1", "neutral"))
    source, rest = spoken("en", "f1", emotion), spoken("en", "f1", "neutral")
    prosody = transfer.measure(source, rest)
    made = transfer.transfer(neutral, prosody, method="cepstrum")
    assert len(made) == pytest.approx(len(prosody.speech), rel=0.03)
    raised = prosody.speech.mean_f0_hz / world.analyse(rest).mean_f0_hz
    assert made.mean_f0_hz / neutral.mean_f0_hz == pytest.approx(raised, rel=0.06)
    pitch, loud = likeness(made, prosody.speech)
    assert pitch > 0.8 and loud > 0.6
    heard = FrameFeatures()(level.finished(world.synthesise(made), 16000, -26))["f0_hz"]
    assert np.exp(np.log(heard[heard > 0]).mean()) == pytest.approx(made.mean_f0_hz, rel=0.08)


def test_a_share_of_0_leaves_the_speech_and_half_lies_between(spoken: Spoken) -> None:
    neutral = world.analyse(spoken("en", "m1", "neutral"))
    prosody = transfer.measure(spoken("en", "f1", "anger"), spoken("en", "f1", "neutral"))
    none, half, full = (transfer.transfer(neutral, prosody, share=share) for share in (0.0, 0.5, 1.0))
    np.testing.assert_allclose(none.f0_hz, neutral.f0_hz)
    assert none.level_dbfs == neutral.level_dbfs
    assert neutral.mean_f0_hz < half.mean_f0_hz < full.mean_f0_hz
    assert len(full) < len(half) < len(neutral)
    assert neutral.level_dbfs < half.level_dbfs < full.level_dbfs


def test_without_a_reference_only_the_shape_moves(spoken: Spoken) -> None:
    neutral = world.analyse(spoken("en", "m1", "neutral"))
    prosody = transfer.measure(spoken("en", "f1", "anger"))
    made = transfer.transfer(neutral, prosody)
    assert made.mean_f0_hz == pytest.approx(neutral.mean_f0_hz, rel=0.06)
    assert (made.level_dbfs, prosody.tilt_db_oct) == (neutral.level_dbfs, 0.0)
    assert np.log(made.f0_hz[made.voiced]).std() > 1.3 * np.log(neutral.f0_hz[neutral.voiced]).std()


def test_any_words_by_syllables(spoken: Spoken, tmp_path: Path) -> None:
    source = write(tmp_path / "s.wav", spoken("de", "m2", "happiness"))
    rest = write(tmp_path / "r.wav", spoken("de", "m2", "neutral"))
    voice = transfer.TransferVoice(espeak.Spoken("pl", "f3"), source, rest)
    made = voice.speak(TEXTS["pl"], "happiness")
    assert made.duration_s == pytest.approx(audio.read(source)[0].duration_s, rel=0.1)
    assert np.abs(made.samples).max() < level.CEILING
    facts = voice.provenance("happiness", 0.5)
    assert facts["engine"] == "transfer" and facts["parameters"] == {"share": 0.5, "align": "syllables"}
    assert facts["prosody"]["file"] == str(source) and len(facts["prosody"]["reference_sha256"]) == 16


def test_a_recording_of_ones_own(spoken: Spoken, tmp_path: Path) -> None:
    own = write(tmp_path / "own.wav", spoken("en", "m1", "neutral"))
    source = write(tmp_path / "s.wav", spoken("en", "f1", "sadness"))
    voice = transfer.TransferVoice(Recorded(own), source, method="cepstrum")
    made = voice.speak("", "sadness")
    assert voice.speaker == "own"
    assert made.duration_s > audio.read(own)[0].duration_s
    assert voice.provenance("sadness")["source"] == str(own)


@pytest.mark.parametrize(
    ("sound", "words"),
    [
        (np.zeros(16000), "is silent (peak 0.0000): give speech"),
        (
            0.3 * np.sin(np.arange(400)),
            "of voice in 0.03 s: prosody needs at least 0.2 s of it; give a longer utterance",
        ),
    ],
)
def test_a_source_without_prosody_is_refused(tmp_path: Path, sound: np.ndarray, words: str) -> None:
    path = write(tmp_path / "s.wav", Audio(sound.astype(np.float32), 16000))
    with pytest.raises(AudioError) as error:
        transfer.TransferVoice(espeak.Spoken("en"), path)
    assert words in str(error.value) and str(path) in str(error.value)


def test_real_anger_on_real_neutral_speech(data_dir: Path) -> None:
    """EmoDB: one speaker says a sentence neutrally and angrily; the transfer moves most of the way."""
    said: dict[tuple[str, str], dict[str, str]] = {}
    for example in corpora.read("emodb", data_dir):
        key = str(example.speaker), Path(example.file).stem[2:5]
        said.setdefault(key, {}).setdefault(str(example.gold), example.file)
    both = [files for files in said.values() if {"neutral", "anger"} <= set(files)][::8]
    assert len(both) >= 4
    closer = []
    for files in both:
        calm, angry = (audio.read(files[emotion])[0] for emotion in ("neutral", "anger"))
        neutral, prosody = world.analyse(calm), transfer.measure(angry, calm)
        moved = transfer.transfer(neutral, prosody, method="cepstrum")
        made = world.analyse(level.finished(world.synthesise(moved), 16000, -26))
        goal = prosody.speech
        left = abs(np.log(made.mean_f0_hz / goal.mean_f0_hz))
        assert left < 0.4 * abs(np.log(neutral.mean_f0_hz / goal.mean_f0_hz))
        assert len(made) == pytest.approx(len(goal), rel=0.05)
        fitted = world.at(neutral, np.linspace(0, len(neutral) - 1, len(goal)))
        closer.append(likeness(made, goal)[1] - likeness(fitted, goal)[1])
    assert np.mean(closer) > 0


def test_both_alignments_are_offered() -> None:
    assert align.METHODS == ("syllables", "cepstrum")
