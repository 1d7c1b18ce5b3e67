from __future__ import annotations

import dataclasses

import krippendorff
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hearfelt.datasets import votes
from hearfelt.errors import CorpusError, OptionError
from hearfelt.types import Example


def heard(*items: str) -> list[Example]:
    """Examples of votes written as in a table: ``a=anger|b=fear``, or ``anger|fear``."""
    found = []
    for number, item in enumerate(items):
        pairs = [vote.rpartition("=") for vote in item.split("|") if vote]
        raters = tuple(rater for rater, _, _ in pairs if rater)
        found.append(Example(f"{number}.wav", None, votes=tuple(v for *_, v in pairs), raters=raters))
    return found


def test_majority_and_its_ties() -> None:
    assert votes.majority(["anger", "fear", "anger"]) == "anger"
    assert votes.majority([]) is None
    assert votes.majority(["fear", "anger"]) is None
    assert votes.majority(["fear", "anger"], tie=min) == "anger"
    assert votes.majority(["anger", "anger", "fear", "sadness"], above=0.5) is None
    assert votes.majority(["anger", "anger", "fear"], above=0.5) == "anger"
    assert votes.shares(["fear", "anger", "anger", "anger"]) == {"anger": 0.75, "fear": 0.25}


def test_gold_and_soft_labels_of_examples() -> None:
    one, tied, silent = heard("anger|anger|fear", "anger|fear", "")
    acted = dataclasses.replace(one, gold="fear")
    found = votes.label([one, tied, silent, acted])
    assert [e.gold for e in found] == ["anger", None, None, "fear"]
    assert [e.soft for e in found[:3]] == [votes.shares(one.votes), {"anger": 0.5, "fear": 0.5}, None]
    assert votes.label([acted], replace=True)[0].gold == "anger"
    assert votes.label([tied], tie=max)[0].gold == "fear"


ratings = st.integers(0, 2**32 - 1).map(
    lambda seed: np.where(
        np.random.default_rng(seed).random((12, 5)) < 0.3,
        np.nan,
        np.random.default_rng(seed + 1).integers(0, 4, (12, 5)),
    )
)


@settings(max_examples=40, deadline=None)
@given(ratings, st.sampled_from(["nominal", "interval"]))
def test_alpha_is_that_of_the_krippendorff_package(table: npt.NDArray[np.float64], level: str) -> None:
    pairable = table[np.isfinite(table).sum(axis=1) > 1]
    if len(np.unique(pairable[np.isfinite(pairable)])) < 2:
        with pytest.raises(CorpusError, match="agreement is not defined"):
            votes.alpha(table, level)
        return
    theirs = krippendorff.alpha(reliability_data=table.T, level_of_measurement=level)
    assert votes.alpha(table, level) == pytest.approx(theirs, abs=1e-9)
    far = votes.alpha(table + 1e6, "interval")
    assert far == pytest.approx(votes.alpha(table, "interval"), abs=1e-6)


def test_interval_of_alpha_holds_the_truth_and_narrows_with_items() -> None:
    random = np.random.default_rng(0)

    def rated(items: int) -> npt.NDArray[np.float64]:
        truth = random.integers(0, 3, (items, 1))
        noise = random.integers(0, 3, (items, 4))
        return np.where(random.random((items, 4)) < 0.7, truth, noise).astype(float)

    large = votes.alpha(rated(20000))
    widths = []
    for items in (50, 800):
        table = rated(items)
        low, high = votes.alpha_interval(table, seed=1)
        assert low < votes.alpha(table) < high and low < large < high
        assert (low, high) == votes.alpha_interval(table, seed=1)
        widths.append(high - low)
    assert widths[1] < widths[0] / 3


def test_agreement_of_votes_with_and_without_names() -> None:
    named = heard("a=anger|b=anger", "a=fear|b=anger|c=fear", "a=fear", "", "b=fear|c=fear")
    bare = [dataclasses.replace(e, raters=()) for e in named]
    found = votes.agreement(named, draws=200)
    assert found == votes.agreement(bare, draws=200)
    nan = np.nan
    table = [[0, 0, nan], [1, 0, 1], [1, nan, nan], [nan, 1, 1]]
    theirs = krippendorff.alpha(np.transpose(table), level_of_measurement="nominal")
    assert found.alpha == pytest.approx(theirs)
    assert (found.items, found.votes) == (3, 7) and found.low <= found.alpha <= found.high


def test_raters_are_compared_with_the_others() -> None:
    found = votes.rater_agreement(
        heard("a=anger|b=anger|c=fear", "a=fear|b=fear", "c=fear|b=anger", "a=fear", "c=fear|c=anger|b=fear")
    )
    # a: 1/2 and 1; b: 1/2, 1, 0 and 1/2; c: 0, 0, then fear as b said, and anger against it.
    assert found == {"c": (0.25, 4), "b": (0.5, 4), "a": (0.75, 2)}
    assert list(found) == ["c", "b", "a"]
    with pytest.raises(CorpusError, match="the votes do not name their raters"):
        votes.rater_agreement(heard("anger|fear"))


