from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from hearfelt.errors import CorpusError
from hearfelt.evaluation import metrics, protocols
from hearfelt.evaluation.protocols import HeldOut

LABELS = ("anger", "neutral", "sadness")


def made(n: int = 600, sharpness: float = 1.0, seed: int = 0) -> HeldOut:
    """Answers whose probabilities are right when the logits are divided by ``sharpness``."""
    random = np.random.default_rng(seed)
    logits = random.standard_normal((n, 3)) * 1.5
    p = protocols.softmax(logits)
    gold = (random.random(n)[:, None] > p.cumsum(axis=1)).sum(axis=1)
    number = np.arange(n)
    return HeldOut(
        file=np.array([f"{i:04}.wav" for i in number]),
        corpus=np.where(number % 3 == 0, "one", "two"),
        speaker=np.array([str(i % 8) for i in number]),
        gender=np.where(number % 2 == 0, "female", "male"),
        gold=np.array(LABELS)[gold],
        labels=np.array(LABELS),
        logits=(logits * sharpness).astype(np.float32),
        duration_s=np.full(n, 2, dtype=np.float32),
        fold=number % 4 % 2,
    )


def test_saved_answers_come_back(tmp_path: Path) -> None:
    held = made(20)
    with (tmp_path / "heldout.npz").open("wb") as stream:
        held.save(stream)
    back = protocols.load(tmp_path / "heldout.npz")
    for name in ("file", "corpus", "speaker", "gender", "gold", "labels", "logits", "duration_s", "fold"):
        np.testing.assert_array_equal(getattr(back, name), getattr(held, name))
        assert getattr(back, name).dtype == getattr(held, name).dtype


def test_interval_of_a_mean_over_folds_of_one_speaker_each_draws_folds() -> None:
    """Drawing the only speaker of a fold again would give the same answers, and an interval of no width."""
    held = made()
    alone = dataclasses.replace(held, fold=held.speaker.astype(np.int64))
    found = protocols.mean_over_folds(alone, samples=400)
    each, (low, high) = found["ua_of_folds"], found["ua_ci95"]
    assert found["ua"] == pytest.approx(np.mean(each), abs=1e-4)
    assert high - low == pytest.approx(2 * 1.96 * np.std(each) / np.sqrt(8), rel=0.25)
    several = protocols.mean_over_folds(held, samples=400)["ua_ci95"]
    assert several[0] < several[1]


def test_load_says_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"none\.npz holds no held-out answers .* run the recipe"):
        protocols.load(tmp_path / "none.npz")
    np.savez(tmp_path / "other.npz", gold=np.zeros(2))
    with pytest.raises(CorpusError, match="holds no held-out answers"):
        protocols.load(tmp_path / "other.npz")


def test_joined_folds_are_sorted_and_complete() -> None:
    held = made(40)
    joined = protocols.join([held.where(held.fold == 1), held.where(held.fold == 0)])
    assert joined.corpus.tolist() == sorted(held.corpus.tolist())
    assert sorted(joined.file.tolist()) == sorted(held.file.tolist())
    row = int(np.flatnonzero(joined.file == "0007.wav")[0])
    np.testing.assert_array_equal(joined.logits[row], held.logits[7])


@pytest.mark.parametrize("sharpness", [0.4, 1.0, 3.0])
def test_temperature_finds_how_far_too_sure(sharpness: float) -> None:
    held = made(6000, sharpness)
    temperature = protocols.fit_temperature(held)
    assert temperature == pytest.approx(sharpness, rel=0.08)
    assert protocols.calibration(held, temperature)["ece"] < 0.03
    probabilities, of_folds = protocols.cross_fitted(held)
    assert set(of_folds) == {0, 1}
    assert metrics.ece(probabilities, held.targets) < 0.03


def test_scores_by_group() -> None:
    held = made(300)
    table = protocols.by_group(held)
    assert set(table) == {"all", "one", "two", "mean_over_corpora"}
    part = held.where(held.corpus == "one")
    assert table["one"]["uar"] == pytest.approx(metrics.uar(part.gold, part.predicted), abs=1e-4)
    assert table["one"]["clips"] == 100
    assert set(table["one"]["gender"]) == {"female", "male"}
    assert table["one"]["uar_within"] == table["one"]["uar"]
    low, high = table["all"]["uar_ci95"]
    assert low < table["all"]["uar"] < high
    mean = (table["one"]["uar"] + table["two"]["uar"]) / 2
    assert table["mean_over_corpora"]["uar"] == pytest.approx(mean, abs=1e-4)


def test_mean_over_folds() -> None:
    held = made(300)
    table = protocols.mean_over_folds(held)
    each = [metrics.uar(p.gold, p.predicted) for p in (held.where(held.fold == k) for k in (0, 1))]
    assert table["ua"] == pytest.approx(np.mean(each), abs=1e-4)
    assert table["ua_of_folds"] == pytest.approx(each, abs=1e-4)
    assert table["ua_ci95"][0] < table["ua"] < table["ua_ci95"][1]


def test_answers_within_the_labels_of_a_corpus() -> None:
    held = made(400)
    part = held.where((held.corpus == "two") | (held.gold != "anger"))
    within = part.predicted_within
    assert "anger" in part.predicted[part.corpus == "one"]
    assert "anger" not in within[part.corpus == "one"]
    same = part.corpus == "two"
    np.testing.assert_array_equal(within[same], part.predicted[same])
    table = protocols.by_group(part)
    assert table["one"]["uar_within"] > table["one"]["uar"]
