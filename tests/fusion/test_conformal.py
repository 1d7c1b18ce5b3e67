"""Label sets hold the right label as often as they promise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hearfelt.errors import InputError, OptionError
from hearfelt.fusion.calibrate import softmax
from hearfelt.fusion.conformal import ALL, LEVELS, METHODS, ConformalOptions, ConformalSets, quantile, scores


def drawn(n: int, seed: int, sharpness: float = 1.5) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities and labels that do not fit them well: conformal sets must not need calibration."""
    random = np.random.default_rng(seed)
    honest = softmax(sharpness * random.standard_normal((n, 7)))
    labels = (random.random(n)[:, None] > honest.cumsum(axis=1)).sum(axis=1)
    return softmax(2.0 * np.log(honest) + 0.3 * random.standard_normal((n, 7))), labels


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), coverage=st.sampled_from([0.7, 0.8, 0.9, 0.95]))
def test_coverage_on_exchangeable_data_is_within_binomial_bounds(
    method: str, seed: int, coverage: float
) -> None:
    n = 2000
    probabilities, labels = drawn(2 * n, seed)
    fitted = ConformalSets(ConformalOptions(method)).fit(probabilities[:n], labels[:n])
    held = fitted.sets(probabilities[n:], coverage)[np.arange(n), labels[n:]].mean()
    # both the quantile and the measurement are drawn: the variance is twice the binomial one
    assert abs(held - coverage) < 4.5 * np.sqrt(2 * coverage * (1 - coverage) / n) + 1 / n


def test_weights_restore_coverage_under_another_mix_of_labels() -> None:
    probabilities, labels = drawn(20_000, 3)
    easy = labels < 5
    shown = probabilities * np.where(easy, 1.0, 0.2)[:, None] ** np.arange(7)  # labels 5 and 6 are harder
    shown /= shown.sum(axis=1, keepdims=True)
    frequent = np.where(easy, 0.2, 4.0)
    fitted = ConformalSets().fit(shown[:10_000], labels[:10_000], frequent[:10_000])
    held = fitted.sets(shown[10_000:], 0.9)[np.arange(10_000), labels[10_000:]]
    assert np.average(held, weights=frequent[10_000:]) == pytest.approx(0.9, abs=0.03)
    unweighted = ConformalSets().fit(shown[:10_000], labels[:10_000])
    other = unweighted.sets(shown[10_000:], 0.9)[np.arange(10_000), labels[10_000:]]
    assert np.average(other, weights=frequent[10_000:]) < 0.85


@pytest.mark.parametrize("method", METHODS)
def test_sets_grow_with_coverage_and_hold_the_likeliest_label(method: str) -> None:
    probabilities, labels = drawn(800, 1)
    fitted = ConformalSets(ConformalOptions(method)).fit(probabilities, labels)
    before = np.zeros((800, 7), dtype=bool)
    for coverage in LEVELS:
        inside = fitted.sets(probabilities, coverage)
        assert inside[np.arange(800), probabilities.argmax(axis=1)].all()
        assert (inside >= before).all()
        before = inside


@pytest.mark.parametrize("method", METHODS)
def test_sets_do_not_depend_on_the_order_of_labels(method: str) -> None:
    probabilities, labels = drawn(300, 2)
    fitted = ConformalSets(ConformalOptions(method)).fit(probabilities, labels)
    order = np.random.default_rng(0).permutation(7)
    np.testing.assert_array_equal(fitted.sets(probabilities[:, order]), fitted.sets(probabilities)[:, order])


def test_scores_by_hand() -> None:
    p = [0.5, 0.2, 0.3]
    np.testing.assert_allclose(scores(p, ConformalOptions("lac")), [0.5, 0.8, 0.7])
    np.testing.assert_allclose(scores(p, ConformalOptions("aps")), [0.0, 0.8, 0.5])
    np.testing.assert_allclose(scores(p, ConformalOptions("raps", penalty=0.1, n_free=1)), [0.0, 1.0, 0.6])


def test_quantile_by_hand() -> None:
    values = [0.1, 0.2, 0.3, 0.4]
    assert quantile(values, 0.8) == 0.4  # the 5th part of the weight lies beyond all values
    assert quantile(values, 0.6) == 0.3
    assert quantile(values, 0.81) == ALL
    assert quantile(values, 0.6, [1, 0, 0, 9]) == 0.4


def test_round_trip() -> None:
    probabilities, labels = drawn(300, 4)
    fitted = ConformalSets().fit(probabilities, labels)
    again = ConformalSets.from_dict(fitted.to_dict())
    assert again.options == fitted.options
    assert again.quantile(0.9) == pytest.approx(fitted.quantile(0.9), abs=1e-6)


def test_what_cannot_be_done_is_said() -> None:
    probabilities, labels = drawn(300, 4)
    fitted = ConformalSets().fit(probabilities, labels)
    with pytest.raises(OptionError, match=r"coverage 1\.0 is not between 0\.5 and 0\.99; 0\.9 is usual"):
        fitted.sets(probabilities, 1.0)
    with pytest.raises(OptionError, match="unknown conformal method 'best'; known: lac, aps, raps"):
        ConformalOptions("best")
    with pytest.raises(InputError, match="no held-out scores to take a quantile of"):
        quantile([], 0.9)
