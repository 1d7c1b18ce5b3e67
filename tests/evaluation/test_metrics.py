from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hearfelt.evaluation import metrics

LABELS = ("anger", "fear", "neutral", "sadness")
pairs = st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from(LABELS)), min_size=1, max_size=60)


@given(pairs=pairs)
@settings(max_examples=40, deadline=None)
def test_agrees_with_scikit_learn(pairs: list[tuple[str, str]]) -> None:
    sk = pytest.importorskip("sklearn.metrics")
    gold, predicted = [p[0] for p in pairs], [p[1] for p in pairs]
    present = sorted(set(gold))
    assert metrics.uar(gold, predicted) == pytest.approx(
        sk.recall_score(gold, predicted, labels=present, average="macro", zero_division=0)
    )
    assert metrics.accuracy(gold, predicted) == pytest.approx(sk.accuracy_score(gold, predicted))
    for average in ("macro", "weighted"):
        expected = sk.f1_score(gold, predicted, average=average, zero_division=0)
        assert metrics.f1(gold, predicted, average) == pytest.approx(expected)
    np.testing.assert_array_equal(
        metrics.confusion(gold, predicted, LABELS), sk.confusion_matrix(gold, predicted, labels=LABELS)
    )


def test_brier_and_log_loss_agree_with_scikit_learn() -> None:
    sk = pytest.importorskip("sklearn.metrics")
    random = np.random.default_rng(0)
    p = random.dirichlet(np.ones(4), 50)
    gold = random.integers(0, 4, 50)
    gold[:4] = range(4)
    assert metrics.log_loss(p, gold) == pytest.approx(sk.log_loss(gold, p, labels=range(4)))
    each = [sk.brier_score_loss((gold == k).astype(int), p[:, k]) for k in range(4)]
    assert metrics.brier(p, gold) == pytest.approx(sum(each))


def test_ece_by_hand() -> None:
    # Two answers at 0.9, one right; two at 0.6, both right: (2 * 0.4 + 2 * 0.4) / 4
    p = [[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.6, 0.4]]
    assert metrics.ece(np.array(p), [0, 1, 0, 0]) == pytest.approx(0.4)
    assert metrics.reliability(np.array(p), [0, 1, 0, 0])[0] == pytest.approx((0.6, 1.0, 2))


def test_ece_of_calibrated_answers_is_small() -> None:
    random = np.random.default_rng(0)
    p = random.dirichlet(np.ones(3), 20000)
    gold = (random.random(20000)[:, None] > p.cumsum(axis=1)).sum(axis=1)
    assert metrics.ece(p, gold) < 0.02
    assert metrics.ece(p**4 / (p**4).sum(axis=1, keepdims=True), gold) > 0.15


def test_ccc() -> None:
    x = np.array([0.0, 1, 2, 3])
    assert metrics.ccc(x, x) == pytest.approx(1)
    assert metrics.ccc(x, -x + 3) == pytest.approx(-1)
    # var 1.25 each, covariance 1.25, means 1 apart: 2.5 / 3.5
    assert metrics.ccc(x, x + 1) == pytest.approx(2.5 / 3.5)
    assert metrics.ccc([0.5, 0.5], [0.5, 0.5]) == 1
    with pytest.raises(ValueError, match=r"curves of shape \(2,\) and \(3,\)"):
        metrics.ccc([0, 1], [0, 1, 2])


def test_recalls_leave_out_labels_that_do_not_occur() -> None:
    assert metrics.recalls(["a", "a", "b"], ["a", "c", "b"]) == {"a": 0.5, "b": 1.0}
    assert metrics.uar(["a", "a", "b"], ["a", "c", "b"]) == 0.75


def test_bootstrap_draws_whole_speakers() -> None:
    gold = np.array(["a"] * 40)
    predicted = np.array(["a"] * 20 + ["b"] * 20)
    two = np.array(["x"] * 20 + ["y"] * 20)
    assert metrics.bootstrap(metrics.accuracy, gold, predicted, two) == (0.0, 1.0)
    forty = np.arange(40)
    low, high = metrics.bootstrap(metrics.accuracy, gold, predicted, forty)
    # the interval of a share of one half of 40 independent clips: 0.5 ± 1.96 * sqrt(0.25 / 40)
    assert (low, high) == pytest.approx((0.345, 0.655), abs=0.03)
    assert metrics.bootstrap(metrics.accuracy, gold, predicted, forty) == (low, high)


def test_says_what_is_wrong() -> None:
    with pytest.raises(ValueError, match="2 gold and 1 predicted labels"):
        metrics.uar(["a", "b"], ["a"])
    with pytest.raises(ValueError, match="label 'z' is none of a, b"):
        metrics.confusion(["a", "z"], ["a", "a"], ("a", "b"))
    with pytest.raises(ValueError, match="unknown average 'micro'; known: macro, weighted"):
        metrics.f1(["a"], ["a"], "micro")
    with pytest.raises(ValueError, match="one row a label"):
        metrics.ece(np.ones((2, 2)), [0])
    with pytest.raises(ValueError, match="1 gold labels, 1 answers and 2 groups"):
        metrics.bootstrap(metrics.uar, ["a"], ["a"], ["x", "y"])
