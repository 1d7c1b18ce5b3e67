from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hearfelt.errors import FeatureError, OptionError
from hearfelt.features import logmel
from hearfelt.features.logmel import LogMel, LogMelOptions, mel_filters
from hearfelt.types import Audio

RATE = 16000


def noise(seconds: float, level: float = 0.1, seed: int = 0) -> Audio:
    random = np.random.default_rng(seed)
    return Audio((level * random.standard_normal(round(seconds * RATE))).astype(np.float32), RATE)


def test_is_what_its_formula_says() -> None:
    audio = noise(0.3)
    size, n_fft = 640, 1024
    window = np.hanning(size + 2)[1:-1]
    frame = audio.samples[160 * 3 : 160 * 3 + size].astype(np.float64) * window / np.sqrt((window**2).sum())
    spectrum = np.array(
        [(frame * np.exp(-2j * np.pi * k * np.arange(size) / n_fft)).sum() for k in range(513)]
    )
    expected = np.log(np.abs(spectrum) ** 2 @ mel_filters(LogMelOptions(), n_fft) + 1e-14)
    features = LogMel()(audio)
    assert features.values.shape == (1 + (4800 - 640) // 160, 80)
    assert features.values.dtype == np.float32
    assert (features.hop_s, features.space) == (0.01, "logmel/1")
    np.testing.assert_allclose(features.values[3], expected, atol=2e-3)


@given(
    n_samples=st.integers(640, 60000),
    n_mels=st.integers(1, 130),
    window_ms=st.sampled_from([20.0, 25.0, 32.0, 40.0]),
    seed=st.integers(0, 100),
)
@settings(max_examples=25, deadline=None, derandomize=True)  # a frame may lie on the threshold
def test_the_quick_way_gives_what_the_plain_one_gives(
    n_samples: int, n_mels: int, window_ms: float, seed: int
) -> None:
    audio = noise(n_samples / RATE, seed=seed)
    swelling = Audio(audio.samples * np.hanning(n_samples).astype(np.float32), RATE)
    options = LogMelOptions(n_mels=n_mels, window_ms=window_ms, trim_db=40.0, trim_pad_ms=20.0)
    size = round(window_ms * RATE / 1000)
    n_fft = 512 if size <= 512 else 1024
    window = np.hanning(size + 2)[1:-1]
    samples = swelling.samples.astype(np.float64)
    frames = np.stack([samples[i : i + size] for i in range(0, n_samples - size + 1, 160)])
    spectrum = np.fft.rfft(frames * window / np.sqrt((window**2).sum()), n_fft)
    power = np.abs(spectrum) ** 2 @ mel_filters(options, n_fft)
    level_db = 10 * np.log10((power + 1e-14).sum(axis=1))
    loud = np.flatnonzero(level_db >= level_db.max() - 40)
    expected = np.log(power + 1e-14)[max(0, loud[0] - 2) : loud[-1] + 3]
    np.testing.assert_allclose(LogMel(options)(swelling).values, expected, atol=2e-3)


@pytest.mark.parametrize("frequency", [200, 1000, 3000, 7000])
def test_a_tone_is_loudest_in_its_own_bin(frequency: int) -> None:
    tone = Audio(np.sin(2 * np.pi * frequency * np.arange(RATE) / RATE).astype(np.float32), RATE)
    edges = 700 * (10 ** (np.linspace(*(2595 * np.log10(1 + np.array([50, 8000]) / 700)), 82) / 2595) - 1)
    loudest = int(LogMel()(tone).values.mean(axis=0).argmax())
    assert edges[loudest] <= frequency <= edges[loudest + 2]


def test_white_noise_of_variance_v_has_power_v() -> None:
    values = LogMel()(noise(20, level=0.1)).values
    widths = mel_filters(LogMelOptions(), 1024).sum(axis=0)
    np.testing.assert_allclose(np.exp(values).mean(axis=0) / widths, 0.01, rtol=0.15)


@given(gain_db=st.floats(-20, 20))
@settings(max_examples=20, deadline=None)
def test_gain_moves_every_value_by_the_same(gain_db: float) -> None:
    quiet = noise(0.5)
    loud = Audio((quiet.samples * 10 ** (gain_db / 20)).astype(np.float32), RATE)
    moved = LogMel()(loud).values - LogMel()(quiet).values
    np.testing.assert_allclose(moved, gain_db * np.log(10) / 10, atol=1e-2)


@given(n_samples=st.integers(1, 3000))
@settings(max_examples=30, deadline=None)
def test_any_length_gives_frames(n_samples: int) -> None:
    values = LogMel()(noise(n_samples / RATE)).values
    assert values.shape == (1 + (max(n_samples, 640) - 640) // 160, 80)
    assert np.isfinite(values).all()


def test_long_sound_in_blocks_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    audio = noise(1.0)
    whole = LogMel()(audio).values
    monkeypatch.setattr(logmel, "_BLOCK_FRAMES", 7)
    np.testing.assert_allclose(LogMel()(audio).values, whole, atol=1e-5)


def test_trimming_cuts_quiet_ends_and_keeps_a_pad() -> None:
    quiet = np.full(RATE, 1e-5, dtype=np.float32)
    audio = Audio(np.concatenate([quiet, noise(1.0).samples, quiet]), RATE)
    trimmed = LogMel(LogMelOptions(trim_db=40.0))(audio).values
    assert 100 + 2 * 10 <= len(trimmed) <= 104 + 2 * 10
    louder = Audio(audio.samples * 4, RATE)
    assert len(LogMel(LogMelOptions(trim_db=40.0))(louder).values) == len(trimmed)


def test_trimming_keeps_silence_within() -> None:
    quiet, loud = np.full(RATE // 2, 1e-5, dtype=np.float32), noise(0.5).samples
    audio = Audio(np.concatenate([quiet, loud, quiet, loud, quiet]), RATE)
    trimmed = LogMel(LogMelOptions(trim_db=40.0))(audio).values
    assert 150 + 2 * 10 <= len(trimmed) <= 154 + 2 * 10


def test_digital_silence_is_finite_and_survives_trimming() -> None:
    silence = Audio(np.zeros(RATE, dtype=np.float32), RATE)
    values = LogMel(LogMelOptions(trim_db=40.0))(silence).values
    np.testing.assert_allclose(values, np.log(1e-14), rtol=1e-5)


def test_narrow_filters_still_hear_something() -> None:
    assert (mel_filters(LogMelOptions(n_mels=200), 512).sum(axis=0) > 0).all()


def test_refuses_what_it_cannot_measure() -> None:
    with pytest.raises(FeatureError, match="log-mel needs 16000 Hz sound, got 8000 Hz: resample it first"):
        LogMel()(Audio(np.zeros(100, dtype=np.float32), 8000))
    with pytest.raises(FeatureError, match="needs sound, got 0 samples"):
        LogMel()(Audio(np.zeros(0, dtype=np.float32), RATE))
    with pytest.raises(FeatureError, match="got NaN or infinity"):
        LogMel()(Audio(np.array([0, np.nan], dtype=np.float32), RATE))
    with pytest.raises(
        OptionError, match=r"filters from 50.0 Hz to 9000 Hz do not fit a sample rate of 16000 Hz"
    ):
        LogMelOptions(f_max_hz=9000)
    with pytest.raises(OptionError, match=r"window_ms=5, hop_ms=10.0 make no spectrogram"):
        LogMelOptions(window_ms=5)


def test_costs_little() -> None:
    audio, extract = noise(30), LogMel()
    extract(audio)
    times = []
    for _ in range(3):
        began = time.process_time()
        extract(audio)
        times.append(time.process_time() - began)
    assert min(times) / 30 < 0.004
