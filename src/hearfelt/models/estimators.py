"""What classical models share around a learner: weights, folds by speaker, normalising, and scores.

Rows of a matrix are clips. Wherever something is chosen or calibrated, the clips are dealt to folds by
speaker (scikit-learn's ``StratifiedGroupKFold``), and everything that learns (imputing, scaling, normalising)
learns on the training part alone.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hearfelt.errors import CorpusError
from hearfelt.models.learners import KINDS, ClassicalOptions
from hearfelt.types import Example, FloatArray

Ints = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]
Names = npt.NDArray[np.str_]

_LEAST = 1e-6
"""Probabilities are at least this before their logarithm is taken."""


@dataclass(frozen=True, eq=False)
class Targets:
    """What is learnt: for each training row the clip, its class and its weight, all ``(n_rows,)``."""

    clips: Ints
    classes: Ints
    weights: Doubles

    def of(self, clips: Ints) -> Targets:
        """The rows of some clips."""
        chosen = np.isin(self.clips, clips)
        return Targets(self.clips[chosen], self.classes[chosen], self.weights[chosen])


def targets(examples: Sequence[Example], labels: Sequence[str], soft: bool) -> Targets:
    """Gold labels with weight 1; or a row for each label that listeners gave, with its share as weight."""
    position = {label: i for i, label in enumerate(labels)}
    rows = []
    for clip, example in enumerate(examples):
        shares = example.soft if soft and example.soft else {str(example.gold): 1.0}
        total = sum(shares.values()) or 1.0
        rows += [(clip, position[label], share / total) for label, share in shares.items() if share > 0]
    clips, classes, weights = zip(*rows, strict=True)
    return Targets(np.array(clips), np.array(classes), np.array(weights, dtype=np.float64))


def balanced(options: ClassicalOptions, given: Targets) -> Targets:
    """The rows as the learner gets them: weighted, or drawn again where it takes no weights."""
    totals = np.bincount(given.classes, given.weights)
    present = int((totals > 0).sum())
    if KINDS[options.kind].weights and options.balance != "sampling":
        if options.balance == "none":
            return given
        weights = given.weights * given.weights.sum() / (present * totals[given.classes])
        return Targets(given.clips, given.classes, weights)
    if options.balance == "none":
        return _drawn(given, np.arange(len(given.clips)), len(np.unique(given.clips)), options.seed)
    size = int(np.ceil(totals.max()))
    parts = [
        _drawn(given, np.flatnonzero(given.classes == label), size, options.seed)
        for label in np.flatnonzero(totals)
    ]
    return Targets(
        np.concatenate([part.clips for part in parts]),
        np.concatenate([part.classes for part in parts]),
        np.concatenate([part.weights for part in parts]),
    )


def _drawn(given: Targets, rows: Ints, size: int, seed: int) -> Targets:
    """``size`` rows by systematic sampling: each is there as often as its weight says, give or take one."""
    edges = np.cumsum(given.weights[rows])
    start = np.random.default_rng(seed).random()
    at = np.searchsorted(edges, (start + np.arange(size)) / size * edges[-1], side="right")
    chosen = rows[np.minimum(at, len(rows) - 1)]
    return Targets(given.clips[chosen], given.classes[chosen], np.ones(size))


@dataclass(frozen=True, eq=False)
class Normaliser:
    """Takes speakers' own levels away. ``mean`` and ``deviation`` are what a new speaker gets."""

    kind: str
    mean: Doubles
    deviation: Doubles

    @classmethod
    def learn(cls, kind: str, x: FloatArray, speakers: Names) -> Normaliser:
        """From training clips: mean over speakers of their means, and the deviation within speakers."""
        names = np.unique(speakers)
        means = np.stack([np.nanmean(x[speakers == name], axis=0, dtype=np.float64) for name in names])
        away = x - means[np.searchsorted(names, speakers)]
        deviation = np.sqrt(np.nanmean(away**2, axis=0))
        return cls(kind, means.mean(axis=0), np.where(deviation > 0, deviation, 1.0))

    def known(self, x: FloatArray, speakers: Names) -> Doubles:
        """Training clips, whose speakers' levels they tell themselves."""
        result = np.empty(x.shape, dtype=np.float64)
        for name in np.unique(speakers):
            rows = speakers == name
            result[rows] = self._of_one(x[rows].astype(np.float64))
        return result

    def asked(self, x: FloatArray, speakers: Names) -> Doubles:
        """Clips of new speakers who bring their own level: all clips of one, if there are two at least."""
        result = self.new(x)
        for name in np.unique(speakers):
            rows = speakers == name
            if np.count_nonzero(rows) > 1:
                result[rows] = self._of_one(x[rows].astype(np.float64))
        return result

    def _of_one(self, x: Doubles) -> Doubles:
        deviation = self.deviation
        if self.kind == "own-speakers":
            own = np.nanstd(x, axis=0)
            deviation = np.where(own > 0, own, 1.0)
        result: Doubles = (x - np.nanmean(x, axis=0)) / deviation
        return result

    def new(self, x: FloatArray) -> Doubles:
        """Clips of speakers who are not known."""
        result: Doubles = (x - self.mean) / self.deviation
        return result


