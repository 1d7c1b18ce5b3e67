"""Classical models: scikit-learn's own answers, calibration, tuning, saving, and what is refused."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from hearfelt.errors import CorpusError, FeatureError, ModelError, OptionError
from hearfelt.models import classical
from hearfelt.models.calibration import temperature
from hearfelt.models.classical import CLASSICAL, ClassicalModel, ClassicalOptions
from hearfelt.models.estimators import Normaliser, balanced, folds, targets
from hearfelt.models.learners import KINDS
from hearfelt.types import Audio, Example
from tests.models.conftest import LABELS, Corpus, made

SMALL = {"trees": 20, "rounds": 40, "hidden": (16,)}

PLAIN: dict[str, Callable[[], Any]] = {
    "svm-linear": lambda: SVC(kernel="linear", C=0.01, class_weight="balanced", break_ties=True),
    "svm-rbf": lambda: SVC(C=3.0, class_weight="balanced", break_ties=True),
    "logistic": lambda: LogisticRegression(C=0.01, class_weight="balanced", max_iter=1000),
    "tree": lambda: DecisionTreeClassifier(min_samples_leaf=2, class_weight="balanced", random_state=0),
    "forest": lambda: RandomForestClassifier(20, min_samples_leaf=2, class_weight="balanced", random_state=0),
}


def model(kind: str, **options: Any) -> ClassicalModel:
    return ClassicalModel(ClassicalOptions(kind, **{**SMALL, "calibrate": "never", **options}))


@pytest.mark.parametrize("kind", sorted(PLAIN))
def test_predictions_are_those_of_plain_scikit_learn(kind: str, corpus: Corpus) -> None:
    train, test = corpus.of("s0", "s1", "s2")[:-7], corpus.of("s3", "s4")
    plain = make_pipeline(StandardScaler(), PLAIN[kind]())
    plain.fit(corpus.rows(train), [e.gold for e in train])
    expected = plain.predict(corpus.rows(test)).tolist()
    learnt = model(kind).fit(train)
    answers = learnt.predict_proba(test)
    assert learnt.classes_ == LABELS
    assert [learnt.classes_[i] for i in answers.argmax(axis=1)] == expected
    assert len(set(expected)) == 4


@pytest.mark.parametrize("kind", ["logistic", "forest"])
def test_probabilities_are_those_of_plain_scikit_learn_where_it_has_them(kind: str, corpus: Corpus) -> None:
    train, test = corpus.of("s0", "s1", "s2"), corpus.of("s3")
    plain = make_pipeline(StandardScaler(), PLAIN[kind]())
    plain.fit(corpus.rows(train), [e.gold for e in train])
    np.testing.assert_allclose(
        model(kind).fit(train).predict_proba(test), plain.predict_proba(corpus.rows(test)), atol=1e-4
    )


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_learns_answers_and_is_read_again(kind: str, corpus: Corpus, tmp_path: Path) -> None:
    train, test = corpus.of("s0", "s1", "s2", "s3"), corpus.of("s4", "s5")
    more = {"rounds": 200, "alpha": 0.01} if kind == "mlp" else {}
    learnt = model(kind, calibrate="always", inner_folds=2, **more).fit(train)
    answers = learnt.predict_proba(test)
    assert answers.shape == (48, 4)
    assert answers.dtype == np.float32
    np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-5)
    hits = np.mean([LABELS[i] == e.gold for i, e in zip(answers.argmax(axis=1), test, strict=True)])
    assert hits > 0.5
    learnt.save(tmp_path / "model")
    again = classical.load(tmp_path / "model")
    np.testing.assert_array_equal(again.predict_proba(test), answers)
    assert again.predict(test) == learnt.predict(test)
    assert again.options == learnt.options
    card = json.loads((tmp_path / "model" / "model.json").read_text())
    assert card["kind"] == "classical"
    assert card["trained_on"] == {"clips": 96, "speakers": 4}
    assert (card["licence"], card["corpora"]) == ("CC0", ["made"])
    assert sorted(p.name for p in (tmp_path / "model").iterdir()) == ["model.json", "weights.skops"]


def test_evidence_names_source_segment_and_derived_dimensions(corpus: Corpus) -> None:
    learnt = model("svm-linear", dimensions="derived").fit(corpus.of("s0", "s1"))
    (evidence,) = learnt.predict(corpus.of("s2")[:1])
    assert evidence.source == "voice/svm-linear"
    assert evidence.segment.speaker == "s2"
    assert evidence.reliability == 1.0
    assert evidence.emotion.labels == LABELS
    assert evidence.emotion.arousal is not None
    assert learnt.predict([]) == []
    assert learnt.predict_proba([]).shape == (0, 4)


def test_a_label_without_coordinates_gives_no_dimensions(corpus: Corpus) -> None:
    train = [
        dataclasses.replace(e, gold="calm" if e.gold == "neutral" else e.gold) for e in corpus.of("s0", "s1")
    ]
    (evidence,) = model("svm-linear", dimensions="derived").fit(train).predict(corpus.of("s2")[:1])
    assert evidence.emotion.arousal is None


@pytest.mark.parametrize("learner", ["ridge", "svr", "auto"])
def test_dimensions_are_learnt_from_ratings(learner: str, corpus: Corpus, tmp_path: Path) -> None:
    learnt = model("svm-linear", dimensions=learner).fit(corpus.of("s0", "s1", "s2", "s3"))
    test = corpus.of("s4", "s5")
    found = learnt.predict(test)
    for name in ("arousal", "valence"):
        ours = [getattr(one.emotion, name) for one in found]
        assert np.corrcoef(ours, [getattr(e, name) for e in test])[0, 1] > 0.5
    assert all(one.emotion.dominance is None for one in found)
    learnt.save(tmp_path / "m")
    assert classical.load(tmp_path / "m").predict(test) == found


def test_soft_labels_weigh_a_clip_by_its_votes(corpus: Corpus) -> None:
    """Every clip of a label has 30 % of the votes on the next: so do the probabilities."""
    learnt = model("logistic", target="soft", C=10.0, balance="none").fit(corpus.examples)
    answers = learnt.predict_proba(corpus.of("s0"))
    gold = np.array([LABELS.index(str(e.gold)) for e in corpus.of("s0")])
    assert answers[np.arange(len(gold)), gold].mean() == pytest.approx(0.66, abs=0.06)
    assert answers[np.arange(len(gold)), (gold + 1) % 4].mean() == pytest.approx(0.27, abs=0.06)
    rows = targets(corpus.examples[:2], LABELS, soft=True)
    np.testing.assert_array_equal(rows.clips, [0, 0, 1, 1])
    np.testing.assert_allclose(rows.weights, [0.7, 0.3, 0.7, 0.3])


@pytest.mark.parametrize(
    ("kind", "balance"), [("svm-linear", "weights"), ("svm-linear", "sampling"), ("knn", "weights")]
)
def test_classes_are_balanced(kind: str, balance: str, corpus: Corpus) -> None:
    few = [e for i, e in enumerate(corpus.examples) if e.gold != "anger" or i % 12 == 0]
    given = targets(few, LABELS, soft=False)
    even = balanced(ClassicalOptions(kind, balance=balance), given)
    totals = np.bincount(even.classes, even.weights)
    np.testing.assert_allclose(totals, totals[0])
    assert set(even.clips.tolist()) == set(range(len(few)))
    plain = balanced(ClassicalOptions(kind, balance="none"), given)
    np.testing.assert_array_equal(np.bincount(plain.classes), np.bincount(given.classes))


def test_the_temperature_is_that_of_a_grid() -> None:
    random = np.random.default_rng(0)
    gold = random.integers(0, 4, 400)
    scores = 6 * (np.eye(4)[gold] + 0.8 * random.standard_normal((400, 4)))

    def loss(t: float) -> float:
        scaled = scores / t
        return float((np.log(np.exp(scaled).sum(axis=1)) - scaled[np.arange(400), gold]).mean())

    grid = np.exp(np.linspace(-2, 4, 2000))
    assert temperature(scores, gold) == pytest.approx(min(grid, key=loss), rel=1e-2)
    scores[:5] = -np.inf
    assert np.isfinite(temperature(scores, gold))


def test_calibration_uses_held_out_speakers_and_keeps_the_labels(corpus: Corpus) -> None:
    train, test = corpus.of("s0", "s1", "s2", "s3"), corpus.of("s4", "s5")
    raw, warm = model("svm-rbf").fit(train), model("svm-rbf", calibrate="always").fit(train)
    before, after = raw.predict_proba(test), warm.predict_proba(test)
    np.testing.assert_array_equal(before.argmax(axis=1), after.argmax(axis=1))
    gold = np.array([LABELS.index(str(e.gold)) for e in test])

    def loss(p: np.ndarray) -> float:
        return float(-np.log(p[np.arange(len(gold)), gold]).mean())

    assert loss(after) < loss(before)


def test_folds_keep_speakers_apart() -> None:
    data = made(speakers=5)
    speakers = np.array([str(e.speaker) for e in data.examples])
    classes = np.array([LABELS.index(str(e.gold)) for e in data.examples])
    parts = list(folds(classes, speakers, 10, seed=1))
    assert len(parts) == 5
    assert sorted(i for _, test in parts for i in test) == list(range(len(speakers)))
    for train, test in parts:
        assert not set(speakers[train]) & set(speakers[test])


def test_tuning_takes_the_best_of_held_out_speakers(corpus: Corpus, tmp_path: Path) -> None:
    said: list[str] = []
    learnt = ClassicalModel(
        ClassicalOptions("svm-linear", tune=True, inner_folds=3, calibrate="never"), report=said.append
    ).fit(corpus.examples)
    assert list(learnt.tuned_) == list(KINDS["svm-linear"].grid)
    assert max(learnt.tuned_, key=lambda c: learnt.tuned_[c]) == learnt.options_.C
    assert len(said) == 5
    assert "svm-linear: C 0.01 has UAR 0." in said[2]
    learnt.save(tmp_path / "m")
    assert classical.load(tmp_path / "m").options_ == learnt.options_


def test_training_speakers_own_levels_are_taken_away(corpus: Corpus) -> None:
    x = corpus.values
    speakers = np.array([str(e.speaker) for e in corpus.examples])
    learnt = Normaliser.learn("train-speakers", x, speakers)
    known = learnt.known(x, speakers)
    means = np.stack([x[speakers == s].mean(axis=0) for s in np.unique(speakers)])
    for speaker in np.unique(speakers):
        np.testing.assert_allclose(known[speakers == speaker].mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(learnt.new(means).mean(axis=0), 0, atol=1e-5)
    train, test = corpus.of("s0", "s1", "s2", "s3"), corpus.of("s4", "s5")
    learnt_model = model("svm-linear", normalise="train-speakers").fit(train)
    alone = np.concatenate([learnt_model.predict_proba([e]) for e in test])
    np.testing.assert_allclose(learnt_model.predict_proba(test), alone, atol=1e-6)


def test_own_levels_of_test_speakers_help_and_need_names(corpus: Corpus, tmp_path: Path) -> None:
    train, test = corpus.of("s0", "s1", "s2"), corpus.of("s3", "s4", "s5")
    gold = [LABELS.index(str(e.gold)) for e in test]

    def hits(normalise: str) -> float:
        answers = model("svm-linear", C=0.1, normalise=normalise).fit(train).predict_proba(test)
        return float((answers.argmax(axis=1) == gold).mean())

    assert hits("own-speakers") > hits("none")
    learnt = model("svm-linear", normalise="own-speakers").fit(train)
    with pytest.raises(OptionError, match="needs to know who speaks, and 1 of 2 inputs do not say"):
        learnt.predict_proba([test[0], test[1].file])
    learnt.save(tmp_path / "m")
    np.testing.assert_array_equal(
        classical.load(tmp_path / "m").predict_proba(test), learnt.predict_proba(test)
    )


def test_one_class_and_no_label_are_refused(corpus: Corpus) -> None:
    with pytest.raises(CorpusError, match="the 36 clips have the labels anger: a model needs at least two"):
        model("tree").fit([e for e in corpus.examples if e.gold == "anger"])
    with pytest.raises(CorpusError, match="the 0 clips have the labels none"):
        model("tree").fit([])
    bare = dataclasses.replace(corpus.examples[0], gold=None)
    with pytest.raises(CorpusError, match=r"1 of 2 clips have no label, the first is s0-0\.wav: label"):
        model("tree").fit([bare, corpus.examples[1]])


def test_one_speaker_is_refused_where_speakers_are_held_out(corpus: Corpus) -> None:
    one = corpus.of("s0")
    with pytest.raises(
        CorpusError,
        match=r"tuning holds speakers out, and the 24 clips have only one \(s0\): add speakers, or set",
    ):
        model("svm-linear", tune=True).fit(one)
    with pytest.raises(CorpusError, match=r"calibration holds speakers out, .* or set calibrate='never'"):
        model("svm-linear", calibrate="always").fit(one)
    nameless = [dataclasses.replace(e, speaker=None) for e in one]
    with pytest.raises(CorpusError, match="tuning needs to know who speaks, and 24 of 24 clips name no"):
        model("svm-linear", tune=True).fit(nameless)
    with pytest.raises(CorpusError, match="normalise='train-speakers' needs to know who speaks"):
        model("svm-linear", normalise="train-speakers").fit(nameless)
    said: list[str] = []
    ClassicalModel(ClassicalOptions(), report=said.append).fit(one)
    assert said == ["svm-linear: probabilities are not calibrated: that needs two speakers or more"]


def test_each_label_by_one_speaker_cannot_be_tuned(corpus: Corpus) -> None:
    split = [
        dataclasses.replace(e, speaker=e.gold) for e in corpus.examples if e.gold in ("anger", "neutral")
    ]
    with pytest.raises(CorpusError, match="no part of the speakers has two labels"):
        model("svm-linear", tune=True).fit(split)


def test_nan_features_are_refused_by_file_or_imputed(tmp_path: Path, speech: Callable[..., Audio]) -> None:
    examples = []
    for number in range(6):
        file = tmp_path / f"{number}.wav"
        soundfile.write(file, speech(0.6, 100 + 60 * (number % 2), seed=number).samples, 16000)
        examples.append(Example(str(file), ("sadness", "anger")[number % 2], speaker=f"s{number % 3}"))
    short = tmp_path / "short.wav"
    soundfile.write(short, np.zeros(100), 16000)
    broken = [*examples, Example(str(short), "anger", speaker="s0")]
    with pytest.raises(FeatureError, match=r"short\.wav cannot be measured: a sound of 100 samples"):
        classical.make("svm").fit(broken)
    learnt = classical.make("svm", unmeasurable="impute", C=1.0).fit(broken)
    evidence = learnt.predict([examples[0], str(short)])
    assert [one.reliability for one in evidence] == [1.0, 0.0]
    assert evidence[0].emotion.label == "sadness"
    assert evidence[0].segment.end_s == pytest.approx(0.6)
    assert "short.wav cannot be measured" in evidence[1].note
    learnt.save(tmp_path / "m")
    assert classical.load(tmp_path / "m").predict([examples[0], str(short)]) == evidence


def test_folders_that_hold_no_model(corpus: Corpus, tmp_path: Path) -> None:
    learnt = model("tree").fit(corpus.of("s0", "s1"))
    learnt.save(tmp_path / "m")
    with pytest.raises(ModelError, match="there is no model in"):
        classical.load(tmp_path / "nowhere")
    card = tmp_path / "m" / "model.json"
    text = card.read_text()
    card.write_text(text.replace('"classical"', '"voice"'))
    with pytest.raises(ModelError, match="holds a model of kind 'voice': this reads 'classical' or"):
        classical.load(tmp_path / "m")
    card.write_text(text.replace("egemaps/1", "egemaps/0"))
    with pytest.raises(ModelError, match="needs features of space 'egemaps/0', this hearfelt makes"):
        classical.load(tmp_path / "m")
    card.write_text(text.replace('"tree"', '"bush"'))
    with pytest.raises(ModelError, match=r"describes no model that can be read: unknown .* 'bush'"):
        classical.load(tmp_path / "m")
    card.write_text(text)
    weights = tmp_path / "m" / "weights.skops"
    weights.write_bytes(weights.read_bytes()[:200])
    with pytest.raises(ModelError, match=r"weights\.skops cannot be read"):
        classical.load(tmp_path / "m")
    weights.unlink()
    with pytest.raises(ModelError, match=r"weights\.skops is missing: restore the folder"):
        classical.load(tmp_path / "m")


def test_a_file_with_strange_types_is_refused(corpus: Corpus, tmp_path: Path) -> None:
    import skops.io
    from sklearn.preprocessing import FunctionTransformer

    model("tree").fit(corpus.of("s0", "s1")).save(tmp_path / "m")
    skops.io.dump(FunctionTransformer(shutil.rmtree), tmp_path / "m" / "weights.skops")
    with pytest.raises(ModelError, match=r"holds .*rmtree.*, which is not among the types that"):
        classical.load(tmp_path / "m")


def test_saving_replaces_a_model_and_nothing_else(corpus: Corpus, tmp_path: Path) -> None:
    learnt = model("tree").fit(corpus.of("s0", "s1"))
    learnt.save(tmp_path / "m")
    learnt.save(tmp_path / "m")
    assert [p.name for p in tmp_path.iterdir()] == ["m"]
    other = tmp_path / "photos"
    other.mkdir()
    (other / "one.jpg").write_text("")
    with pytest.raises(ModelError, match="photos is there and holds no model: give a new folder"):
        learnt.save(other)
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match="the model cannot be written to"):
        learnt.save(tmp_path / "file" / "m")
    with pytest.raises(ModelError, match="tree has learnt nothing yet"):
        model("tree").save(tmp_path / "n")


def test_names_and_options_that_are_not_known() -> None:
    with pytest.raises(OptionError, match="unknown classical model 'perceptron'; known: tree, forest"):
        classical.make("perceptron")
    with pytest.raises(OptionError, match=r"unknown option of svm 'c'; known: kind, features, C"):
        classical.make("svm", c=1)
    with pytest.raises(OptionError, match="unknown balance 'even'; known: weights, sampling, none"):
        ClassicalOptions(balance="even")
    with pytest.raises(OptionError, match=r"C=-1, .*: C must be above 0"):
        ClassicalOptions(C=-1)
    with pytest.raises(OptionError, match="trees=0: use at least 1"):
        ClassicalOptions(trees=0)
    with pytest.raises(OptionError, match="inner_folds=1: use at least 2"):
        ClassicalOptions(inner_folds=1)
    for name in CLASSICAL:
        assert classical.make(name, seed=3).options.seed == 3


def test_a_learner_that_stops_early_says_so(corpus: Corpus) -> None:
    said: list[str] = []
    options = ClassicalOptions("mlp", rounds=2, hidden=(4,), calibrate="never", dimensions="derived")
    ClassicalModel(options, report=said.append).fit(corpus.examples)
    assert said == ["mlp stopped before it converged: raise rounds, or regularise more"]


def test_values_of_another_width_are_refused(corpus: Corpus) -> None:
    learnt = model("tree").fit(corpus.of("s0", "s1"))
    with pytest.raises(OptionError, match="tree has learnt from 12 features, got 3: measure 'functionals'"):
        learnt.proba_of(np.zeros((2, 3), dtype=np.float32))
