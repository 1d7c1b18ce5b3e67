"""Among what is answered, no more is wrong than the chosen risk."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from hearfelt.errors import InputError, OptionError
from hearfelt.fusion.abstain import NEVER, RISKS, fit_thresholds, risk_coverage, threshold


def drawn(n: int, seed: int, n_speakers: int = 40) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Calibrated confidences, except that each speaker is a little easier or harder than that."""
    random = np.random.default_rng(seed)
    confidence = random.uniform(0.15, 1.0, n)
    speaker = random.integers(0, n_speakers, n)
    ease = random.normal(0, 0.05, n_speakers)[speaker]
    return confidence, random.random(n) < np.clip(confidence + ease, 0, 1), speaker


def test_risk_is_kept_on_new_speakers_in_nine_of_ten_draws() -> None:
    for risk in (0.16, 0.2, 0.35):
        kept = []
        for seed in range(40):
            least = threshold(fit_thresholds(*drawn(2000, seed)), risk)
            confidence, correct, _ = drawn(20_000, 1000 + seed, n_speakers=4000)
            answered = confidence >= least
            assert answered.mean() > 0.1
            kept.append((~correct[answered]).mean() <= risk)
        assert np.mean(kept) >= 0.8  # 90 % promised; 40 draws


def test_thresholds_fall_as_more_risk_is_allowed() -> None:
    found = fit_thresholds(*drawn(3000, 7))
    assert len(found) == len(RISKS)
    assert all(a >= b for a, b in itertools.pairwise(found))
    assert found[-1] == 0.0
    assert found[0] == NEVER or found[0] > 0.9


def test_a_source_that_only_guesses_never_answers() -> None:
    random = np.random.default_rng(0)
    found = fit_thresholds(random.uniform(0.2, 1, 2000), random.random(2000) < 1 / 7)
    assert threshold(found, 0.35) == NEVER


def test_weights_count_a_hard_label_as_often_as_they_say() -> None:
    random = np.random.default_rng(0)
    hard = random.random(6000) < 0.1
    confidence = random.uniform(0.3, 1, 6000)
    correct = random.random(6000) < np.where(hard, confidence**3, confidence)
    plain = threshold(fit_thresholds(confidence, correct), 0.3)
    weighed = threshold(fit_thresholds(confidence, correct, weights=np.where(hard, 9.0, 1.0)), 0.3)
    assert weighed > plain + 0.05


def test_threshold_is_that_of_the_next_lower_risk() -> None:
    table = tuple(1 - risk for risk in RISKS)
    assert threshold(table, 0.35) == pytest.approx(1 - 0.34)
    assert threshold(table, 0.36) == pytest.approx(1 - 0.36)
    assert threshold(table, 0.99) == pytest.approx(1 - 0.8)
    assert threshold(table, 1.0) == 0.0


def test_risk_coverage_by_hand() -> None:
    assert risk_coverage([0.9, 0.8, 0.7, 0.6], [True, True, False, False], (1.0, 0.5)) == [
        (1.0, 0.5),
        (0.5, 0.0),
    ]


def test_what_cannot_be_done_is_said() -> None:
    with pytest.raises(OptionError, match=r"max_risk 0\.0 is not between 0\.02 and 1; 1 always answers"):
        threshold((0.5,) * len(RISKS), 0.0)
    with pytest.raises(InputError, match="no held-out confidences to choose a threshold from"):
        fit_thresholds([], [])
