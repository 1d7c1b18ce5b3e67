"""Level, ends and ceiling of what is made."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hearfelt.datasets.synth import level
from hearfelt.errors import AudioError


def speechlike(seed: int, peaky: float) -> np.ndarray:
    random = np.random.default_rng(seed)
    envelope = np.clip(np.sin(np.arange(8000) / 600), 0, 1) + 0.01
    return np.sign(sound := random.standard_normal(8000)) * np.abs(sound) ** peaky * envelope


@settings(max_examples=40)
@given(st.integers(0, 999), st.floats(0.5, 2), st.floats(-45, 0), st.floats(1e-3, 100))
def test_nothing_clips_and_nothing_clicks(seed: int, peaky: float, dbfs: float, gain: float) -> None:
    made = level.finished(gain * speechlike(seed, peaky), 16000, dbfs)
    assert made.samples.dtype == np.float32
    assert np.abs(made.samples).max() < level.CEILING
    assert abs(made.samples[0]) < 1e-6 and abs(made.samples[-1]) < 1e-6


@settings(max_examples=20)
@given(st.integers(0, 999), st.floats(-45, -25))
def test_the_level_is_the_one_asked_for(seed: int, dbfs: float) -> None:
    made = level.finished(speechlike(seed, 1.0), 16000, dbfs)
    assert level.speech_dbfs(made.samples.astype(np.float64)) == pytest.approx(dbfs, abs=0.3)


def test_the_level_of_speech_does_not_count_pauses() -> None:
    sound = speechlike(0, 1.0)
    longer = np.concatenate([np.zeros(16000), sound, np.zeros(32000)])
    assert level.speech_dbfs(longer) == pytest.approx(level.speech_dbfs(sound), abs=0.2)


def test_silence_around_is_cut_to_50_ms() -> None:
    sound = np.concatenate([np.zeros(16000), np.full(8000, 0.5), np.zeros(16000)])
    assert len(level.trimmed(sound, 16000)) == pytest.approx(8000 + 2 * 800, abs=1)


def test_silence_is_refused() -> None:
    with pytest.raises(AudioError, match="made no sound"):
        level.trimmed(np.zeros(16000), 16000)
    with pytest.raises(AudioError, match="made no sound"):
        level.trimmed(np.zeros(0), 16000)
