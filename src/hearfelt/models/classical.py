"""Classical models on functionals or embeddings: trees, SVMs, logistic regression, kNN and an MLP.

>>> from hearfelt.models import classical
>>> model = classical.make("svm", cache="runs/features")
>>> model.fit(examples).predict(["a.wav"])  # doctest: +SKIP

A saved model is ``model.json`` and ``weights.skops``, which runs no code when it is read.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import hearfelt
from hearfelt.errors import CorpusError, ModelError, OptionError, unknown_name
from hearfelt.features import matrix
from hearfelt.features.base import Extractor, extractor
from hearfelt.labels import DIMENSIONS, emotion
from hearfelt.models import estimators, folder, learners, skopsfile
from hearfelt.models.base import Input
from hearfelt.models.calibration import temperature
from hearfelt.models.estimators import Doubles, Ints, Names, Targets
from hearfelt.models.learners import ClassicalOptions
from hearfelt.models.regressors import Regressors
from hearfelt.types import Emotion, Evidence, Example, FloatArray

__all__ = ["CLASSICAL", "ClassicalModel", "ClassicalOptions", "load", "make"]

_SVM = ClassicalOptions()

CLASSICAL: Mapping[str, ClassicalOptions] = {
    "tree": ClassicalOptions("tree"),
    "forest": ClassicalOptions("forest"),
    "boosting": ClassicalOptions("boosting"),
    "svm": _SVM,
    "svm-rbf": ClassicalOptions("svm-rbf"),
    "logistic": ClassicalOptions("logistic"),
    "knn": ClassicalOptions("knn"),
    "mlp": ClassicalOptions("mlp"),
    "svm-mel": replace(_SVM, features="mel", C=0.001),
    "svm-both": replace(_SVM, features="functionals+mel", C=0.001),
    "svm-egemaps": replace(_SVM, features="opensmile-egemaps"),
    "svm-compare": replace(_SVM, features="opensmile-compare", C=0.0001),
}
"""Name to options; the first eight are on our 88 functionals, the last two on openSMILE's for comparison."""


def make(name: str, **options: Any) -> ClassicalModel:
    """A model of `CLASSICAL` that has learnt nothing yet.

    Args:
        name: one of `CLASSICAL`.
        options: fields of `ClassicalOptions` to change, and ``cache``, ``report``, ``workers`` of
            `ClassicalModel`.

    Raises:
        OptionError: an unknown name or option.
    """
    if name not in CLASSICAL:
        raise unknown_name("classical model", name, CLASSICAL)
    runtime = {key: options.pop(key) for key in ("cache", "report", "workers") if key in options}
    known = [field.name for field in dataclasses.fields(ClassicalOptions)]
    for key in options:
        if key not in known:
            raise unknown_name(f"option of {name}", key, (*known, "cache", "report", "workers"))
    chosen = replace(CLASSICAL[name], **options)
    if chosen.target == "multi":
        from hearfelt.models.multilabel import MultiLabelModel

        return MultiLabelModel(chosen, name=name, **runtime)
    return ClassicalModel(chosen, name=name, **runtime)


@dataclass(frozen=True, eq=False)
class Training:
    """What `fit` learns from: features ``(n, n_dims)``, targets, and the class and speaker of each clip."""

    x: FloatArray
    targets: Targets
    gold: Ints
    speakers: Names | None
    examples: Sequence[Example]