@dataclass(frozen=True, eq=False)
class Fitted:
    """A learner that has learnt: normaliser, pipeline, and the class of each column of its answers."""

    normaliser: Normaliser | None
    pipeline: Any
    classes: Ints

    def scores(self, x: FloatArray, speakers: Names | None, n_classes: int) -> Doubles:
        """Decision values or log-probabilities ``(n, n_classes)``; -inf for a class that was not learnt."""
        found = _answers(self.pipeline, self.rows(x, speakers))
        result = np.full((len(x), n_classes), -np.inf)
        result[:, self.classes] = found
        return result

    def rows(self, x: FloatArray, speakers: Names | None) -> Any:
        """Clips as the pipeline gets them. ``speakers`` matter to "own-speakers" only."""
        if self.normaliser is None:
            return x
        if self.normaliser.kind == "own-speakers" and speakers is not None:
            return self.normaliser.asked(x, speakers)
        return self.normaliser.new(x)


def _answers(pipeline: Any, rows: Any) -> Doubles:
    """Decision values of an SVM, log-probabilities of the others; a column a class that was learnt."""
    if hasattr(pipeline[-1], "predict_proba"):
        return np.asarray(np.log(np.maximum(pipeline.predict_proba(rows), _LEAST)))
    found = np.asarray(pipeline.decision_function(rows), dtype=np.float64)
    return np.stack((-found / 2, found / 2), axis=1) if found.ndim == 1 else found


def fit(
    options: ClassicalOptions,
    x: FloatArray,
    given: Targets,
    speakers: Names | None,
    report: Callable[[str], None],
) -> Fitted:
    """Learn from the clips that ``given`` names. ``speakers`` are those of all rows of ``x``."""
    from sklearn.exceptions import ConvergenceWarning

    normaliser, rows = None, x
    if options.normalise != "none" and speakers is not None:
        clips = np.unique(given.clips)
        normaliser = Normaliser.learn(options.normalise, x[clips], speakers[clips])
        rows = np.zeros(x.shape, dtype=np.float64)
        rows[clips] = normaliser.known(x[clips], speakers[clips])
    drawn = balanced(options, given)
    pipeline = _pipeline(options)
    more = {}
    if KINDS[options.kind].weights:
        more[f"{pipeline.steps[-1][0]}__sample_weight"] = drawn.weights
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        pipeline.fit(rows[drawn.clips], drawn.classes, **more)
    for warning in said:
        if issubclass(warning.category, ConvergenceWarning):
            report(f"{options.kind} stopped before it converged: raise rounds, or regularise more")
        else:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    return Fitted(normaliser, pipeline, np.asarray(pipeline.classes_, dtype=np.int64))


def _pipeline(options: ClassicalOptions) -> Any:
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    steps: list[tuple[str, Any]] = []
    if options.unmeasurable == "impute":
        steps.append(("impute", SimpleImputer(strategy="median", keep_empty_features=True)))
    if options.standardise:
        steps.append(("standardise", StandardScaler()))
    return Pipeline([*steps, (options.kind, KINDS[options.kind].build(options))])


def folds(classes: Ints, speakers: Names, n_folds: int, seed: int) -> Iterator[tuple[Ints, Ints]]:
    """Training and held-out clips; no speaker is in both. As many folds as there are speakers, at most."""
    from sklearn.model_selection import StratifiedGroupKFold

    n_folds = min(n_folds, len(np.unique(speakers)))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The least populated class")
        splitter = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
        yield from list(splitter.split(np.zeros(len(classes)), classes, speakers))


def held_out_scores(
    options: ClassicalOptions,
    x: FloatArray,
    given: Targets,
    gold: Ints,
    speakers: Names,
    n_classes: int,
    report: Callable[[str], None],
) -> Doubles:
    """Scores of each clip by a learner that has not heard its speaker, shape ``(n, n_classes)``.

    Rows of -inf are clips of a fold whose training part has one class only.

    Raises:
        CorpusError: that is so in every fold.
    """
    found = np.full((len(x), n_classes), -np.inf)
    heard = 0
    for train, test in folds(gold, speakers, options.inner_folds, options.seed):
        part = given.of(train)
        if len(np.unique(part.classes)) < 2:
            continue
        learner = fit(options, x, part, speakers, report)
        found[test] = learner.scores(x[test], speakers[test], n_classes)
        heard += 1
    if not heard:
        raise CorpusError(
            "tuning and calibrating hold speakers out, and no part of the speakers has two labels: each "
            "label needs clips of two speakers at least; else set tune=False and calibrate='never'"
        )
    return found


def speakers_of(examples: Sequence[Example], why: str, out: str, at_least: int = 2) -> Names:
    """Corpus and speaker of each clip.

    Raises:
        CorpusError: a clip without a speaker, or too few speakers; ``why`` names what needs them, ``out`` the
            way out.
    """
    bare = [e.file for e in examples if not e.speaker]
    if bare:
        raise CorpusError(
            f"{why} needs to know who speaks, and {len(bare)} of {len(examples)} clips name no speaker, the "
            f"first is {bare[0]}: fill in the speakers, or {out}"
        )
    names = np.array([f"{e.corpus}/{e.speaker}" for e in examples])
    if len(set(names.tolist())) < at_least:
        raise CorpusError(
            f"{why} holds speakers out, and the {len(examples)} clips have only one ({examples[0].speaker}): "
            f"add speakers, or {out}"
        )
    return names
