from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hearfelt.evaluation import compare, metrics

LABELS = np.array(["anger", "joy", "sadness"])


def made(
    accuracies: list[float], clips: int = 60, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gold labels, answers and speakers; the answers of each speaker are right that often."""
    random = np.random.default_rng(seed)
    who = np.repeat(np.arange(len(accuracies)), clips)
    gold = random.integers(0, 3, len(who))
    right = random.random(len(who)) < np.repeat(accuracies, clips)
    return LABELS[gold], LABELS[np.where(right, gold, (gold + random.integers(1, 3, len(who))) % 3)], who


def test_interval_of_any_score_agrees_with_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    x = np.random.default_rng(0).standard_normal(60)
    found = compare.interval(lambda rows: float(x[rows].mean()), np.arange(60), samples=4000)
    expected = stats.bootstrap((x,), np.mean, method="percentile", n_resamples=4000, rng=1)
    assert found.value == pytest.approx(x.mean())
    assert found.low == pytest.approx(expected.confidence_interval.low, abs=0.02)
    assert found.high == pytest.approx(expected.confidence_interval.high, abs=0.02)
    alone = compare.interval(lambda rows: float(x[rows].mean()), ["one"] * 60)
    assert (alone.low, alone.high) == (None, None)


@pytest.mark.parametrize("name", list(metrics.OF_COUNTS))
def test_quick_interval_is_that_of_the_slow_bootstrap(name: str) -> None:
    gold, answers, who = made([0.3, 0.9, 0.5, 0.7, 0.6, 0.8])
    score = {
        "uar": metrics.uar,
        "wa": metrics.accuracy,
        "macro_f1": metrics.f1,
        "weighted_f1": lambda g, a: metrics.f1(g, a, "weighted"),
    }[name]
    low, high = metrics.bootstrap(score, gold, answers, who, samples=2000)
    found = compare.label_interval(name, gold, answers, who, samples=2000)
    assert found.value == pytest.approx(score(gold, answers))
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.015)


def test_interval_of_a_mean_over_folds() -> None:
    gold, answers, who = made([0.3, 0.9, 0.5, 0.7])
    folds = who // 2
    found = compare.label_interval("uar", gold, answers, who, folds=folds)
    each = [metrics.uar(gold[folds == k], answers[folds == k]) for k in (0, 1)]
    assert found.value == pytest.approx(np.mean(each))
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.value < found.high
    one_a_fold = compare.label_interval("uar", gold, answers, who, folds=who)
    each = [metrics.uar(gold[who == k], answers[who == k]) for k in range(4)]
    assert one_a_fold.value == pytest.approx(np.mean(each))
    assert one_a_fold.low is not None
    assert min(each) <= one_a_fold.low < one_a_fold.value
    assert compare.label_interval("uar", gold, answers, ["x"] * len(gold), folds=folds).low is None


@given(first=st.integers(0, 30), second=st.integers(0, 30), both=st.integers(0, 5))
@settings(max_examples=40, deadline=None)
def test_mcnemar_is_the_binomial_test(first: int, second: int, both: int) -> None:
    stats = pytest.importorskip("scipy.stats")
    gold = ["a"] * (first + second + both)
    one = ["a"] * first + ["b"] * second + ["a"] * both
    other = ["b"] * first + ["a"] * second + ["a"] * both
    expected = stats.binomtest(first, first + second).pvalue if first + second else 1.0
    assert compare.mcnemar(gold, one, other) == pytest.approx(expected)


def test_mcnemar_of_many_clips_does_not_overflow() -> None:
    gold = ["a"] * 6000
    assert compare.mcnemar(gold, ["a"] * 3500 + ["b"] * 2500, ["b"] * 3500 + ["a"] * 2500) < 1e-30


def test_randomisation_agrees_with_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    gold, one, who = made([0.9, 0.6, 0.8, 0.7, 0.9], 40)
    other = made([0.6, 0.7, 0.5, 0.6, 0.8], 40, seed=1)[1]
    # With equally many clips a speaker, accuracy is the mean of the speakers' accuracies.
    a, b = (np.array([(x == gold)[who == k].mean() for k in range(5)]) for x in (one, other))
    expected = stats.permutation_test(
        (a, b), lambda x, y, axis: np.mean(x - y, axis=axis), permutation_type="samples", vectorized=True
    )
    p = compare.randomisation("wa", gold, one, other, who)
    assert p == pytest.approx(expected.pvalue)
    assert compare.randomisation("uar", gold, one, one, who) == 1
    sampled = made([0.7] * 20, 20)
    near = compare.randomisation("uar", sampled[0], sampled[1], made([0.7] * 20, 20, seed=5)[1], sampled[2])
    assert 0 < near <= 1


def test_four_speakers_cannot_show_much() -> None:
    gold, one, who = made([0.95] * 4)
    other = made([0.4] * 4, seed=1)[1]
    assert compare.randomisation("uar", gold, one, other, who) == 2 / 16


def test_paired_bootstrap_finds_a_difference_and_no_difference() -> None:
    gold, one, who = made([0.8] * 12, 40)
    worse = np.where(np.random.default_rng(3).random(len(one)) < 0.15, "joy", one)

    def accuracy(answers: np.ndarray) -> compare.Score:
        return lambda rows: metrics.accuracy(gold[rows], answers[rows])

    found = compare.paired_bootstrap(accuracy(one), accuracy(worse), who, samples=400)
    assert found.value == pytest.approx(metrics.accuracy(gold, one) - metrics.accuracy(gold, worse))
    assert found.low is not None
    assert found.low > 0
    assert found.p < 0.02
    same = compare.paired_bootstrap(accuracy(one), accuracy(one), who, samples=100)
    assert (same.value, same.p) == (0, 1)
    alone = compare.paired_bootstrap(accuracy(one), accuracy(worse), ["x"] * len(gold))
    assert (alone.low, alone.p) == (None, 1)


def test_null_hypothesis_is_rejected_as_often_as_promised() -> None:
    """Two systems of one quality: of 60 tests at 10 %, about 6 reject; 14 would be rare."""
    rejected = 0
    for seed in range(60):
        gold, one, who = made([0.7] * 14, 12, seed=seed)
        other = np.where(np.random.default_rng(seed + 100).random(len(one)) < 0.7, gold, np.roll(gold, 1))
        one = np.where(np.random.default_rng(seed + 200).random(len(one)) < 0.7, gold, np.roll(gold, 1))
        rejected += compare.randomisation("wa", gold, one, other, who, samples=200) < 0.1
    assert rejected < 14


def test_holm_by_hand() -> None:
    # sorted: 0.01 * 4, 0.02 * 3, 0.03 * 2 (raised to 0.06), 0.6
    assert compare.holm([0.03, 0.01, 0.6, 0.02]) == pytest.approx([0.06, 0.04, 0.6, 0.06])
    assert compare.holm([0.5, 0.9]) == [1.0, 1.0]


def test_groups_that_are_far_apart_are_flagged() -> None:
    gold, answers, who = made([0.9, 0.85, 0.9, 0.88, 0.5, 0.45, 0.5, 0.52])
    gender = np.where(who < 4, "female", "male")
    female, male = compare.by_group("uar", gold, answers, who, gender)
    assert (female.name, female.clips, female.speakers) == ("female", 240, 4)
    assert female.score.value == pytest.approx(metrics.uar(gold[:240], answers[:240]))
    assert female.gap.value == pytest.approx(female.score.value - male.score.value)
    assert female.gap.value == pytest.approx(-male.gap.value)
    assert female.significant
    assert male.significant
    assert male.gap.high is not None
    assert male.gap.high < -0.2


def test_groups_alike_are_not_flagged_and_one_speaker_is_not_tested() -> None:
    gold, answers, who = made([0.7] * 8)
    assert not any(g.significant for g in compare.by_group("uar", gold, answers, who, who % 2))
    far = made([0.95, 0.4, 0.4, 0.4])
    alone = compare.by_group("uar", *far, np.where(far[2] == 0, "one", "rest"))
    assert alone[0].gap.value > 0.3
    assert [g.gap.p for g in alone] == [1, 1]
    assert alone[0].score.low is None
    (all_of_them,) = compare.by_group("uar", *far, ["x"] * len(far[0]))
    assert (all_of_them.gap.value, all_of_them.significant) == (0, False)


def test_a_group_within_each_speaker_is_compared_within_speakers() -> None:
    """Speakers differ much, intensities little but always: the gap is seen all the same."""
    parts = [made([q, q + 0.15], 200, seed=i) for i, q in enumerate([0.4, 0.5, 0.6, 0.7, 0.8])]
    gold, answers = (np.concatenate([p[k] for p in parts]) for k in (0, 1))
    who = np.repeat(np.arange(5), 400)
    intensity = np.tile(np.repeat(["normal", "strong"], 200), 5)
    normal, strong = compare.by_group("wa", gold, answers, who, intensity)
    assert normal.speakers == strong.speakers == 5
    assert strong.significant
    assert strong.gap.low is not None
    assert strong.gap.low > 0


def test_says_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match="2 gold labels, 2 answers and 2, 1 speakers, folds or groups"):
        compare.label_interval("uar", ["a", "b"], ["a", "b"], ["x"])


def test_paired_scores_agree_with_the_slow_way() -> None:
    gold, one, who = made([0.8, 0.7, 0.9, 0.6, 0.8, 0.7])
    other = made([0.6, 0.6, 0.7, 0.6, 0.5, 0.7], seed=1)[1]
    found = compare.paired(gold, one, other, who, samples=2000)
    ps = [compare.randomisation(name, gold, one, other, who) for name in found]
    assert [x.p for x in found.values()] == compare.holm(ps)
    slow = compare.paired_bootstrap(
        lambda rows: metrics.uar(gold[rows], one[rows]),
        lambda rows: metrics.uar(gold[rows], other[rows]),
        who,
    )
    assert found["uar"].value == pytest.approx(slow.value)
    assert found["uar"].low == pytest.approx(slow.low, abs=0.02)
    assert found["uar"].high == pytest.approx(slow.high, abs=0.02)
