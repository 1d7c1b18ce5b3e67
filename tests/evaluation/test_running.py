from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np
import pytest

from hearfelt.datasets.splits import leave_one_speaker_out
from hearfelt.errors import CorpusError, OptionError
from hearfelt.evaluation import benchmark, metrics, running
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
