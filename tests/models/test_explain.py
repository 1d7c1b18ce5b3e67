"""Explanations: groups of names, importance of made features, and contributions that add up to the score."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.svm import SVC

from hearfelt.errors import ModelError, OptionError
from hearfelt.features import melfunctionals
from hearfelt.features.functionals import NAMES
from hearfelt.models.classical import ClassicalModel, ClassicalOptions
from hearfelt.models.explain import contributions, group_of, importances, importances_of
from hearfelt.types import to_dict
from tests.models.conftest import LABELS, Corpus


def test_every_functional_has_a_group() -> None:
    groups = {name: group_of(name) for name in (*NAMES, *melfunctionals.names())}
    assert "other" not in groups.values()
    expected = {
        "F0semitoneFrom27.5Hz_sma3nz_amean": "pitch",
        "loudness_sma3_amean": "loudness",
        "loudnessPeaksPerSec": "tempo",
        "F1frequency_sma3nz_amean": "formants",
        "jitterLocal_sma3nz_amean": "voice quality",
        "HNRdBACF_sma3nz_amean": "voice quality",
        "slopeV0-500_sma3nz_amean": "spectrum",
        "mfcc2_sma3_amean": "cepstrum",
        "MeanUnvoicedSegmentLength": "tempo",
        "relative_band7_iqr": "bands",
        "mfcc3_modulation_2_4_hz": "tempo",
        "level_mean": "loudness",
    }
    assert {name: groups[name] for name in expected} == expected
    assert (group_of("layer11_mean_5"), group_of("layers_std_0"), group_of("strange")) == (
        "layer11",
        "layers",
        "other",
    )


def test_only_the_group_that_decides_is_important() -> None:
    random = np.random.default_rng(0)
    values = random.standard_normal((200, 4)).astype(np.float32)
    gold = (values[:, 1] + values[:, 2] > 0).astype(np.int64)
    names = ("loudness_a", "F0_a", "F0_b", "jitter_a")

    def predict(rows: np.ndarray) -> np.ndarray:
        margin = rows[:, 1] + rows[:, 2]
        return np.stack([-margin, margin], axis=1)

    found = importances(predict, values, gold, names, repeats=10)
    assert found.uar == 1.0
    first = found.groups[0]
    assert (first.group, first.features) == ("pitch", 2)
    assert first.drop == pytest.approx(0.5, abs=0.1)
    assert first.low < first.drop < first.high
    assert all((g.drop, g.low, g.high) == (0, 0, 0) for g in found.groups[1:])
    assert str(found).splitlines()[0] == "UAR 1.000 on 200 clips; what it loses without …"
    assert "pitch          +0." in str(found)
    assert json.loads(json.dumps(to_dict(found)))["groups"][0]["group"] == "pitch"
    assert importances(predict, values, gold, names, repeats=10) == found


def test_importance_of_a_model_that_learnt(corpus: Corpus) -> None:
    learnt = ClassicalModel(ClassicalOptions("forest", trees=20, calibrate="never")).fit(
        corpus.of("s0", "s1", "s2")
    )
    found = importances_of(learnt, corpus.of("s3", "s4"), repeats=5)
    (only,) = found.groups
    assert (only.group, only.features, found.clips) == ("other", 12, 48)
    assert only.drop == pytest.approx(found.uar - 0.25, abs=0.15)
    strange = [*corpus.of("s3")[:2], type(corpus.examples[0])("x.wav", "surprise")]
    with pytest.raises(OptionError, match=r"1 clips have none of the labels anger, .*, the first is x\.wav"):
        importances_of(learnt, strange)


@pytest.mark.parametrize("kind", ["logistic", "svm-linear"])
@pytest.mark.parametrize("labels", [2, 4])
def test_contributions_add_up_to_the_score(kind: str, labels: int, corpus: Corpus) -> None:
    examples = [e for e in corpus.examples if e.gold in LABELS[:labels]]
    learnt = ClassicalModel(ClassicalOptions(kind, C=1.0, calibrate="never")).fit(examples)
    found = contributions(learnt, examples, top=12)
    rows = learnt.fitted_.pipeline[0].transform(corpus.rows(examples))
    learner = learnt.fitted_.pipeline[-1]
    if isinstance(learner, SVC):
        learner.decision_function_shape = "ovo"
    scores = learner.decision_function(rows)
    for one, margins in zip(found, scores, strict=True):
        label = learnt.classes_.index(one.label)
        if labels == 2:
            expected = margins * (0.5 if label else -0.5)
        elif kind == "logistic":
            expected = margins[label]
        else:
            pairs = [(a, b) for a in range(4) for b in range(a + 1, 4)]
            own = [
                m if a == label else -m for m, (a, b) in zip(margins, pairs, strict=True) if label in (a, b)
            ]
            expected = np.mean(own)
        assert one.score == pytest.approx(expected, abs=1e-4)
        assert one.offset + sum(amount for _, amount in one.groups) == pytest.approx(one.score, abs=1e-5)
        assert one.offset + sum(c.amount for c in one.strongest) == pytest.approx(one.score, abs=1e-5)
        assert abs(one.strongest[0].amount) >= abs(one.strongest[-1].amount)
    assert found[0].label in str(found[0])
    assert " at " in str(found[0])


def test_what_it_refuses(corpus: Corpus) -> None:
    learnt = ClassicalModel(ClassicalOptions("tree", calibrate="never")).fit(corpus.examples)
    with pytest.raises(ModelError, match=r"tree is of kind tree, .*: contributions need svm-linear or"):
        contributions(learnt, corpus.examples[:1])
    with pytest.raises(OptionError, match=r"features \(3, 2\), 2 labels, 2 names, 5 repeats"):
        importances(
            lambda rows: rows,
            np.zeros((3, 2), np.float32),
            np.zeros(2, dtype=np.int64),
            ("a", "b"),
            repeats=5,
        )
