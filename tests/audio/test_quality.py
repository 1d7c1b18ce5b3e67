"""Quality: the SNR that was mixed in is measured, clipping and level are told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hearfelt import audio
from hearfelt.audio import quality, vad
from hearfelt.types import Audio, Segment

from .test_denoise import noisy

RATE = 16000


@pytest.mark.parametrize("snr_db", [0, 5, 10, 20])
def test_snr_of_real_speech(data_dir: Path, snr_db: float) -> None:
    files = sorted((data_dir / "audio" / "ravdess" / "audio").iterdir())[::120]
    with_pauses, bare = [], []
    for file in files:
        (sound,) = audio.read(file)
        segments = vad.detect(sound)
        spoken = np.concatenate([sound.cut(s.start_s, s.end_s).samples for s in segments])
        level = np.sqrt(np.mean(spoken**2)) * 10 ** (-snr_db / 20)
        noise = level * np.random.default_rng(1).standard_normal(len(sound.samples))
        mixed = Audio((sound.samples + noise).astype(np.float32), RATE)
        with_pauses.append(quality.snr_db(mixed, segments))
        bare.append(quality.snr_db(Audio(noisy(spoken, snr_db), RATE)))
    assert np.mean(with_pauses) == pytest.approx(snr_db, abs=1.5)
    assert np.mean(bare) == pytest.approx(snr_db, abs=1.5)


def test_snr_without_enough_outside_falls_back(speech: Callable[..., Audio]) -> None:
    sound = speech(2)
    all_of_it = [Segment(0, 1.9)]
    assert quality.snr_db(sound, all_of_it) == pytest.approx(quality.snr_db(sound), abs=3)


def test_snr_limits() -> None:
    assert quality.snr_db(Audio(np.zeros(RATE, np.float32), RATE)) == -10
    assert quality.snr_db(Audio(np.ones(10, np.float32), RATE)) == -10
    burst = np.zeros(RATE, np.float32)
    burst[6000:10000] = 0.5
    assert quality.snr_db(Audio(burst, RATE)) == 50


def test_level() -> None:
    sine = np.sin(2 * np.pi * 100 * np.arange(RATE) / RATE).astype(np.float32)
    assert quality.level_dbfs(sine) == pytest.approx(-3.01, abs=0.01)
    assert quality.level_dbfs(0.1 * sine) == pytest.approx(-23.01, abs=0.01)
    assert quality.level_dbfs(np.zeros(100, np.float32)) == -100
    assert quality.level_dbfs(np.zeros(0, np.float32)) == -100


def test_clipping() -> None:
    sine = np.sin(2 * np.pi * 100 * np.arange(RATE) / RATE).astype(np.float32)
    assert quality.clipping(0.98 * sine) == 0
    # |2 sin x| > 1 for two thirds of a period
    hard = np.clip(2 * sine, -1, 1)
    assert quality.clipping(hard) == pytest.approx(2 / 3, abs=0.02)
    peak = np.zeros(100, np.float32)
    peak[50] = 1
    assert quality.clipping(peak) == 0
    assert quality.clipping(np.zeros(0, np.float32)) == 0


def test_measure_of_segments(speech: Callable[..., Audio]) -> None:
    quiet, loud = speech(2, level=0.01), speech(2, level=1.0)
    both = Audio(np.concatenate([quiet.samples, np.clip(3 * loud.samples, -1, 1)]), RATE)
    first, second = quality.measure(both, [Segment(0, 2)]), quality.measure(both, [Segment(2, 4)])
    assert second.level_dbfs > first.level_dbfs + 30
    assert first.clipping == 0 < second.clipping
    whole = quality.measure(both)
    assert first.level_dbfs < whole.level_dbfs < second.level_dbfs
