"""Denoising: less noise, the same length, the same result however the sound is cut."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hearfelt import audio
from hearfelt.audio.denoise import DenoiseOptions, Denoiser, _exponential_integral, denoise
from hearfelt.errors import AudioError, OptionError
from hearfelt.types import Audio

from .test_resample import cuts

RATE = 16000


def noisy(clean: np.ndarray, snr_db: float, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal(len(clean))
    noise *= np.sqrt(np.mean(clean**2)) * 10 ** (-snr_db / 20)
    return (clean + noise).astype(np.float32)


def segmental_snr_db(clean: np.ndarray, other: np.ndarray) -> float:
    """Mean over 32 ms frames with speech, each kept in -10 to 35 dB."""
    whole = len(clean) // 512 * 512
    a, b = clean[:whole].reshape(-1, 512), other[:whole].reshape(-1, 512)
    power = np.sum(a**2, axis=1)
    loud = power > 1e-3 * power.max()
    ratio = power[loud] / (np.sum((a - b) ** 2, axis=1)[loud] + 1e-12)
    return float(np.mean(np.clip(10 * np.log10(ratio), -10, 35)))


@settings(max_examples=25, deadline=None)
@given(
    length=st.integers(1, 40_000),
    sizes=st.lists(st.integers(1, 9000), min_size=1, max_size=6),
    rate=st.sampled_from([8000, 16000, 22050]),
)
def test_cut_anywhere(length: int, sizes: list[int], rate: int) -> None:
    sound = np.random.default_rng(length).uniform(-0.5, 0.5, length).astype(np.float32)
    sound *= np.sin(np.arange(length) / 4000).astype(np.float32)
    options = DenoiseOptions(sample_rate_hz=rate)
    denoiser = Denoiser(options)
    parts = [denoiser.push(sound[cut]) for cut in cuts(length, sizes)]
    joined = np.concatenate([*parts, denoiser.close()])
    one = denoise(Audio(sound, rate))
    assert len(joined) == length
    assert joined.dtype == np.float32
    np.testing.assert_array_equal(joined, one.samples)


@pytest.mark.parametrize(("snr_db", "gain_db"), [(0, 5), (10, 3), (20, -0.5)])
def test_real_speech_gets_cleaner(data_dir: Path, snr_db: float, gain_db: float) -> None:
    files = sorted((data_dir / "audio" / "ravdess" / "audio").iterdir())[::200]
    before, after = [], []
    for file in files:
        clean = audio.read(file)[0].samples
        dirty = noisy(clean, snr_db)
        before.append(segmental_snr_db(clean, dirty))
        after.append(segmental_snr_db(clean, denoise(Audio(dirty, RATE)).samples))
    assert np.mean(after) > np.mean(before) + gain_db


def test_steady_noise_is_turned_down_by_the_limit() -> None:
    noise = (0.05 * np.random.default_rng(0).standard_normal(6 * RATE)).astype(np.float32)
    for limit in (6.0, 15.0):
        cleaned = denoise(Audio(noise, RATE), DenoiseOptions(max_reduction_db=limit)).samples
        reduced = 20 * np.log10(np.std(noise[RATE:]) / np.std(cleaned[RATE:]))
        assert limit - 2.5 < reduced <= limit + 0.1


def test_no_reduction_is_the_sound_itself(speech: Callable[..., Audio]) -> None:
    sound = speech(2)
    same = denoise(sound, DenoiseOptions(max_reduction_db=0))
    np.testing.assert_allclose(same.samples, sound.samples, atol=1e-6)
    assert (same.channel, same.start_s, same.sample_rate_hz) == (0, 0.0, RATE)


def test_digital_silence_stays_silent() -> None:
    assert not denoise(Audio(np.zeros(RATE, np.float32), RATE)).samples.any()


def test_reset_forgets(speech: Callable[..., Audio]) -> None:
    denoiser = Denoiser()
    one = np.concatenate([denoiser.push(speech(1).samples), denoiser.close()])
    denoiser.push(np.full(9000, 0.3, np.float32))
    denoiser.reset()
    two = np.concatenate([denoiser.push(speech(1).samples), denoiser.close()])
    np.testing.assert_array_equal(one, two)
    assert len(denoiser.close()) == 0


def test_exponential_integral() -> None:
    """Values of Abramowitz & Stegun, table 5.1."""
    found = _exponential_integral(np.array([0.01, 0.5, 1.0, 2.0, 10.0]))
    np.testing.assert_allclose(
        found, [4.037929577, 0.559773595, 0.219383934, 0.048900511, 4.156968930e-6], rtol=1e-8
    )


def test_empty_sound_is_refused() -> None:
    with pytest.raises(AudioError, match=r"^there are no samples to denoise; give a sound of at least"):
        denoise(Audio(np.zeros(0, np.float32), RATE))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_reduction_db": -3}, "max_reduction_db -3 is out of range; give 0 to 60 dB"),
        ({"window_ms": 1}, "window_ms 1 is out of range; give 4 to 200 ms"),
        ({"start_ms": 9000}, "start_ms 9000 is out of range; give 0 to 5000 ms"),
        ({"smoothing": 1}, "smoothing 1 is out of range; give a number from 0, below 1"),
    ],
)
def test_bad_options_are_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(OptionError) as caught:
        DenoiseOptions(**options)  # type: ignore[arg-type]
    assert str(caught.value) == message
