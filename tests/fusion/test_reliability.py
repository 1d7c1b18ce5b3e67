"""Reliability lies in [0, 1] and rises with what makes a source better."""

from __future__ import annotations

import dataclasses
import json
import math

from hypothesis import given
from hypothesis import strategies as st

from hearfelt.fusion import reliability
from hearfelt.fusion.learned import SHIPPED


@given(st.one_of(st.none(), st.floats(-200, 200), st.just(math.nan)), st.floats(0, 1e5), st.floats(0, 1))
def test_voice_lies_between_0_and_1(snr_db: float | None, duration_s: float, clipping: float) -> None:
    assert 0 <= reliability.voice(snr_db, duration_s, clipping) <= 1


@given(st.floats(-20, 60), st.floats(0.05, 30), st.floats(0, 0.9))
def test_voice_rises_with_snr_and_length_and_falls_with_clipping(
    snr: float, seconds: float, clip: float
) -> None:
    here = reliability.voice(snr, seconds, clip)
    assert reliability.voice(snr + 1, seconds, clip) >= here
    assert reliability.voice(snr, seconds + 1, clip) >= here
    assert reliability.voice(snr, seconds, clip + 0.1) <= here
    assert reliability.voice(None, seconds, clip) >= here


def test_voice_of_nothing_or_of_noise_is_worth_nothing() -> None:
    assert reliability.voice(30, 0.0) == 0
    assert reliability.voice(-60, 3.0) < 1e-3
    assert reliability.voice(40, 3.0) > 0.7


@given(st.integers(0, 500), st.one_of(st.none(), st.floats(-1, 2), st.just(math.nan)))
def test_words_lie_between_0_and_1(n_words: int, confidence: float | None) -> None:
    assert 0 <= reliability.words(n_words, confidence) <= 1


def test_words_rise_with_their_number_and_the_transcriber() -> None:
    assert reliability.words(0) == 0
    assert reliability.words(1) < reliability.words(5) < reliability.words(50)
    assert reliability.words(10, 0.3) < reliability.words(10, 0.9) < reliability.words(10)
    assert reliability.words(10, 0.0) == 0


def test_a_language_model_that_had_to_be_asked_twice_counts_less() -> None:
    assert reliability.llm(10, repaired=True) < reliability.llm(10)
    assert reliability.llm(0) == 0


def test_the_shipped_fusion_was_fitted_under_these_curves() -> None:
    used = json.loads(SHIPPED.read_text(encoding="utf-8"))["protocol"]["reliability"]
    assert used == dataclasses.asdict(reliability.DEFAULT)
