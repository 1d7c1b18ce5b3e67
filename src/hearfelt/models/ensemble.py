"""Several models as one: averages of their probabilities, or a logistic regression on them (stacking).

D. H. Wolpert: Stacked generalization. Neural Networks 5 (1992) 241-259. Whatever is chosen here (weights, the
second stage) is chosen on answers of members that have not heard the speaker: folds by speaker inside the
training clips. Fusion of features needs none of this: name two sets, ``features="functionals+mel"``.

>>> from hearfelt.models import ensemble
>>> model = ensemble.make(["svm", "svm-mel"], combine="log-mean", choose=True)
>>> model.fit(examples).predict(["a.wav"])  # doctest: +SKIP
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import hearfelt
from hearfelt.errors import CorpusError, ModelError, OptionError, unknown_name
from hearfelt.labels import DIMENSIONS, emotion
from hearfelt.models import classical, estimators, folder, learners
from hearfelt.models.base import Input, Model
from hearfelt.models.estimators import Doubles, Ints
from hearfelt.models.regressors import DIMENSION_NAMES
from hearfelt.types import Emotion, Evidence, Example, FloatArray

COMBINATIONS = ("mean", "log-mean", "stacking")
_LEAST = 1e-6
_STEPS = 10
_MOST_CHOSEN = 5

Factory = Callable[[], Model]
Loader = Callable[[Path], Model]


@dataclass(frozen=True)
class EnsembleOptions:
    """How members become one.

    Args:
        combine: "mean" of probabilities, "log-mean" (of their logarithms, normalised), or "stacking".
        weights: of the members, in order; None weighs them alike. They are divided by their sum.
        choose: choose the weights in steps of a tenth by UAR (then by likelihood) on held-out speakers of the
            training part; at most five members.
        inner_folds: folds of speakers for choosing and stacking.
        C: inverse strength of regularisation of the stacked logistic regression.
        seed: of the folds.
    """

    combine: str = "log-mean"
    weights: tuple[float, ...] | None = None
    choose: bool = False
    inner_folds: int = 4
    C: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        if self.combine not in COMBINATIONS:
            raise unknown_name("combination", self.combine, COMBINATIONS)
        if self.weights is not None:
            object.__setattr__(self, "weights", tuple(float(w) for w in self.weights))
            if min(self.weights, default=-1) < 0 or not sum(self.weights) > 0:
                raise OptionError(f"weights={self.weights}: none may be below 0, and one must be above")
        if self.choose and (self.weights is not None or self.combine == "stacking"):
            raise OptionError("choose=True chooses the weights of an average: give no weights, no stacking")
        if self.inner_folds < 2 or self.C <= 0:
            raise OptionError(
                f"inner_folds={self.inner_folds}, C={self.C}: use 2 folds or more, and a C above 0"
            )


class Ensemble:
    """Members that answer together (`hearfelt.models.base.Model`).

    Args:
        factories: name of a member to a function that makes it, fresh each time.
        options: how their answers are combined.
        name: in ``Evidence.source``.
        report: gets a sentence now and then.
    """

    kind = "ensemble"
    classes_: tuple[str, ...]
    members_: dict[str, Model]
    weights_: tuple[float, ...]
    stack_: Doubles | None
    """Stacking: the linear map of the members' log-probabilities, offset last, ``(inputs + 1, n_labels)``."""

    def __init__(
        self,
        factories: Mapping[str, Factory],
        options: EnsembleOptions | None = None,
        *,
        name: str = "ensemble",
        report: Callable[[str], None] | None = None,
    ) -> None:
        self.factories = dict(factories)
        self.options = options or EnsembleOptions()
        self.name = name
        self.report = report or (lambda _: None)
        self._cache: Path | None = None
        count = len(self.factories)
        if count < 2:
            raise OptionError(f"an ensemble of {count} members: give two or more")
        if self.options.weights is not None and len(self.options.weights) != count:
            raise OptionError(f"{len(self.options.weights)} weights for {count} members: give one each")
        if self.options.choose and count > _MOST_CHOSEN:
            raise OptionError(
                f"weights of {count} members are not chosen: give them, or five members at most"
            )

    def fit(self, examples: Sequence[Example]) -> Ensemble:
        """Every member learns from all examples; weights or the second stage learn from held-out answers.

        Raises:
            CorpusError: as of the members; or too few speakers to hold some out.
        """
        self.stack_ = None
        self.weights_ = self.options.weights or (1.0,) * len(self.factories)
        held = self._held_out(examples) if self._second_stage else None
        self.members_ = {}
        for name, factory in self.factories.items():
            self.report(f"{self.name}: {name} learns from {len(examples)} clips")
            self.members_[name] = self._made(factory).fit(examples)
        self.classes_ = tuple(sorted({label for one in self.members_.values() for label in one.classes_}))
        if held is not None:
            answers, gold = held
            if self.options.combine == "stacking":
                self.stack_ = _stacked(answers, gold, len(self.classes_), self.options.C)
            else:
                self.weights_ = _chosen(answers, gold, self.options.combine)
                self.report(f"{self.name}: weights {', '.join(f'{w:.1f}' for w in self.weights_)}")
        self._facts = folder.facts(examples)
        return self

    def predict_proba(self, inputs: Sequence[Input]) -> FloatArray:
        """Probabilities, shape ``(n_inputs, n_labels)``, in the order of ``classes_``."""
        self._check_fitted()
        answers = [
            _aligned(m.predict_proba(inputs), m.classes_, self.classes_) for m in self.members_.values()
        ]
        return self._combined(np.stack(answers))

    def predict(self, inputs: Sequence[Input]) -> list[Evidence]:
        """Evidence of each input; dimensions are the mean of the members that give them."""
        self._check_fitted()
        if not inputs:
            return []
        said = [member.predict(inputs) for member in self.members_.values()]
        answers = [
            _aligned(np.array([e.emotion.probabilities for e in one]), m.classes_, self.classes_)
            for one, m in zip(said, self.members_.values(), strict=True)
        ]
        found = []
        for row, evidence in zip(self._combined(np.stack(answers)), zip(*said, strict=True), strict=True):
            notes = "; ".join(dict.fromkeys(e.note for e in evidence if e.note))
            reliability = min(e.reliability for e in evidence)
            felt = self._emotion([float(p) for p in row], [e.emotion for e in evidence])
            found.append(Evidence(f"voice/{self.name}", evidence[0].segment, felt, reliability, notes))
        return found

    def save(self, path: Path) -> None:
        """Write ``model.json``, a folder for each member, and with stacking ``stack.npz``.

        Raises:
            ModelError: nothing learnt yet, or the folder cannot be written.
        """
        self._check_fitted()
        card = {
            "name": self.name,
            "version": "1",
            "kind": self.kind,
            "labels": list(self.classes_),
            "options": dataclasses.asdict(self.options),
            "members": list(self.members_),
            "folders": _folders(self.members_),
            "weights": list(self.weights_),
            "hearfelt": hearfelt.__version__,
            **self._facts,
        }
        with folder.writing(Path(path), card) as part:
            for place, member in zip(card["folders"], self.members_.values(), strict=True):
                member.save(part / place)
            if self.stack_ is not None:
                np.savez(part / "stack.npz", stack=self.stack_)

    @property
    def cache(self) -> Path | None:
        """Folder for what the members measure; setting it sets that of every member that has one."""
        return self._cache

    @cache.setter
    def cache(self, folder: Path | str | None) -> None:
        self._cache = None if folder is None else Path(folder)
        for member in getattr(self, "members_", {}).values():
            if hasattr(member, "cache"):
                member.cache = self._cache

    @property
    def corpora(self) -> tuple[str, ...]:
        """Corpora that members say they had learnt from before: shipped weights do."""
        members = getattr(self, "members_", {}).values()
        return tuple(dict.fromkeys(name for one in members for name in getattr(one, "corpora", ())))

    def _made(self, factory: Factory) -> Model:
        member: Any = factory()
        if self._cache is not None and hasattr(member, "cache"):
            member.cache = self._cache
        made: Model = member
        return made

    @property
    def _second_stage(self) -> bool:
        return self.options.choose or self.options.combine == "stacking"

    def _held_out(self, examples: Sequence[Example]) -> tuple[Doubles, Ints]:
        """Answers ``(n_members, n, n_labels)`` of members that had not heard the speaker, and gold labels."""
        learners.require_sklearn(self.name)
        bare = next((e.file for e in examples if e.gold is None), None)
        if bare is not None:
            raise CorpusError(f"{self.name} learns from gold labels, and {bare} has none: leave it out")
        why = "stacking" if self.options.combine == "stacking" else "choosing weights"
        speakers = estimators.speakers_of(examples, why, "average with weights of your own")
        labels = tuple(sorted({str(e.gold) for e in examples}))
        gold = np.array([labels.index(str(e.gold)) for e in examples])
        answers = np.zeros((len(self.factories), len(examples), len(labels)))
        parts = list(estimators.folds(gold, speakers, self.options.inner_folds, self.options.seed))
        for number, (train, test) in enumerate(parts, start=1):
            for row, (name, factory) in enumerate(self.factories.items()):
                self.report(f"{self.name}: inner fold {number} of {len(parts)}, {name}")
                member = self._made(factory).fit([examples[i] for i in train])
                heard = member.predict_proba([examples[i] for i in test])
                answers[row, test] = _aligned(heard, member.classes_, labels)
        return answers, gold

    def _combined(self, answers: Doubles) -> FloatArray:
        """Probabilities ``(n, n_labels)`` of the members' ``(n_members, n, n_labels)``."""
        if self.stack_ is not None:
            return np.asarray(_softmax(_inputs(answers) @ self.stack_), dtype=np.float32)
        combined = _average(answers, np.array(self.weights_), self.options.combine)
        return np.asarray(combined, dtype=np.float32)

    def _emotion(self, shares: list[float], felt: Sequence[Emotion]) -> Emotion:
        known = all(label in DIMENSIONS for label in self.classes_)
        one = emotion(self.classes_, shares) if known else Emotion(self.classes_, tuple(shares))
        means: dict[str, Any] = {}
        for name in DIMENSION_NAMES:
            values = [value for e in felt if (value := getattr(e, name)) is not None]
            if values:
                means[name] = float(np.mean(values))
        return replace(one, **means)

    def _check_fitted(self) -> None:
        if not hasattr(self, "members_"):
            raise ModelError(f"{self.name} has learnt nothing yet: call fit(examples) first")


