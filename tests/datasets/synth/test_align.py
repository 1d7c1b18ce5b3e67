"""What belongs together in two utterances: against a plain dynamic programme, on known warps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hearfelt.datasets.synth import align, world
from hearfelt.errors import AudioError, OptionError
from hearfelt.types import Audio

from .conftest import Spoken


def cheapest(cost: np.ndarray) -> float:
    """The same recursion, cell by cell."""
    n = len(cost)
    total = np.full((n, n), np.inf)
    total[0, 0] = cost[0, 0]
    for i in range(1, n):
        for j in range(1, n):
            ways = [total[i - 1, j - 1] + 2 * cost[i, j]]
            if j > 1:
                ways.append(total[i - 1, j - 2] + 1.5 * (cost[i, j - 1] + cost[i, j]))
            if i > 1:
                ways.append(total[i - 2, j - 1] + 1.5 * (cost[i - 1, j] + cost[i, j]))
            total[i, j] = min(ways)
    return float(total[-1, -1])


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 14), st.integers(0, 10_000))
def test_the_path_is_the_cheapest(n: int, seed: int) -> None:
    cost = np.random.default_rng(seed).random((n, n))
    rows, columns = align._warping_path(cost)
    assert (rows[0], columns[0], rows[-1], columns[-1]) == (0, 0, n - 1, n - 1)
    spent = cost[0, 0]
    for a, b, c, d in zip(rows[:-1], columns[:-1], rows[1:], columns[1:]):
        down, right = c - a, d - b
        assert (down, right) in ((1, 1), (1, 2), (2, 1))
        over = {(1, 2): cost[c, d - 1], (2, 1): cost[c - 1, d]}
        spent += 2 * cost[c, d] if down == right else 1.5 * (over[(down, right)] + cost[c, d])
    assert spent == pytest.approx(cheapest(cost))


@pytest.fixture(scope="module")
def neutral(spoken: Spoken) -> world.Speech:
    return world.analyse(spoken("en", "m1", "neutral"))


@pytest.mark.parametrize("method", align.METHODS)
def test_an_utterance_matches_itself(neutral: world.Speech, method: str) -> None:
    here, there = align.pairs(neutral, neutral, method)
    np.testing.assert_allclose(here, there, atol=2)


def test_a_known_warp_is_found(neutral: world.Speech) -> None:
    n = len(neutral)
    time = np.linspace(0, 1, round(1.3 * n))
    warp = (time + 0.08 * np.sin(2 * np.pi * time)) * (n - 1)  # slow in the middle, fast at the ends
    here, there = align.pairs(neutral, world.at(neutral, warp), "cepstrum")
    error = np.abs(np.interp(there, np.arange(len(warp)), warp) - here) * world.HOP_S
    assert np.median(error) < 0.02


@pytest.mark.parametrize("method", align.METHODS)
def test_pairs_rise(spoken: Spoken, neutral: world.Speech, method: str) -> None:
    other = world.analyse(spoken("en", "f1", "anger"))
    here, there = align.pairs(neutral, other, method)
    assert (np.diff(here) > 0).all() and (np.diff(there) > 0).all()
    assert (here[0], there[0]) == (0, 0)
    assert here[-1] == pytest.approx(len(neutral) - 1, abs=2)
    assert there[-1] == pytest.approx(len(other) - 1, abs=2)


def test_syllables_of_a_made_sound(speech: Callable[..., Audio]) -> None:
    found = align.nuclei(world.analyse(speech(seconds=2.0)))  # four syllables a second
    assert len(found) == pytest.approx(8, abs=1)
    assert np.diff(found).mean() * world.HOP_S == pytest.approx(0.25, abs=0.02)


def test_what_cannot_be_aligned(neutral: world.Speech) -> None:
    with pytest.raises(OptionError, match="unknown alignment 'words'; known: syllables, cepstrum"):
        align.pairs(neutral, neutral, "words")
    slow = world.at(neutral, np.linspace(0, len(neutral) - 1, 4 * len(neutral)))
    with pytest.raises(AudioError, match="too unlike to hold the same words: align them by syllables"):
        align.pairs(neutral, slow, "cepstrum")
    assert len(align.pairs(neutral, slow, "syllables")[0]) >= 2
