"""WORLD: taken apart, changed and put together, measured by hearfelt's own features."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hearfelt.datasets.synth import level, world
from hearfelt.datasets.synth.rules import Rule
from hearfelt.errors import AudioError
from hearfelt.features.frames import FrameFeatures
from hearfelt.types import Audio, Features

pytest.importorskip("pyworld", reason="pyworld is missing: pip install 'hearfelt[tts]'")

Speech = Callable[..., Audio]


@pytest.fixture(scope="module")
def voice(speech: Speech) -> world.Speech:
    return world.analyse(speech(seconds=1.5, f0_hz=150))


def made(speech: world.Speech, rule: Rule, **options: float) -> Features:
    shaped = world.shape(speech, rule, np.random.default_rng(0), **options)
    sound = level.finished(world.synthesise(shaped), world.RATE_HZ, -26 + rule.loudness_db)
    assert np.abs(sound.samples).max() < 0.95
    return FrameFeatures()(sound)


def voiced(features: Features, name: str) -> np.ndarray:
    return features[name][features["f0_hz"] > 0]


def mean_hz(features: Features) -> float:
    return float(np.exp(np.log(voiced(features, "f0_hz")).mean()))


def test_the_import_is_silent_where_warnings_are_errors() -> None:
    code = "from hearfelt.datasets.synth import world; print(world.library().__name__, world.version())"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert done.stdout.startswith("pyworld pyworld "), done.stderr


@pytest.mark.parametrize("f0_hz", [90, 150, 300])
def test_f0_of_a_known_sound(speech: Speech, f0_hz: float) -> None:
    assert world.analyse(speech(f0_hz=f0_hz)).mean_f0_hz == pytest.approx(f0_hz, rel=0.03)


@pytest.mark.parametrize("level_", [0.9, 0.02])
def test_analysis_does_not_depend_on_the_level(speech: Speech, level_: float) -> None:
    one, other = world.analyse(speech(level=0.3)), world.analyse(speech(level=level_))
    assert other.voiced.mean() == pytest.approx(one.voiced.mean(), abs=0.02)
    assert other.level_dbfs - one.level_dbfs == pytest.approx(20 * np.log10(level_ / 0.3), abs=0.1)


@settings(max_examples=8, deadline=None)
@given(st.floats(-5, 12))
def test_pitch_moves_by_so_many_semitones(voice: world.Speech, pitch_st: float) -> None:
    heard = mean_hz(made(voice, Rule(pitch_st=pitch_st)))
    assert heard == pytest.approx(voice.mean_f0_hz * 2 ** (pitch_st / 12), rel=0.03)


def test_mean_f0_and_deviation_of_another_speaker(voice: world.Speech) -> None:
    features = made(voice, Rule(), f0_hz=220, f0_sd_st=2.0)
    assert mean_hz(features) == pytest.approx(220, rel=0.03)
    assert np.std(voiced(features, "f0_semitones")) == pytest.approx(2.0, abs=0.4)


def test_range_and_contour(voice: world.Speech) -> None:
    flat, wide = (np.std(voiced(made(voice, Rule(range=r)), "f0_semitones")) for r in (0.4, 2.0))
    assert wide > 3 * flat
    for rise in (-5, 5):
        contour = voiced(made(voice, Rule(range=0.1, slope_st=rise)), "f0_semitones")
        third = len(contour) // 3
        assert np.sign(contour[-third:].mean() - contour[:third].mean()) == np.sign(rise)
    up = voiced(made(voice, Rule(range=0.1, final_st=6)), "f0_semitones")
    assert up[-5:].mean() - up[: len(up) // 2].mean() == pytest.approx(6, abs=1.5)


def test_rate_changes_the_length_and_not_the_pitch(voice: world.Speech) -> None:
    for rate in (0.7, 1.4):
        shaped = world.shape(voice, Rule(rate=rate), np.random.default_rng(0))
        assert len(shaped) == pytest.approx(len(voice) / rate, abs=1)
        assert shaped.mean_f0_hz == pytest.approx(voice.mean_f0_hz, rel=1e-6)


def test_tilt_brightens_and_breath_roughens(voice: world.Speech) -> None:
    dark, plain, bright = (
        voiced(made(voice, Rule(tilt_db_oct=t)), "alpha_ratio_db").mean() for t in (-3, 0, 3)
    )
    assert dark + 4 < plain < bright - 4
    clear, breathy = (voiced(made(voice, Rule(breath=b)), "hnr_db").mean() for b in (0, 0.9))
    assert breathy < clear - 1
    steady, rough = (voiced(made(voice, Rule(jitter_pct=j)), "jitter").mean() for j in (0, 2))
    assert rough > 2 * steady


def test_loudness_range_spreads_intensity(voice: world.Speech) -> None:
    def spread(rule: Rule) -> float:
        shaped = world.shape(voice, rule, np.random.default_rng(0))
        return float(shaped.intensity_db[shaped.active].std())

    assert spread(Rule(loudness_range=0.5)) < spread(Rule()) < spread(Rule(loudness_range=1.5))


def test_formants_move(speech: Speech) -> None:
    voice = world.analyse(speech(f0_hz=110))

    def peak_hz(low: float, all_over: float, near: tuple[int, int]) -> float:
        moved = world.shape(voice, Rule(formants=low), np.random.default_rng(0), formants=all_over)
        mean = np.log(moved.envelope[moved.voiced]).mean(axis=0)
        axis = np.linspace(0, 8000, len(mean))
        inside = (axis > near[0]) & (axis < near[1])
        return float(axis[inside][mean[inside].argmax()])

    second = peak_hz(1.0, 1.0, (1100, 2000))
    assert second == pytest.approx(1500, rel=0.05)  # as the sound was made
    assert peak_hz(1.0, 1.15, (1100, 2200)) / second == pytest.approx(1.15, rel=0.04)
    assert peak_hz(1.1, 1.0, (1100, 2200)) / second == pytest.approx(1.10, rel=0.04)


def test_reading_at_its_own_frames_changes_nothing(voice: world.Speech) -> None:
    same = world.at(voice, np.arange(len(voice), dtype=np.float64))
    np.testing.assert_allclose(same.f0_hz, voice.f0_hz)
    np.testing.assert_allclose(same.envelope, voice.envelope, rtol=1e-6)


def test_silence_and_noise_are_refused() -> None:
    with pytest.raises(AudioError, match=r"x\.wav is silent"):
        world.analyse(Audio(np.zeros(16000, np.float32), 16000), "x.wav")
    with pytest.raises(AudioError, match=r"x\.wav is silent"):
        world.analyse(Audio(np.zeros(0, np.float32), 16000), "x.wav")
    noise = np.random.default_rng(0).standard_normal(16000).astype(np.float32) * 0.1
    with pytest.raises(AudioError, match=r"x.wav has 0.\d\d s of voice in 1.00 s: prosody needs at least"):
        world.analyse(Audio(noise, 16000), "x.wav", min_voice_s=0.2)