def make(names: Sequence[str], *, name: str = "ensemble", **options: Any) -> Ensemble:
    """An ensemble of classical models by their names in `hearfelt.models.classical.CLASSICAL`.

    Args:
        names: of the members.
        options: fields of `EnsembleOptions`; ``cache``, ``report`` and ``workers`` go to the members.

    Raises:
        OptionError: an unknown name or option.
    """
    runtime = {key: options.pop(key) for key in ("cache", "report", "workers") if key in options}
    known = [field.name for field in dataclasses.fields(EnsembleOptions)]
    for key in options:
        if key not in known:
            raise unknown_name("option of an ensemble", key, (*known, "cache", "report", "workers"))

    def factory(member: str) -> Factory:
        return lambda: classical.make(member, **runtime)

    for member in names:
        factory(member)()  # an unknown name is refused now, not when it is to learn
    factories = {member: factory(member) for member in names}
    found = Ensemble(factories, EnsembleOptions(**options), name=name, report=runtime.get("report"))
    found.cache = runtime.get("cache")
    return found


def load(path: Path | str, loaders: Mapping[str, Loader] | None = None) -> Ensemble:
    """The ensemble in a folder that ``save`` wrote.

    Args:
        loaders: how to read members of other kinds: kind of ``model.json`` to a function of the folder.

    Raises:
        ModelError: the folder is missing, broken, or holds a member of a kind that nobody reads.
    """
    path = Path(path)
    card = folder.read_card(path, (Ensemble.kind,))
    known: dict[str, Loader] = {
        "classical": classical.load,
        "classical-multi": classical.load,
        Ensemble.kind: lambda inner: load(inner, loaders),
        **(loaders or {}),
    }
    try:
        places = card.get("folders", card["members"])
        members = {
            str(name): _member(path / str(place), known)
            for name, place in zip(card["members"], places, strict=True)
        }
        found = Ensemble(
            dict.fromkeys(members, _unmade), EnsembleOptions(**card["options"]), name=card["name"]
        )
        found.weights_ = tuple(float(w) for w in card["weights"])
        found._facts = {key: card[key] for key in folder.FACTS}
        found.stack_ = None
        if found.options.combine == "stacking":
            with (path / "stack.npz").open("rb") as stream, np.load(stream) as stored:
                found.stack_ = stored["stack"]
    except (KeyError, TypeError, ValueError, OSError, OptionError) as error:
        raise ModelError(f"{path} describes no ensemble that can be read: {error}") from None
    found.classes_, found.members_ = tuple(card["labels"]), members
    return found