class ClassicalModel:
    """One learner of scikit-learn on one feature set (`hearfelt.models.base.Model`).

    Args:
        options: what to learn and how.
        name: in ``Evidence.source``; the kind where None.
        cache: folder for measured features; None measures them anew each time.
        report: gets a sentence now and then.
        workers: processes that measure.
    """

    kind = "classical"
    classes_: tuple[str, ...]
    fitted_: estimators.Fitted
    temperature_: float
    options_: ClassicalOptions
    """The options with what tuning chose."""
    tuned_: dict[float, float]
    """Value of the tuned parameter to its UAR on held-out speakers of the training part; empty untuned."""
    regressors_: Regressors | None
    names_: tuple[str, ...]
    """Name of each feature."""

    def __init__(
        self,
        options: ClassicalOptions | None = None,
        *,
        name: str | None = None,
        cache: Path | str | None = None,
        report: Callable[[str], None] | None = None,
        workers: int = 1,
    ) -> None:
        self.options = options or ClassicalOptions()
        self.name = name or self.options.kind
        self.cache = None if cache is None else Path(cache)
        self.report = report or matrix.silent
        self.workers = workers
        self._extractor: Extractor | None = None

    def fit(self, examples: Sequence[Example]) -> ClassicalModel:
        """Learn from labelled examples; returns itself.

        Raises:
            CorpusError: an example without a label, one label only, or too few speakers for what was asked.
            FeatureError: a clip that cannot be measured.
            MissingExtraError: scikit-learn is not installed.
        """
        learners.require_sklearn(self.name)
        self.classes_ = self._labels(examples)
        measured = self.measured(examples)
        self.names_ = measured.names
        self._learn(self._training(measured.values, examples))
        self._facts = folder.facts(examples)
        return self

    def predict_proba(self, inputs: Sequence[Input]) -> FloatArray:
        """Probabilities, shape ``(n_inputs, n_labels)``, in the order of ``classes_``."""
        self._check_fitted()
        return self.proba_of(self.measured(inputs).values, self._asked(inputs))

    def proba_of(self, values: FloatArray, speakers: Names | None = None) -> FloatArray:
        """As `predict_proba`, of features ``(n, n_dims)`` that are measured already."""
        self._check_fitted()
        if not len(values):
            return np.zeros((0, len(self.classes_)), dtype=np.float32)
        if values.shape[1] != len(self.names_):
            raise OptionError(
                f"{self.name} has learnt from {len(self.names_)} features, got {values.shape[1]}: measure "
                f"{self.options.features!r}"
            )
        return self._probabilities(values, speakers)

    def predict(self, inputs: Sequence[Input]) -> list[Evidence]:
        """Evidence of each input, in order. A clip whose features were imputed has reliability 0."""
        self._check_fitted()
        measured, speakers = self.measured(inputs), self._asked(inputs)
        answers = self.proba_of(measured.values, speakers)
        felt = [self._emotion(row) for row in answers]
        if self.regressors_ is not None and len(felt):
            rated = self.regressors_.predict(self.fitted_rows(measured.values, speakers))
            felt = [
                replace(one, arousal=arousal, valence=valence, dominance=dominance)
                for one, (arousal, valence, dominance) in zip(felt, rated, strict=True)
            ]
        return [
            Evidence(
                f"voice/{self.name}",
                matrix.segment_of(one),
                emotion_,
                0.0 if index in measured.missing else 1.0,
                measured.missing.get(index, ""),
            )
            for index, (one, emotion_) in enumerate(zip(inputs, felt, strict=True))
        ]

    def fitted_rows(self, values: FloatArray, speakers: Names | None = None) -> Any:
        """Features as the first step of the pipeline gets them (speakers normalised where asked for)."""
        return self.fitted_.rows(values, speakers)

    def measured(self, inputs: Sequence[Input]) -> matrix.Measured:
        """The features of inputs as this model takes them."""
        return matrix.measure(
            inputs,
            self._extract(),
            cache=self.cache,
            report=self.report,
            processes=self.workers,
            unmeasurable="nan" if self.options.unmeasurable == "impute" else "refuse",
        )

    def save(self, path: Path) -> None:
        """Write ``model.json`` and ``weights.skops`` into a folder.

        Raises:
            ModelError: nothing learnt yet, or the folder cannot be written.
        """
        self._check_fitted()
        card = {
            "name": self.name,
            "version": "1",
            "kind": self.kind,
            "labels": list(self.classes_),
            "sample_rate_hz": matrix.SAMPLE_RATE_HZ,
            "features": {
                "name": self.options.features,
                "space": self._extract().space,
                "dimensions": len(self.names_),
            },
            "options": dataclasses.asdict(self.options),
            "chosen": dataclasses.asdict(self.options_),
            "tuned": {str(value): round(score, 4) for value, score in self.tuned_.items()},
            "dimensions": "derived" if self.regressors_ is None else "trained",
            "hearfelt": hearfelt.__version__,
            **self._facts,
            **self._card(),
        }
        with folder.writing(Path(path), card) as part:
            skopsfile.dump({"names": list(self.names_), **self._weights()}, part / "weights.skops")

    @classmethod
    def read(cls, path: Path, **runtime: Any) -> ClassicalModel:
        """The model that `save` wrote; `load` finds the class by itself."""
        card = folder.read_card(path, (cls.kind,))
        try:
            options = ClassicalOptions(**card["options"])
            model = cls(options, name=card["name"], **runtime)
            model.options_ = ClassicalOptions(**card["chosen"])
            model.classes_ = tuple(card["labels"])
            model.tuned_ = {float(value): score for value, score in card["tuned"].items()}
            space, trained = card["features"]["space"], card["dimensions"] == "trained"
            model._facts = {key: card[key] for key in folder.FACTS}
        except (KeyError, TypeError, AttributeError, OptionError) as error:
            raise ModelError(
                f"{Path(path) / 'model.json'} describes no model that can be read: {error}"
            ) from None
        if model._extract().space != space:
            raise ModelError(
                f"{path} needs features of space {space!r}, this hearfelt makes {model._extract().space!r}: "
                "train it again"
            )
        weights = skopsfile.load(Path(path) / "weights.skops")
        model.names_ = tuple(weights["names"])
        model._restore(card, weights, trained)
        return model

    # What a multi-label model does in another way.

    def _labels(self, examples: Sequence[Example]) -> tuple[str, ...]:
        bare = [e.file for e in examples if e.gold is None and not (self.options.target == "soft" and e.soft)]
        if bare:
            raise CorpusError(
                f"{len(bare)} of {len(examples)} clips have no label, the first is {bare[0]}: "
                "label them or leave them out"
            )
        soft = self.options.target == "soft"
        found = {label for e in examples for label in (e.soft if soft and e.soft else [str(e.gold)])}
        if len(found) < 2:
            raise CorpusError(
                f"the {len(examples)} clips have the labels {', '.join(found) or 'none'}: "
                "a model needs at least two to tell apart"
            )
        return tuple(sorted(found))

    def _learn(self, data: Training) -> None:
        self.options_, self.tuned_ = self.options, {}
        if self.options.tune:
            self._tune(data)
        self.fitted_ = estimators.fit(self.options_, data.x, data.targets, data.speakers, self.report)
        self.temperature_ = 1.0
        if self._calibrates(data):
            scores = self._held_out(self.options_, data)
            self.temperature_ = temperature(scores, data.gold)
        rows = self._training_rows(data)
        self.regressors_ = Regressors.learn(self.options.dimensions, rows, data.examples)

    def _probabilities(self, values: FloatArray, speakers: Names | None) -> FloatArray:
        scores = self.fitted_.scores(values, speakers, len(self.classes_)) / self.temperature_
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        return np.asarray(shares / shares.sum(axis=1, keepdims=True), dtype=np.float32)

    def _emotion(self, row: FloatArray) -> Emotion:
        shares = [float(value) for value in row]
        if all(label in DIMENSIONS for label in self.classes_):
            return emotion(self.classes_, shares)
        return Emotion(self.classes_, tuple(shares))

    def _card(self) -> dict[str, Any]:
        return {"temperature": self.temperature_}

    def _weights(self) -> dict[str, Any]:
        return {"fitted": folder.unpacked(self.fitted_), "regressors": folder.regressors(self.regressors_)}

    def _restore(self, card: Mapping[str, Any], weights: Mapping[str, Any], trained: bool) -> None:
        self.temperature_ = float(card["temperature"])
        self.fitted_ = folder.packed(weights["fitted"])
        self.regressors_ = Regressors(weights["regressors"]) if trained else None

    # Shared parts.

    def _training(self, x: FloatArray, examples: Sequence[Example]) -> Training:
        options, speakers = self.options, None
        if options.normalise != "none":
            out = "set normalise='none'"
            speakers = estimators.speakers_of(examples, f"normalise={options.normalise!r}", out, at_least=1)
        if options.tune:
            speakers = estimators.speakers_of(examples, "tuning", "set tune=False")
        if options.calibrate == "always":
            speakers = estimators.speakers_of(examples, "calibration", "set calibrate='never'")
        if speakers is None and all(e.speaker for e in examples):
            speakers = estimators.speakers_of(examples, "", "", at_least=1)
        given = estimators.targets(examples, self.classes_, options.target == "soft")
        gold = np.zeros(len(examples), dtype=np.int64)
        # The heaviest row of a clip comes last, and the last one assigned stays.
        order = np.argsort(given.weights, kind="stable")
        gold[given.clips[order]] = given.classes[order]
        return Training(x, given, gold, speakers, examples)

    def _calibrates(self, data: Training) -> bool:
        if self.options.calibrate != "auto":
            return self.options.calibrate == "always"
        if data.speakers is not None and len(np.unique(data.speakers)) > 1:
            return True
        self.report(f"{self.name}: probabilities are not calibrated: that needs two speakers or more")
        return False

    def _held_out(self, options: ClassicalOptions, data: Training) -> Doubles:
        assert data.speakers is not None
        return estimators.held_out_scores(
            options, data.x, data.targets, data.gold, data.speakers, len(self.classes_), self.report
        )

    def _tune(self, data: Training) -> None:
        for value in learners.KINDS[self.options.kind].grid:
            scores = self._held_out(learners.with_parameter(self.options, value), data)
            heard = np.isfinite(scores).any(axis=1)
            hits = scores[heard].argmax(axis=1) == data.gold[heard]
            recalls = [hits[data.gold[heard] == label].mean() for label in np.unique(data.gold[heard])]
            self.tuned_[value] = float(np.mean(recalls))
            self.report(f"{self.name}: {self._parameter} {value:g} has UAR {self.tuned_[value]:.3f}")
        best = max(self.tuned_, key=lambda value: self.tuned_[value])
        self.options_ = learners.with_parameter(self.options, best)

    @property
    def _parameter(self) -> str:
        return learners.KINDS[self.options.kind].parameter

    def _training_rows(self, data: Training) -> Any:
        normaliser = self.fitted_.normaliser
        if normaliser is None or data.speakers is None:
            return data.x
        return normaliser.known(data.x, data.speakers)

    def _extract(self) -> Extractor:
        if self._extractor is None:
            self._extractor = extractor(self.options.features)
        return self._extractor

    def _asked(self, inputs: Sequence[Input]) -> Names | None:
        """The speakers of inputs, where the answers depend on them."""
        if self.options.normalise != "own-speakers":
            return None
        named = [one for one in inputs if isinstance(one, Example) and one.speaker]
        if len(named) < len(inputs):
            raise OptionError(
                f"{self.name} with normalise='own-speakers' needs to know who speaks, and "
                f"{len(inputs) - len(named)} of {len(inputs)} inputs do not say: give examples with a speaker"
            )
        return np.array([f"{one.corpus}/{one.speaker}" for one in named])

    def _check_fitted(self) -> None:
        if not hasattr(self, "fitted_"):
            raise ModelError(f"{self.name} has learnt nothing yet: call fit(examples) first")


def load(path: Path | str, **runtime: Any) -> ClassicalModel:
    """The model in a folder that ``save`` wrote; ``cache``, ``report``, ``workers`` as of `ClassicalModel`.

    Raises:
        ModelError: the folder is missing, broken, or holds another kind of model.
        MissingExtraError: scikit-learn or skops is not installed.
    """
    from hearfelt.models.multilabel import MultiLabelModel

    card = folder.read_card(Path(path), (ClassicalModel.kind, MultiLabelModel.kind))
    learners.require_sklearn(str(card["name"]))
    kind = MultiLabelModel if card["kind"] == MultiLabelModel.kind else ClassicalModel
    return kind.read(Path(path), **runtime)
