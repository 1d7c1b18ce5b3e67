"""The denoising benchmark measures what it says, judged by a recogniser whose answers are known."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from hearfelt.audio import quality
from hearfelt.types import Audio, Example

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "denoise.py"


@pytest.fixture(scope="module")
def script() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("denoise_benchmark", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["denoise_benchmark"] = module  # dataclasses look their module up there
    spec.loader.exec_module(module)
    yield module
    del sys.modules["denoise_benchmark"]


def test_the_snr_is_what_it_says(script: ModuleType, speech: Callable[..., Audio]) -> None:
    clean = speech(2).samples
    voices = [speech(1, f0_hz=90 + 10 * i).samples for i in range(8)]
    for kind in script.NOISES:
        for snr_db in (0, 10, 20):
            mixed = script.mix(clean, kind, snr_db, voices, seed=3)
            assert len(mixed) == len(clean) + 2 * script.AROUND
            noise = mixed.copy()
            noise[script.AROUND : -script.AROUND] -= clean
            ratio = script.speech_power(clean) / np.mean(noise**2)
            assert 10 * np.log10(ratio) == pytest.approx(snr_db, abs=0.1)
            np.testing.assert_array_equal(mixed, script.mix(clean, kind, snr_db, voices, seed=3))


def test_a_recogniser_that_needs_quiet_is_helped(script: ModuleType, speech: Callable[..., Audio]) -> None:
    """It hears the label of a clip only where the SNR is at least 13 dB."""
    clips = [speech(1.5, f0_hz=110 if i % 2 else 220, seed=i).samples for i in range(8)]
    gold = ["anger" if i % 2 else "sadness" for i in range(8)]
    voices = [speech(1, f0_hz=90 + 10 * i).samples for i in range(8)]

    def predict(audios: Sequence[Audio]) -> list[str]:
        clear = [quality.snr_db(audio) >= 13 for audio in audios]
        return [label if ok else "neutral" for label, ok in zip(gold, clear, strict=True)]

    figures = script.measure(predict, clips, gold, voices)
    assert figures["clean_uar"] == 100
    assert figures["white_20db_uar"] == 100
    assert figures["white_0db_uar"] == 0
    assert figures["white_10db_denoised_uar"] > figures["white_10db_uar"]
    assert figures["gain_10db_low"] <= figures["gain_10db"] <= figures["gain_10db_high"]
    assert figures["gain_10db"] > 0
    assert 0 < figures["denoise_rtf"] < 1
    table = script.table("a system", figures)
    assert "| white | 0.0 / " in table
    assert table.endswith(f"Without noise: 100.0 / {figures['clean_denoised_uar']:.1f}.")


def test_clips_are_drawn_evenly(script: ModuleType) -> None:
    examples = [Example(file=str(i), gold="anger" if i < 90 else "fear") for i in range(100)]
    drawn = script.draw(examples, 16)
    assert [e.gold for e in drawn] == ["anger"] * 8 + ["fear"] * 8
    assert len({e.file for e in drawn}) == 16
    assert drawn == script.draw(examples, 16)
