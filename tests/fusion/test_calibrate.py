"""Temperature scaling finds what was done to probabilities; its figures agree with other people's code."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hearfelt.errors import InputError
from hearfelt.fusion.calibrate import (
    Temperature,
    balanced,
    ece,
    fit_exponents,
    log_floor,
    nll,
    reliability_curve,
    softmax,
)


def drawn(n: int, temperature: float, seed: int = 0, n_labels: int = 7) -> tuple[np.ndarray, np.ndarray]:
    """Labels drawn from honest probabilities, which are then made too sure or too unsure."""
    random = np.random.default_rng(seed)
    honest = softmax(1.5 * random.standard_normal((n, n_labels)))
    labels = (random.random(n)[:, None] > honest.cumsum(axis=1)).sum(axis=1)
    return softmax(np.log(honest) * temperature), labels


@settings(max_examples=15, deadline=None)
@given(st.floats(0.4, 3.0), st.integers(0, 1000))
def test_recovers_a_known_temperature(temperature: float, seed: int) -> None:
    probabilities, labels = drawn(4000, temperature, seed)
    found = Temperature().fit(probabilities, labels)
    assert found.temperature_ == pytest.approx(temperature, rel=0.12)
    assert np.abs(found.bias_).max() == 0


def test_temperature_is_the_one_that_scipy_and_sklearn_find() -> None:
    from scipy.optimize import minimize_scalar
    from sklearn.metrics import log_loss

    probabilities, labels = drawn(500, 2.0, seed=3)
    logs = np.log(probabilities)
    best = minimize_scalar(
        lambda log_t: log_loss(labels, softmax(logs / np.exp(log_t)), labels=range(7)),
        bounds=(-3, 3),
        method="bounded",
        options={"xatol": 1e-7},
    )
    assert Temperature().fit(probabilities, labels).temperature_ == pytest.approx(np.exp(best.x), rel=1e-3)
    assert nll(probabilities, labels) == pytest.approx(
        log_loss(labels, probabilities, labels=range(7)), abs=1e-4
    )


def test_exponents_are_those_of_a_conditional_logit_found_by_scipy() -> None:
    from scipy.optimize import minimize

    random = np.random.default_rng(5)
    terms, labels = random.standard_normal((400, 5, 3)), random.integers(0, 5, 400)
    terms[np.arange(400), labels] += np.array([1.0, 0.5, 0.0])
    weights = random.random(400)

    def loss(t: np.ndarray) -> float:
        return nll(softmax(terms @ t), labels, weights)

    best = minimize(loss, np.zeros(3), tol=1e-10)
    np.testing.assert_allclose(fit_exponents(terms, labels, weights), best.x, atol=1e-3)


def test_biases_take_out_a_training_prior() -> None:
    """Labels at equal priors, a source that believes label 0 is frequent: the bias undoes it."""
    random = np.random.default_rng(1)
    labels = random.integers(0, 3, 6000)
    scores = random.standard_normal((6000, 3))
    scores[np.arange(6000), labels] += 1.0  # two unit normals 1 apart: the log odds are the difference itself
    believed = np.log([0.8, 0.15, 0.05])
    found = Temperature(biased=True).fit(softmax(scores + believed), labels)
    np.testing.assert_allclose(found.bias_, -(believed - believed.mean()), atol=0.15)
    assert found.temperature_ == pytest.approx(1.0, abs=0.1)
    assert (
        nll(found.apply(softmax(scores + believed)), labels) < nll(softmax(scores + believed), labels) - 0.2
    )


def test_calibration_halves_the_error_of_an_overconfident_source() -> None:
    probabilities, labels = drawn(6000, 2.5)
    after = Temperature().fit(probabilities[:3000], labels[:3000]).apply(probabilities[3000:])
    before = probabilities[3000:]
    error_before, error_after = (
        ece(p.max(axis=1), p.argmax(axis=1) == labels[3000:]) for p in (before, after)
    )
    assert error_before > 0.15
    assert error_after < 0.04
    assert (before.argmax(axis=1) == after.argmax(axis=1)).all()


def test_ece_by_hand() -> None:
    confidence, correct = [0.95, 0.95, 0.55, 0.55], [True, True, True, False]
    assert ece(confidence, correct, n_bins=10) == pytest.approx(0.5 * 0.05 + 0.5 * 0.05)
    assert reliability_curve(confidence, correct, n_bins=10) == [
        (pytest.approx(0.55), 0.5, 0.5),
        (pytest.approx(0.95), 1.0, 0.5),
    ]
    assert ece(confidence, correct, [0, 0, 1, 1], n_bins=10) == pytest.approx(0.05)


def test_log_floor_survives_zeros_and_sums_to_one() -> None:
    logs = log_floor([[0.0, 1.0, 0.0]])
    assert np.isfinite(logs).all()
    assert np.exp(logs).sum() == pytest.approx(1.0)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), min_size=1, max_size=60))
def test_balanced_weights_give_every_label_the_same_total(pairs: list[tuple[int, int]]) -> None:
    labels, groups = np.array(pairs).T
    weights = balanced(labels, groups)
    totals = [weights[labels == label].sum() for label in np.unique(labels)]
    np.testing.assert_allclose(totals, 1 / len(totals))


def test_balanced_weights_do_not_let_a_talkative_speaker_outvote_the_rest() -> None:
    weights = balanced([0] * 10, ["a"] * 9 + ["b"])
    assert weights[:9].sum() == pytest.approx(weights[9])


def test_nothing_to_fit_on() -> None:
    with pytest.raises(InputError, match="nothing to calibrate on: 0 labelled samples"):
        Temperature().fit(np.zeros((0, 7)), [])