def _folders(names: Iterable[str]) -> list[str]:
    """A folder for each member: its name, or where a path could not hold that, its place and what is left."""
    found = []
    for number, name in enumerate(names):
        plain = "".join(c if c.isalnum() or c in "-_ " else "_" for c in name)
        found.append(name if plain == name else f"{number}-{plain}"[:60])
    return found


def _unmade() -> Model:
    raise ModelError("an ensemble that was read from a folder cannot learn again: make a new one")


def _member(path: Path, loaders: Mapping[str, Loader]) -> Model:
    card = folder.read_card(path, tuple(loaders))
    return loaders[card["kind"]](path)


def _aligned(answers: Any, own: Sequence[str], labels: Sequence[str]) -> Doubles:
    """Probabilities in the columns of ``labels``; 0 where a member does not know a label."""
    found = np.zeros((len(answers), len(labels)))
    for column, label in enumerate(own):
        found[:, labels.index(label)] = answers[:, column]
    return found


def _average(answers: Doubles, weights: Doubles, combine: str) -> Doubles:
    weights = weights / weights.sum()
    if combine == "mean":
        return np.asarray(np.tensordot(weights, answers, axes=1))
    return _softmax(np.tensordot(weights, np.log(np.maximum(answers, _LEAST)), axes=1))


