"""Functionals of log-mel frames: shapes, statistics against numpy, one frame, errors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hearfelt.errors import FeatureError
from hearfelt.features import melfunctionals
from hearfelt.features.logmel import LogMel, LogMelOptions
from hearfelt.features.melfunctionals import MelFunctionals
from hearfelt.types import Audio
from tests.features import plain_functionals


@settings(max_examples=40, deadline=None)
@given(frames=st.integers(1, 400), bins=st.integers(20, 90), seed=st.integers(0, 1000))
def test_every_value_is_named_and_finite(frames: int, bins: int, seed: int) -> None:
    logmel = np.random.default_rng(seed).normal(-9, 4, (frames, bins)).astype(np.float32)
    values = melfunctionals.functionals(logmel)
    assert values.shape == (len(melfunctionals.names()),)
    assert values.dtype == np.float32
    assert np.isfinite(values).all()


def test_statistics_are_those_of_numpy() -> None:
    logmel = np.random.default_rng(1).normal(-6, 1.5, (211, 80)).astype(np.float32)
    found = dict(zip(melfunctionals.names(), melfunctionals.functionals(logmel), strict=True))
    band = logmel[:, 12:16].astype(np.float64).mean(axis=1)
    assert found["band3_mean"] == pytest.approx(band.mean(), abs=1e-4)
    assert found["band3_sd"] == pytest.approx(band.std(), abs=1e-4)
    assert found["band3_p5"] == pytest.approx(np.quantile(band, 0.05), abs=1e-4)
    assert found["band3_iqr"] == pytest.approx(np.quantile(band, 0.75) - np.quantile(band, 0.25), abs=1e-4)
    slope = np.polyfit(np.linspace(-1, 1, 211), band, 1)[0]
    assert found["band3_slope"] == pytest.approx(slope, abs=1e-4)


@settings(max_examples=25, deadline=None, derandomize=True)  # a level may lie on a threshold
@given(frames=st.integers(1, 1300), bins=st.integers(20, 90), seed=st.integers(0, 1000))
def test_the_quick_way_gives_what_the_plain_one_gives(frames: int, bins: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    swells = 4 * np.sin(np.arange(frames) / random.uniform(3, 40))[:, None]
    logmel = (random.normal(-9, 3, (frames, bins)) + swells - np.linspace(0, 6, bins)).astype(np.float32)
    expected = plain_functionals.functionals(logmel)
    np.testing.assert_allclose(melfunctionals.functionals(logmel), expected, atol=2e-4, rtol=1e-5)


def test_speech_gives_what_the_plain_way_gives(speech: Callable[..., Audio]) -> None:
    logmel = LogMel(LogMelOptions(trim_db=40.0))(speech(2.0)).values
    found, expected = melfunctionals.functionals(logmel), plain_functionals.functionals(logmel)
    np.testing.assert_allclose(found, expected, atol=5e-4, rtol=1e-4)
    assert np.linalg.norm(found - expected) < 1e-5 * np.linalg.norm(expected)


def test_a_louder_sound_moves_the_level_and_nothing_relative(speech: Callable[..., Audio]) -> None:
    soft, loud = (MelFunctionals()(speech(level=level)) for level in (0.05, 0.5))
    names = soft.names
    assert names is not None
    change = dict(zip(names, (loud.values - soft.values)[0], strict=True))
    assert change["level_mean"] == pytest.approx(np.log(100), abs=0.3)
    assert abs(change["mfcc3_mean"]) < 0.5
    assert abs(change["bursts"]) < 0.02


@settings(max_examples=20, deadline=None)
@given(bins=st.integers(20, 90), nats=st.floats(-8, 8), seed=st.integers(0, 1000))
def test_gain_moves_the_functionals_in_one_known_direction(bins: int, nats: float, seed: int) -> None:
    logmel = np.random.default_rng(seed).normal(-9, 4, (60, bins)).astype(np.float32)
    moved = melfunctionals.functionals(logmel + np.float32(nats)) - melfunctionals.functionals(logmel)
    np.testing.assert_allclose(moved, nats * melfunctionals.gain_direction(bins), atol=2e-3)


def test_modulation_finds_the_rate_of_syllables() -> None:
    time = np.arange(400) * 0.01
    logmel = (-8 + 3 * np.sin(2 * np.pi * 5 * time)[:, None] + np.zeros((1, 80))).astype(np.float32)
    found = dict(zip(melfunctionals.names(), melfunctionals.functionals(logmel), strict=True))
    bands = {name: value for name, value in found.items() if name.startswith("level_modulation")}
    assert max(bands, key=lambda name: bands[name]) == "level_modulation_4_8_hz"


@pytest.mark.parametrize(
    ("logmel", "sentence"),
    [
        (np.zeros((0, 80), dtype=np.float32), "at least 20 bins, got shape (0, 80)"),
        (np.zeros((5, 10), dtype=np.float32), "at least 20 bins, got shape (5, 10)"),
        (np.full((5, 80), np.nan, dtype=np.float32), "finite log-mel frames, got NaN or infinity"),
    ],
)
def test_what_cannot_be_measured(logmel: np.ndarray, sentence: str) -> None:
    with pytest.raises(FeatureError) as error:
        melfunctionals.functionals(logmel)
    assert sentence in str(error.value)
