"""Calibration, label sets, selective risk, several labels, votes and dimensions, against others' code."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hearfelt.evaluation import metrics


def made(n: int = 400, labels: int = 4, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Calibrated probabilities and labels drawn from them."""
    random = np.random.default_rng(seed)
    p = random.dirichlet(np.ones(labels), n)
    return p, (random.random(n)[:, None] > p.cumsum(axis=1)).sum(axis=1)


@pytest.mark.parametrize(("adaptive", "strategy"), [(False, "uniform"), (True, "quantile")])
def test_reliability_agrees_with_scikit_learn(adaptive: bool, strategy: str) -> None:
    curve = pytest.importorskip("sklearn.calibration").calibration_curve
    p, gold = made()
    right = (p.argmax(axis=1) == gold).astype(int)
    true, said = curve(right, p.max(axis=1), n_bins=10, strategy=strategy)
    rows = metrics.reliability(p, gold, 10, adaptive=adaptive)
    assert sum(row[2] for row in rows) == len(gold)
    if adaptive:  # a quantile that falls on a clip may go to either bin
        np.testing.assert_allclose([row[0] for row in rows], said, atol=0.01)
        np.testing.assert_allclose([row[1] for row in rows], true, atol=0.03)
        assert {row[2] for row in rows} == {40}
    else:
        np.testing.assert_allclose([row[0] for row in rows], said)
        np.testing.assert_allclose([row[1] for row in rows], true)


def test_adaptive_bins_keep_equal_confidences_together() -> None:
    p = np.array([[0.9, 0.1]] * 5 + [[0.6, 0.4]] * 5)
    rows = metrics.reliability(p, [0] * 10, 4, adaptive=True)
    assert [(round(a, 6), c) for a, _, c in rows] == [(0.6, 5), (0.9, 5)]


def test_calibration_errors_by_hand_and_by_scikit_learn() -> None:
    curve = pytest.importorskip("sklearn.calibration").calibration_curve
    p, gold = made(600)
    each = []
    for k in range(4):
        true, said = curve(gold == k, p[:, k], n_bins=15)
        counts = np.histogram(p[:, k], np.linspace(0, 1, 16))[0]
        each.append(np.average(np.abs(true - said), weights=counts[counts > 0]))
    assert metrics.classwise_ece(p, gold) == pytest.approx(np.mean(each))
    # two halves by confidence: 0.9 said and 0.5 right, 0.6 said and all right
    q = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.6, 0.4]])
    assert metrics.adaptive_ece(q, [0, 1, 0, 0], 2) == pytest.approx(0.4)


