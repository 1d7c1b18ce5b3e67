"""Ensembles: averages by hand, weights and stacking on held-out speakers, folders, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from hearfelt.errors import CorpusError, ModelError, OptionError
from hearfelt.models import ensemble
from hearfelt.models.classical import ClassicalModel, ClassicalOptions
from hearfelt.models.ensemble import Ensemble, EnsembleOptions
from hearfelt.types import Emotion, Evidence, Example, FloatArray, Segment
from tests.models.conftest import LABELS, Corpus


def member(kind: str) -> Callable[[], ClassicalModel]:
    return lambda: ClassicalModel(ClassicalOptions(kind, calibrate="never", trees=10), name=kind)


TWO = {"logistic": member("logistic"), "tree": member("tree")}


class Guess:
    """A member that knows nothing; it counts how often it learns and from how many speakers."""

    classes_ = LABELS

    def __init__(self, seen: list[set[str | None]]) -> None:
        self._seen = seen

    def fit(self, examples: Sequence[Example]) -> Guess:
        self._seen.append({e.speaker for e in examples})
        return self

    def predict_proba(self, inputs: Sequence[Any]) -> FloatArray:
        return np.tile(np.array([[0.4, 0.3, 0.2, 0.1]], dtype=np.float32), (len(inputs), 1))

    def predict(self, inputs: Sequence[Any]) -> list[Evidence]:
        felt = Emotion(LABELS, (0.4, 0.3, 0.2, 0.1), arousal=1.0)
        return [Evidence("guess", Segment(0, 1), felt, 0.5, "a guess") for _ in inputs]

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        (folder / "model.json").write_text(json.dumps({"name": "g", "kind": "guess", "labels": LABELS}))


def test_averages_are_those_by_hand(corpus: Corpus) -> None:
    train, test = corpus.of("s0", "s1", "s2"), corpus.of("s3")
    one, two = (make().fit(train).predict_proba(test).astype(np.float64) for make in TWO.values())
    mean = Ensemble(TWO, EnsembleOptions("mean", weights=(3, 1))).fit(train).predict_proba(test)
    np.testing.assert_allclose(mean, 0.75 * one + 0.25 * two, atol=1e-6)
    logs = Ensemble(TWO, EnsembleOptions("log-mean")).fit(train).predict_proba(test)
    product = np.sqrt(np.maximum(one, 1e-6) * np.maximum(two, 1e-6))
    np.testing.assert_allclose(logs, product / product.sum(axis=1, keepdims=True), atol=1e-5)


def test_weights_are_chosen_on_speakers_held_out_of_training(corpus: Corpus) -> None:
    seen: list[set[str | None]] = []
    said: list[str] = []
    members = {"guess": lambda: Guess(seen), "logistic": member("logistic")}
    learnt = Ensemble(members, EnsembleOptions(choose=True, inner_folds=3), report=said.append)
    learnt.fit(corpus.examples)
    assert learnt.weights_[1] > learnt.weights_[0]
    assert sum(learnt.weights_) == pytest.approx(1)
    assert [len(speakers) for speakers in seen] == [4, 4, 4, 6]
    assert said[-1].startswith("ensemble: weights ")
    assert said[0] == "ensemble: inner fold 1 of 3, guess"


def test_stacking_is_logistic_regression_on_held_out_answers(corpus: Corpus, tmp_path: Path) -> None:
    train, test = corpus.of("s0", "s1", "s2", "s3"), corpus.of("s4", "s5")
    learnt = Ensemble(TWO, EnsembleOptions("stacking", inner_folds=2)).fit(train)
    held, gold = learnt._held_out(train)
    flat = np.log(np.maximum(held, 1e-6)).transpose(1, 0, 2).reshape(len(train), -1)
    plain = LogisticRegression(C=0.1, class_weight="balanced", max_iter=2000).fit(flat, gold)
    answers = np.stack([m.predict_proba(test) for m in learnt.members_.values()]).astype(np.float64)
    inputs = np.log(np.maximum(answers, 1e-6)).transpose(1, 0, 2).reshape(len(test), -1)
    np.testing.assert_allclose(learnt.predict_proba(test), plain.predict_proba(inputs), atol=1e-5)
    hits = learnt.predict_proba(test).argmax(axis=1) == [LABELS.index(str(e.gold)) for e in test]
    assert hits.mean() > 0.5
    learnt.save(tmp_path / "m")
    np.testing.assert_array_equal(
        ensemble.load(tmp_path / "m").predict_proba(test), learnt.predict_proba(test)
    )


def test_stacking_of_two_labels(corpus: Corpus) -> None:
    two = [e for e in corpus.examples if e.gold in ("anger", "sadness")]
    answers = Ensemble(TWO, EnsembleOptions("stacking")).fit(two[:36]).predict_proba(two[36:])
    np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-6)
    gold = [("anger", "sadness").index(str(e.gold)) for e in two[36:]]
    assert (answers.argmax(axis=1) == gold).mean() > 0.7


def test_it_is_read_again_members_and_all(corpus: Corpus, tmp_path: Path) -> None:
    train, test = corpus.of("s0", "s1", "s2"), corpus.of("s3")
    inner = lambda: Ensemble(TWO, name="inner")  # noqa: E731
    learnt = Ensemble({"inner": inner, "knn": member("knn")}, EnsembleOptions("mean"), name="outer").fit(
        train
    )
    learnt.save(tmp_path / "m")
    again = ensemble.load(tmp_path / "m")
    np.testing.assert_array_equal(again.predict_proba(test), learnt.predict_proba(test))
    assert again.predict(test) == learnt.predict(test)
    assert again.predict(test)[0].source == "voice/outer"
    assert (tmp_path / "m" / "inner" / "tree" / "weights.skops").is_file()
    card = json.loads((tmp_path / "m" / "model.json").read_text())
    assert (card["kind"], card["members"], card["licence"]) == ("ensemble", ["inner", "knn"], "CC0")
    with pytest.raises(ModelError, match="an ensemble that was read from a folder cannot learn again"):
        again.fit(train)


def test_evidence_carries_what_members_say(corpus: Corpus, tmp_path: Path) -> None:
    members = {"guess": lambda: Guess([]), "logistic": member("logistic")}
    learnt = Ensemble(members).fit(corpus.examples)
    test = corpus.of("s0")[:2]
    evidence = learnt.predict(test)[0]
    assert (evidence.reliability, evidence.note) == (0.5, "a guess")
    own = member("logistic")().fit(corpus.examples).predict(test)[0].emotion.arousal
    assert own is not None
    assert evidence.emotion.arousal == pytest.approx((1.0 + own) / 2)
    assert learnt.predict([]) == []
    learnt.save(tmp_path / "m")
    with pytest.raises(ModelError, match="holds a model of kind 'guess': this reads 'classical'"):
        ensemble.load(tmp_path / "m")
    again = ensemble.load(tmp_path / "m", {"guess": lambda folder: Guess([])})
    np.testing.assert_array_equal(again.predict_proba(test), learnt.predict_proba(test))


def test_what_it_refuses(corpus: Corpus, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="an ensemble of 1 members: give two or more"):
        Ensemble({"tree": member("tree")})
    with pytest.raises(OptionError, match="3 weights for 2 members: give one each"):
        Ensemble(TWO, EnsembleOptions(weights=(1, 1, 1)))
    with pytest.raises(OptionError, match="none may be below 0"):
        EnsembleOptions(weights=(-1, 2))
    with pytest.raises(OptionError, match="unknown combination 'vote'; known: mean, log-mean, stacking"):
        EnsembleOptions("vote")
    with pytest.raises(OptionError, match="choose=True chooses the weights of an average"):
        EnsembleOptions("stacking", choose=True)
    with pytest.raises(OptionError, match=r"inner_folds=1, C=0\.1: use 2 folds or more"):
        EnsembleOptions(inner_folds=1)
    six = {str(i): member("tree") for i in range(6)}
    with pytest.raises(OptionError, match="weights of 6 members are not chosen: give them"):
        Ensemble(six, EnsembleOptions(choose=True))
    with pytest.raises(OptionError, match="unknown classical model 'oak'"):
        ensemble.make(["svm", "oak"])
    with pytest.raises(OptionError, match="unknown option of an ensemble 'weight'; known: combine, weights"):
        ensemble.make(["svm", "tree"], weight=1)
    one = corpus.of("s0")
    with pytest.raises(CorpusError, match=r"stacking holds speakers out, and the 24 clips have only one"):
        Ensemble(TWO, EnsembleOptions("stacking")).fit(one)
    with pytest.raises(CorpusError, match=r"choosing weights holds speakers out, .*, or average"):
        Ensemble(TWO, EnsembleOptions(choose=True)).fit(one)
    with pytest.raises(ModelError, match="ensemble has learnt nothing yet"):
        Ensemble(TWO).predict_proba(one)
    with pytest.raises(ModelError, match="there is no model in"):
        ensemble.load(tmp_path)


def test_a_stack_that_is_missing_is_one_sentence(corpus: Corpus, tmp_path: Path) -> None:
    Ensemble(TWO, EnsembleOptions("stacking")).fit(corpus.examples).save(tmp_path / "m")
    (tmp_path / "m" / "stack.npz").unlink()
    with pytest.raises(ModelError, match=r"describes no ensemble that can be read: .*stack\.npz"):
        ensemble.load(tmp_path / "m")


def test_by_name(corpus: Corpus) -> None:
    learnt = ensemble.make(["logistic", "tree"], combine="mean", name="pair").fit(corpus.examples)
    assert list(learnt.members_) == ["logistic", "tree"]
    assert learnt.predict(corpus.of("s0")[:1])[0].source == "voice/pair"