# Table 1 of Dawid & Skene (1979): 45 patients, 5 observers, of whom the first judged each three times.
PATIENTS = """111-1-1-1-1 333-4-3-3-4 112-2-1-2-2 222-3-1-2-1 222-3-2-2-2 222-3-3-2-2 122-2-1-1-1 333-3-4-3-3
222-2-2-2-3 232-2-2-2-3 444-4-4-4-4 222-3-3-4-3 111-1-1-1-1 222-3-2-1-2 121-1-1-1-1 111-2-1-1-1 111-1-1-1-1
111-1-1-1-1 222-2-2-2-1 222-1-3-2-2 222-2-2-2-2 222-2-2-2-1 222-3-2-2-2 221-2-2-2-2 111-1-1-1-1 111-1-1-1-1
232-2-2-2-2 111-1-1-1-1 111-1-1-1-1 112-1-1-2-1 111-1-1-1-1 333-3-2-3-3 111-1-1-1-1 222-2-2-2-2 222-3-2-3-2
433-4-3-4-3 221-2-2-3-2 232-3-2-3-3 333-3-4-3-2 111-1-1-1-1 111-1-1-1-1 121-2-1-1-1 232-2-2-2-2 121-1-1-1-1
222-2-2-2-2"""


def patients() -> list[Example]:
    found = []
    for number, line in enumerate(PATIENTS.split()):
        first, *rest = line.split("-")
        raters = ("1",) * 3 + ("2", "3", "4", "5")
        found.append(Example(f"{number}.wav", None, votes=(*first, *rest), raters=raters))
    return found


def test_dawid_skene_finds_what_its_paper_published() -> None:
    fit = votes.dawid_skene(patients(), smoothing=0.0)
    np.testing.assert_allclose(fit.prior, [0.40, 0.42, 0.11, 0.07], atol=0.005)
    # Table 2, observer 1, the classes 1 to 3.
    np.testing.assert_allclose(fit.confusion[0, 0], [0.89, 0.11, 0, 0], atol=0.006)
    np.testing.assert_allclose(fit.confusion[0, 1], [0.07, 0.88, 0.05, 0], atol=0.006)
    assert np.diff(fit.log_likelihood).min() > -1e-9
    np.testing.assert_allclose(fit.posterior.sum(axis=1), 1)
    np.testing.assert_allclose(fit.confusion.sum(axis=2), 1)
    gold = [e.gold for e in fit.label(patients())]
    assert (gold[0], gold[7], gold[8], gold[10]) == ("1", "3", "2", "4")


def test_dawid_skene_trusts_the_reliable() -> None:
    random = np.random.default_rng(3)
    names = ("anger", "fear", "neutral")
    truth = random.integers(0, 3, 300)
    skill = {"good": 0.95, "fair": 0.8, "poor": 0.35, "worse": 0.35, "random": 0.34}
    examples = []
    for number, label in enumerate(truth):
        pairs = [
            (rater, names[label if random.random() < right else random.integers(3)])
            for rater, right in skill.items()
            if random.random() < 0.8
        ]
        examples.append(
            Example(
                f"{number}.wav",
                None,
                votes=tuple(vote for _, vote in pairs),
                raters=tuple(rater for rater, _ in pairs),
            )
        )
    fit = votes.dawid_skene(examples)
    found = fit.label(examples)

    def right(table: list[Example]) -> float:
        return float(np.mean([e.gold == names[label] for e, label in zip(table, truth, strict=True)]))

    assert right(found) > right(votes.label(examples, tie=min)) + 0.05
    assert list(fit.reliability)[-1] == "good" and fit.reliability["good"] > 0.9
    assert all(sum(e.soft.values()) == pytest.approx(1) for e in found if e.soft)
    blank = votes.dawid_skene([*examples, Example("x.wav", "fear")])
    assert blank.label([*examples, Example("x.wav", "fear")])[-1] == Example("x.wav", "fear")
    np.testing.assert_allclose(blank.posterior[-1], blank.prior)


@pytest.mark.parametrize(
    ("items", "message"),
    [
        (["", ""], "none of the 2 examples has votes"),
        (["a=anger", "fear"], r"1 of the 2 examples .* do not name their raters, the first is 1\.wav"),
        (["anger|fear"], "the votes do not name their raters: write them as rater=label"),
    ],
)
def test_says_what_votes_lack(items: list[str], message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        votes.dawid_skene(heard(*items))


def test_alpha_says_where_it_is_not_defined() -> None:
    with pytest.raises(CorpusError, match="agreement is not defined on only one label"):
        votes.agreement(heard("anger|anger", "anger|anger"))
    with pytest.raises(CorpusError, match="not defined on no item with two votes"):
        votes.agreement(heard("anger", "fear"))
    with pytest.raises(OptionError, match="unknown level of measurement 'ratio'; known: nominal, interval"):
        votes.alpha([[1, 2]], "ratio")
    with pytest.raises(CorpusError, match=r"0\.wav has 1 votes but 2 raters"):
        votes.arrays([Example("0.wav", None, votes=("anger",), raters=("a", "b"))])