def test_risk_coverage_by_hand() -> None:
    coverage, risk = metrics.risk_coverage([0.9, 0.8, 0.7, 0.6], [True, False, True, True])
    np.testing.assert_allclose(coverage, [0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(risk, [0, 1 / 2, 1 / 3, 1 / 4])
    assert metrics.aurc([0.9, 0.8, 0.7, 0.6], [True, False, True, True]) == pytest.approx(13 / 48)
    assert metrics.excess_aurc([0.9, 0.8, 0.7, 0.6], [True, True, True, False]) == pytest.approx(0)
    with pytest.raises(ValueError, match="give one of each a clip"):
        metrics.risk_coverage([0.1], [True, False])


@given(right=st.lists(st.booleans(), min_size=1, max_size=30), seed=st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_risk_does_not_depend_on_the_order_of_ties(right: list[bool], seed: int) -> None:
    random = np.random.default_rng(seed)
    sure = random.integers(0, 3, len(right)) / 3
    order = random.permutation(len(right))
    one = metrics.risk_coverage(sure, right)[1]
    other = metrics.risk_coverage(sure[order], np.array(right)[order])[1]
    np.testing.assert_allclose(one, other)
    assert one[-1] == pytest.approx(1 - np.mean(right))
    assert metrics.excess_aurc(sure, right) >= -1e-12


@pytest.mark.parametrize("coverage", [0.7, 0.9])
def test_conformal_sets_cover_as_often_as_they_promise(coverage: float) -> None:
    p, gold = made(4000)
    sets = metrics.conformal_sets(p, gold, np.arange(4000) % 8, coverage)
    assert metrics.set_coverage(sets, gold) == pytest.approx(coverage, abs=0.02)
    assert 1 <= metrics.set_size(sets) < 4


def test_conformal_sets_of_a_speaker_rest_on_the_others() -> None:
    p, gold = made(60)
    who = np.repeat(["a", "b", "c"], 20)
    changed = gold.copy()
    changed[:20] = (changed[:20] + 1) % 4
    sets, after = (metrics.conformal_sets(p, g, who) for g in (gold, changed))
    np.testing.assert_array_equal(sets[:20], after[:20])
    assert (sets[20:] != after[20:]).any()
    # With 4 others at 90 %, nothing can be left out.
    assert metrics.conformal_sets(p[:5], gold[:5], np.arange(5)).all()
    with pytest.raises(ValueError, match="1 group: thresholds need"):
        metrics.conformal_sets(p, gold, ["a"] * 60)
    with pytest.raises(ValueError, match="coverage=1: use a share between 0 and 1"):
        metrics.conformal_sets(p, gold, who, 1)


def test_nine_others_are_enough_for_a_threshold_at_ninety_percent() -> None:
    said = np.linspace(0.6, 0.96, 10)
    sets = metrics.conformal_sets(np.stack([said, 1 - said], axis=1), np.zeros(10, dtype=int), np.arange(10))
    # The threshold is the least of the nine others, here 0.6; for the least itself it is the next one.
    assert sets[:, 0].tolist() == [False] + 9 * [True]
    assert not sets[:, 1].any()


def test_several_labels_agree_with_scikit_learn() -> None:
    sk = pytest.importorskip("sklearn.metrics")
    random = np.random.default_rng(0)
    gold, scores = random.random((80, 5)) < 0.3, random.integers(0, 6, (80, 5)) / 5
    gold[0], gold[1] = False, True
    answers = scores > 0.5
    for average in ("macro", "micro"):
        expected = sk.f1_score(gold, answers, average=average, zero_division=0)
        assert metrics.multilabel_f1(gold, answers, average) == pytest.approx(expected)
    assert metrics.hamming(gold, answers) == pytest.approx(sk.hamming_loss(gold, answers))
    expected = sk.label_ranking_average_precision_score(gold, scores)
    assert metrics.lrap(gold, scores) == pytest.approx(expected)
    with pytest.raises(ValueError, match="unknown average 'weighted'; known: macro, micro"):
        metrics.multilabel_f1(gold, answers, "weighted")
    with pytest.raises(ValueError, match=r"tables of shape \(80, 5\) and \(80, 4\)"):
        metrics.hamming(gold, answers[:, :4])


def test_votes_agree_with_scipy() -> None:
    distance = pytest.importorskip("scipy.spatial.distance")
    special = pytest.importorskip("scipy.special")
    random = np.random.default_rng(0)
    shares, p = random.dirichlet(np.ones(4) * 0.3, 50), random.dirichlet(np.ones(4), 50)
    shares[0] = [1, 0, 0, 0]
    expected = special.rel_entr(shares, p).sum(axis=1).mean()
    assert metrics.kl(shares, p) == pytest.approx(expected)
    expected = (distance.jensenshannon(shares, p, axis=1) ** 2).mean()
    assert metrics.js(shares, p) == pytest.approx(expected)
    assert metrics.js([[1, 0]], [[0, 1]]) == pytest.approx(np.log(2))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="give each clip at least one vote"):
        metrics.kl(np.zeros((1, 2)), np.ones((1, 2)) / 2)


def test_curves_agree_with_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    random = np.random.default_rng(0)
    x, y = random.standard_normal(40), random.standard_normal(40)
    assert metrics.pearson(x, y) == pytest.approx(stats.pearsonr(x, y).statistic)
    assert metrics.pearson(x, np.zeros(40)) == 0
    mean_squared_error = pytest.importorskip("sklearn.metrics").mean_squared_error
    assert metrics.rmse(x, y) == pytest.approx(mean_squared_error(x, y) ** 0.5)


def test_scores_of_many_tables_of_confusions_at_once() -> None:
    random = np.random.default_rng(0)
    gold, answers = random.integers(0, 4, (3, 50)), random.integers(0, 5, (3, 50))
    counts = np.stack([metrics.confusion(g, a, range(6)) for g, a in zip(gold, answers, strict=True)])
    for name, score in (("uar", metrics.uar), ("wa", metrics.accuracy), ("macro_f1", metrics.f1)):
        expected = [score(g, a) for g, a in zip(gold, answers, strict=True)]
        np.testing.assert_allclose(metrics.OF_COUNTS[name](counts), expected)
    expected = [metrics.f1(g, a, "weighted") for g, a in zip(gold, answers, strict=True)]
    np.testing.assert_allclose(metrics.OF_COUNTS["weighted_f1"](counts), expected)
