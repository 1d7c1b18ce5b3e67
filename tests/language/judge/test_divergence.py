"""How far answers lie apart: a distance in [0, 1] that is 0 only between the same answers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hearfelt.language.judge.divergence import distance, jensen_shannon, mean_distance

# Thousandths, so that two that differ do so by more than the rounding of a logarithm.
shares = st.lists(st.integers(0, 1000), min_size=3, max_size=3).filter(any)
distributions = shares.map(lambda counts: tuple(np.array(counts) / sum(counts)))


@settings(deadline=None)
@given(distributions, distributions, distributions)
def test_it_is_a_metric_between_0_and_1(p: tuple[float], q: tuple[float], r: tuple[float]) -> None:
    assert 0 <= distance(p, q) <= 1
    assert distance(p, q) == pytest.approx(distance(q, p))
    assert distance(p, p) == 0
    if not np.allclose(p, q, atol=1e-6):
        assert distance(p, q) > 0
    assert distance(p, r) <= distance(p, q) + distance(q, r) + 1e-9


def test_answers_without_overlap_are_as_far_apart_as_can_be() -> None:
    assert distance((1, 0, 0), (0, 0.5, 0.5)) == pytest.approx(1)


@settings(deadline=None)
@given(st.lists(distributions, max_size=5))
def test_the_spread_is_the_mean_over_pairs(rows: list[tuple[float, ...]]) -> None:
    found = mean_distance(rows)
    assert 0 <= found <= 1
    if len(rows) == 3:
        a, b, c = rows
        assert found == pytest.approx((distance(a, b) + distance(a, c) + distance(b, c)) / 3)
    if len(set(rows)) < 2:
        assert found == 0
    elif len({tuple(np.round(row, 4)) for row in rows}) > 1:
        assert found > 0


def test_jensen_shannon_is_that_of_scipy() -> None:
    from scipy.spatial.distance import jensenshannon

    random = np.random.default_rng(0)
    p, q = random.dirichlet(np.ones(7), 20), random.dirichlet(np.ones(7), 20)
    np.testing.assert_allclose(jensen_shannon(p, q), jensenshannon(p, q, base=2, axis=1) ** 2, atol=1e-9)
