"""Several labels at once: independent probabilities, thresholds, and what is refused."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from hearfelt.errors import CorpusError
from hearfelt.models import classical
from hearfelt.models.calibration import best_threshold, platt, sigmoid
from hearfelt.models.multilabel import MultiLabelModel
from hearfelt.types import Example
from tests.models.conftest import LABELS, Corpus


def mixed(corpus: Corpus) -> list[Example]:
    """Every third clip has two labels."""
    examples = []
    for number, e in enumerate(corpus.examples):
        second = LABELS[(LABELS.index(str(e.gold)) + 1) % 4]
        soft = {str(e.gold): 0.5, second: 0.5} if number % 3 == 0 else {str(e.gold): 1.0}
        examples.append(dataclasses.replace(e, soft=soft))
    return examples


def test_each_label_is_a_yes_or_no_of_its_own(corpus: Corpus, tmp_path: Path) -> None:
    examples = mixed(corpus)
    train, test = examples[:96], examples[96:]
    learnt = classical.make("logistic", target="multi", calibrate="never").fit(train)
    assert isinstance(learnt, MultiLabelModel)
    answers = learnt.predict_proba(test)
    for column, label in enumerate(LABELS):
        plain = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, class_weight="balanced"))
        plain.fit(corpus.rows(train), [label in (e.soft or {}) for e in train])
        expected = plain.predict_proba(corpus.rows(test))[:, 1]
        np.testing.assert_allclose(answers[:, column], expected, atol=1e-3)
    evidence = learnt.predict(test[:1])[0].emotion
    assert evidence.multi_label
    assert evidence.probabilities == pytest.approx(answers[0].tolist())
    assert learnt.thresholds_ == (0.5,) * 4
    learnt.save(tmp_path / "m")
    again = classical.load(tmp_path / "m")
    assert isinstance(again, MultiLabelModel)
    np.testing.assert_array_equal(again.predict_proba(test), answers)


def test_thresholds_and_sigmoids_come_from_held_out_speakers(corpus: Corpus, tmp_path: Path) -> None:
    examples = mixed(corpus)
    learnt = classical.make("svm", target="multi", inner_folds=3).fit(examples[:120])
    assert isinstance(learnt, MultiLabelModel)
    truth = [[label in (e.soft or {}) for label in LABELS] for e in examples[120:]]
    labels = learnt.predict_labels(examples[120:])
    found = [[label in some for label in LABELS] for some in labels]
    assert f1_score(truth, found, average="macro") > 0.55
    learnt.save(tmp_path / "m")
    again = classical.load(tmp_path / "m")
    assert isinstance(again, MultiLabelModel)
    assert again.predict_labels(examples[120:]) == labels
    assert again.thresholds_ == learnt.thresholds_


def test_platt_is_logistic_regression_on_many_margins() -> None:
    random = np.random.default_rng(0)
    margins = random.standard_normal(5000)
    yes = (random.random(5000) < sigmoid(margins, (2.0, -0.5))).astype(np.int64)
    plain = LogisticRegression(C=1e6).fit(margins[:, None], yes)
    slope, offset = platt(margins, yes)
    assert slope == pytest.approx(plain.coef_[0, 0], rel=0.02)
    assert offset == pytest.approx(plain.intercept_[0], rel=0.05)


def test_the_threshold_is_that_of_a_search() -> None:
    random = np.random.default_rng(1)
    yes = random.integers(0, 2, 60)
    p = np.round(np.clip(0.3 * yes + 0.5 * random.random(60), 0, 1), 2)
    best = max(f1_score(yes, p >= t) for t in np.linspace(0, 1, 101))
    assert f1_score(yes, p >= best_threshold(p, yes)) == pytest.approx(best)
    assert best_threshold(p, np.zeros(60, dtype=np.int64)) == 0.5


def test_labels_that_cannot_be_learnt(corpus: Corpus) -> None:
    examples = mixed(corpus)
    with pytest.raises(CorpusError, match=r"1 of 2 clips have no label with a share of 0\.9 or more"):
        classical.make("svm", target="multi", share=0.9).fit(examples[:2])
    anger = [dataclasses.replace(e, soft={"anger": 0.5, str(e.gold): 0.5}) for e in examples]
    with pytest.raises(CorpusError, match="and all have anger: a label is learnt from clips with"):
        classical.make("svm", target="multi").fit(anger)
