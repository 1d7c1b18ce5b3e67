"""Resampling: streaming equals soxr's one go, whatever the blocks, with the exact length."""

from __future__ import annotations

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from hearfelt.audio.resample import Resampler, resample
from hearfelt.errors import AudioError

RATES = [8000, 11025, 16000, 22050, 44100, 48000]


def cuts(length: int, sizes: list[int]) -> list[slice]:
    """Slices of the given sizes, over and over, until the length is used up."""
    found, at, i = [], 0, 0
    while at < length:
        found.append(slice(at, at + sizes[i % len(sizes)]))
        at += sizes[i % len(sizes)]
        i += 1
    return found


@settings(max_examples=40, deadline=None)
@given(
    source=st.sampled_from(RATES),
    target=st.sampled_from(RATES),
    length=st.integers(1, 30_000),
    sizes=st.lists(st.integers(1, 9000), min_size=1, max_size=6),
    channels=st.sampled_from([1, 2]),
)
def test_streaming_equals_one_go(
    source: int, target: int, length: int, sizes: list[int], channels: int
) -> None:
    shape = (length,) if channels == 1 else (length, channels)
    sound = np.random.default_rng(length).uniform(-1, 1, shape).astype(np.float32)
    one = soxr.resample(sound, source, target)
    resampler = Resampler(source, target, channels)
    parts = [resampler.push(sound[cut]) for cut in cuts(length, sizes)]
    joined = np.concatenate([*parts, resampler.close()])
    assert len(joined) == int(length * target / source + 0.5)
    shared = min(len(one), len(joined))
    assert abs(len(one) - len(joined)) <= 1
    np.testing.assert_array_equal(joined[:shared], one[:shared])
    assert joined.dtype == np.float32


def test_a_tone_stays_the_tone() -> None:
    time = np.arange(44100) / 44100
    tone = np.sin(2 * np.pi * 1000 * time).astype(np.float32)
    found = resample(tone, 44100, 16000)
    wanted = np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000)
    np.testing.assert_allclose(found[500:-500], wanted[500:-500], atol=1e-4)


def test_close_makes_it_ready_for_another_sound() -> None:
    sound = np.random.default_rng(0).uniform(-1, 1, 5000).astype(np.float32)
    resampler = Resampler(22050, 16000)
    first = np.concatenate([resampler.push(sound), resampler.close()])
    second = np.concatenate([resampler.push(sound), resampler.close()])
    np.testing.assert_array_equal(first, second)
    assert len(resampler.close()) == 0


def test_bad_rate_is_refused() -> None:
    with pytest.raises(AudioError, match=r"^sample rate 0 Hz cannot be used; give a whole number from"):
        Resampler(16000, 0)