def _softmax(scores: Any) -> Doubles:
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def _inputs(answers: Doubles) -> Doubles:
    """What stacking maps: log-probabilities of all members side by side, and a column of ones."""
    flat = np.log(np.maximum(answers, _LEAST)).transpose(1, 0, 2).reshape(answers.shape[1], -1)
    return np.concatenate([flat, np.ones((len(flat), 1))], axis=1)


def _stacked(answers: Doubles, gold: Ints, n_labels: int, strength: float) -> Doubles:
    from sklearn.linear_model import LogisticRegression

    learner = LogisticRegression(C=strength, class_weight="balanced", max_iter=2000)
    learner.fit(_inputs(answers)[:, :-1], gold)
    weights = np.concatenate([learner.coef_, learner.intercept_[:, None]], axis=1)
    if n_labels == 2:
        weights = np.concatenate([-weights / 2, weights / 2])
    return np.asarray(weights.T)


def _chosen(answers: Doubles, gold: Ints, combine: str) -> tuple[float, ...]:
    """The weights in tenths with the best UAR; of equals the most likely, then the most even."""
    best: tuple[tuple[float, float, float], tuple[float, ...]] | None = None
    labels = np.unique(gold)
    for cuts in itertools.combinations_with_replacement(range(_STEPS + 1), len(answers) - 1):
        weights = np.diff([0, *cuts, _STEPS]) / _STEPS
        combined = _average(answers, weights, combine)
        hits = combined.argmax(axis=1) == gold
        uar = float(np.mean([hits[gold == label].mean() for label in labels]))
        own = combined[np.arange(len(gold)), gold]
        likelihood = float(np.log(np.maximum(own, _LEAST)).mean())
        rank = (round(uar, 9), round(likelihood, 9), -float((weights**2).sum()))
        if best is None or rank > best[0]:
            best = (rank, tuple(float(w) for w in weights))
    assert best is not None
    return best[1]
