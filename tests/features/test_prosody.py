"""Tempo and pauses of sounds whose syllables are counted beforehand."""

from __future__ import annotations

import numpy as np
import pytest

from hearfelt.errors import FeatureError
from hearfelt.features import prosody
from hearfelt.features.frames import FrameFeatures
from hearfelt.types import Audio, Features

RATE = 16000


def syllables(count: int, rate: float, pause_after: int | None = None, pause_s: float = 0.0) -> Audio:
    """Voiced syllables at a rate, with a pause after one of them, and half a second of silence around."""
    length = int(RATE / rate)
    time = np.arange(length) / RATE
    voice = sum(np.cos(2 * np.pi * 130 * n * time + n) / n for n in range(1, 20))
    one = 0.1 * voice * np.sin(np.pi * time * rate) ** 2
    parts = [np.zeros(RATE // 2)]
    for index in range(count):
        parts.append(one)
        if index + 1 == pause_after:
            parts.append(np.zeros(int(pause_s * RATE)))
    parts.append(np.zeros(RATE // 2))
    sound = np.concatenate(parts)
    sound += 1e-4 * np.random.default_rng(0).standard_normal(len(sound))
    return Audio(sound.astype(np.float32), RATE)


@pytest.mark.parametrize(("count", "rate"), [(6, 3.0), (12, 4.0), (15, 6.0)])
def test_syllables_and_tempo(count: int, rate: float) -> None:
    found = prosody.measure(FrameFeatures()(syllables(count, rate)))
    assert found.syllables == count
    assert found.articulation_rate == pytest.approx(rate, rel=0.12)
    assert found.pauses == 0
    assert found.speech_rate == found.articulation_rate
    assert found.speech_s == pytest.approx(count / rate, abs=0.15)


def test_a_pause_lowers_the_speech_rate_and_not_the_articulation_rate() -> None:
    found = prosody.measure(FrameFeatures()(syllables(12, 4.0, pause_after=5, pause_s=1.0)))
    assert found.syllables == 12
    assert found.pauses == 1
    assert found.pause_s == pytest.approx(1.0, abs=0.15)
    assert found.pause_share == pytest.approx(0.25, abs=0.04)
    assert found.articulation_rate == pytest.approx(4.0, rel=0.12)
    assert found.speech_rate == pytest.approx(3.0, rel=0.12)


def test_a_short_gap_is_no_pause() -> None:
    assert prosody.measure(FrameFeatures()(syllables(8, 4.0, pause_after=4, pause_s=0.1))).pauses == 0


def test_even_stretches_have_no_rhythm_and_uneven_ones_have() -> None:
    names = ("energy", "f0_hz")

    def of(lengths: list[int]) -> float:
        f0 = np.concatenate([np.r_[np.full(n, 100.0), np.zeros(10)] for n in lengths])
        values = np.stack([np.full(len(f0), 0.01), f0], axis=1).astype(np.float32)
        return prosody.measure(Features(values, names, 0.01, "frames/1")).rhythm

    assert of([20, 20, 20]) == 0
    assert of([10, 30, 10]) == pytest.approx(1.0)


def test_silence_has_no_speech() -> None:
    assert prosody.measure(FrameFeatures()(Audio(np.zeros(RATE, np.float32), RATE))) == prosody.SILENCE


def test_frames_without_pitch_are_refused() -> None:
    with pytest.raises(FeatureError, match="frames of x/1 lack f0_hz: measure them with FrameFeatures"):
        prosody.measure(Features(np.zeros((3, 1), np.float32), ("energy",), 0.01, "x/1"))
