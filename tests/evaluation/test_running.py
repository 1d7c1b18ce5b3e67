from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np
import pytest

from hearfelt.datasets.splits import leave_one_speaker_out
from hearfelt.errors import CorpusError, OptionError
from hearfelt.evaluation import benchmark, metrics, running
from hearfelt.evaluation.protocols import HeldOut
from hearfelt.types import Example

from .made import LABELS, Guess, table


class Levels:
    """A clip is a point: the label's place plus the speaker's level; the nearest place is answered."""

    classes_ = LABELS
    spread = 3.0

    def fit(self, examples: Sequence[Example]) -> Levels:
        x = self.measured(examples).values
        who = np.array([e.speaker for e in examples])
        self.level = np.mean([x[who == name].mean(axis=0) for name in np.unique(who)], axis=0)
        return self

    def measured(self, examples: Sequence[Example]) -> SimpleNamespace:
        rows = []
        for e in examples:
            level = self.spread * np.random.default_rng(int(str(e.speaker)[1:])).standard_normal()
            rows.append([LABELS.index(str(e.gold)) + level])
        return SimpleNamespace(values=np.array(rows))

    def proba_of(self, values: np.ndarray) -> np.ndarray:
        away = np.abs(values - self.level + 1 - np.arange(3))
        return np.asarray(np.eye(3)[away.argmin(axis=1)])


def test_more_utterances_of_a_speaker_help() -> None:
    examples = table(10, 30)
    makers, splits, protocol = running.prepare({"levels": Levels}, examples, leave_one_speaker_out(examples))
    assert "after the first 10 of each speaker" in protocol
    assert list(makers) == [f"levels, after {k}" for k in running.STEPS]
    results = benchmark.run(makers, examples, splits)
    scores = [metrics.uar(r.answers.gold, r.answers.predicted) for r in results.values()]
    assert scores[0] < 0.5
    assert scores[3] > 0.9
    assert max(scores[:2]) < scores[2] < scores[3]
    assert {len(r.answers.examples) for r in results.values()} == {200}


def test_the_utterances_of_the_baseline_are_not_judged() -> None:
    examples = table(4, 15)
    makers, splits, _ = running.prepare({"levels": Levels}, examples, leave_one_speaker_out(examples))
    heard = makers["levels, after 10"]().heard
    assert {name: len(clips) for name, clips in heard.items()} == {f"made/s{k}": 10 for k in range(4)}
    for split in splits:
        judged = {examples[i].file for i in split.test}
        assert len(judged) == 5
        assert not judged & {e.file for e in heard[f"made/{split.name.removeprefix('speaker ')}"]}
        assert len(split.train) == 45


def test_weight_of_the_own_mean_is_the_best_linear_estimate() -> None:
    examples = table(4, 12)
    own = examples[:3]
    model = running.Running(Levels(), 3, {"made/s0": own}).fit(examples[12:])
    x = model.system.measured(examples[12:]).values.reshape(3, 12)
    level, within, between = x.mean(), x.var(axis=1).mean(), x.mean(axis=1).var()
    known = model.system.measured(own).values.mean()
    shift = (known - level) * 3 / (3 + within / between)
    seen: list[np.ndarray] = []
    model.system.proba_of = lambda values: seen.append(values) or np.eye(3)[[0] * len(values)]  # type: ignore[func-returns-value]
    model.predict_proba(examples[3:12])
    expected = model.system.measured(examples[3:12]).values - shift
    np.testing.assert_allclose(seen[0], expected, rtol=1e-5)


def test_what_has_no_running_baseline() -> None:
    examples = table(3, 12)
    splits = leave_one_speaker_out(examples)
    makers, _, _ = running.prepare({"guess": Guess}, examples, splits)
    with pytest.raises(OptionError, match="Guess does not work on a matrix of features"):
        benchmark.run(makers, examples, splits)
    short = table(3, 10)
    with pytest.raises(
        CorpusError, match=r"speaker made/s0 has 10 clips: a running baseline after 10 needs more"
    ):
        running.prepare({"levels": Levels}, short, leave_one_speaker_out(short))


def test_cache_is_that_of_the_system() -> None:
    model = running.Running(Levels(), 3, {})
    assert model.cache is None
    model.cache = "folder"
    assert model.system.cache == model.cache == "folder"


def answered(bias: float, clips: int = 40, speakers: int = 8, folds: int = 4) -> HeldOut:
    """Answers that are right but for noise, and that each speaker's voice pushes towards some labels."""
    random = np.random.default_rng(3)
    number = np.arange(speakers * clips)
    who, gold = number // clips, number % 3
    logits = 2.0 * np.eye(3)[gold] + random.standard_normal((len(number), 3))
    logits += bias * random.standard_normal((speakers, 3))[who]
    return HeldOut(
        file=np.array([f"{i:04}.wav" for i in number]),
        corpus=np.full(len(number), "made"),
        speaker=np.array([f"s{i}" for i in who]),
        gender=np.full(len(number), "female"),
        gold=np.array(LABELS)[gold],
        labels=np.array(LABELS),
        logits=logits.astype(np.float32),
        duration_s=np.ones(len(number), dtype=np.float32),
        fold=who % folds,
    )


def test_a_leaning_of_the_answers_is_taken_away() -> None:
    held = answered(3.0)
    found = running.of_answers(held)
    ua = [found[step]["ua"] for step in running.STEPS]
    assert ua == sorted(ua)
    assert ua[3] > ua[0] + 0.15
    assert all(row["ua_ci95"][0] <= row["ua"] <= row["ua_ci95"][1] for row in found.values())
    assert len(found[10]["ua_of_folds"]) == 4


def test_where_no_speaker_leans_the_baseline_changes_little() -> None:
    found = running.of_answers(answered(0.0))
    assert abs(found[10]["ua"] - found[0]["ua"]) < 0.02


def test_the_baseline_of_answers_looks_at_no_label() -> None:
    held = answered(3.0)
    wrong = dataclasses.replace(held, gold=np.roll(held.gold, 1))
    right, turned = running.of_answers(held), running.of_answers(wrong)
    # The answers are the same, so what is right of them under turned labels is what was wrong before.
    assert turned[10]["ua"] < 1 - right[10]["ua"] + 0.05


def test_the_baseline_of_answers_needs_clips_and_other_folds() -> None:
    with pytest.raises(CorpusError, match=r"^the speaker made/s0 has 10 clips: a running baseline after 10"):
        running.of_answers(answered(1.0, clips=10))
    with pytest.raises(CorpusError, match=r"^there is one fold: .* needs more, and the speakers of other"):
        running.of_answers(answered(1.0, folds=1))
