"""The models of dialogue that a table can hold, by name.

A new row is a class with ``classes_``, ``fit(lines)`` and ``predict_proba(lines)`` (see
`hearfelt.training.dialogue.base.DialogueModel`), built from a `Setting`, and a line in `MODELS`:

    MODELS["own"] = lambda setting: Own(setting.labels, setting.folder / "own", setting.recipe.seed)

It gets train and dev lines in `fit` (it may choose by the dev lines alone), keeps its checkpoints in a folder
of its own below ``setting.folder``, tells of its progress by ``setting.report``, and goes on where it was
stopped. Heavy libraries are imported inside it. Temperature, scores, intervals, cost and files are made for
it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from hearfelt.datasets.dialogue import Line
from hearfelt.errors import OptionError, unknown_name
from hearfelt.fusion.calibrate import fit_exponents, log_floor, softmax
from hearfelt.training.dialogue import context
from hearfelt.training.dialogue.base import DialogueModel, Setting, parts
from hearfelt.training.dialogue.cues import Cues
from hearfelt.training.dialogue.marks import marks
from hearfelt.training.dialogue.shift import Shift
from hearfelt.types import FloatArray


class Majority:
    """Answers how often each label is in training, whatever is said."""

    def __init__(self, setting: Setting) -> None:
        self.setting, self.classes_ = setting, setting.labels

    def fit(self, lines: Sequence[Line]) -> Majority:
        """Count."""
        targets = self.setting.targets(parts(lines)[0])
        counts = np.bincount(targets[targets >= 0], minlength=len(self.classes_))
        self._shares: FloatArray = (counts / counts.sum()).astype(np.float32)
        return self

    def predict_proba(self, lines: Sequence[Line]) -> FloatArray:
        """The same shares for every line."""
        return np.tile(self._shares, (len(lines), 1))


class Voice:
    """The vocal measures alone, by gradient boosting: what can be heard without a word understood.

    Raises:
        OptionError: the corpus has no vocal measures.
    """

    def __init__(self, setting: Setting) -> None:
        _needs_measures("cues", setting)
        self.setting, self.classes_ = setting, setting.labels

    def fit(self, lines: Sequence[Line]) -> Voice:
        """Learn from the training lines."""
        from sklearn.ensemble import HistGradientBoostingClassifier

        learnt, _ = parts(lines)
        targets = self.setting.targets(learnt)
        known = targets >= 0
        self._cues = Cues(self.setting.measures).fit(learnt)
        self._trees = HistGradientBoostingClassifier(
            learning_rate=0.05, max_iter=150, max_leaf_nodes=15, random_state=self.setting.recipe.seed
        ).fit(self._cues.transform(learnt)[known], targets[known])
        return self

    def predict_proba(self, lines: Sequence[Line]) -> FloatArray:
        """See `DialogueModel`."""
        found = np.full((len(lines), len(self.classes_)), 1e-6, np.float32)
        found[:, self._trees.classes_] = self._trees.predict_proba(self._cues.transform(lines))
        return found


class Spoken:
    """Networks above the encoders of lines.

    Args:
        name: of the row and of its folder.
        window: lines before the one in question that are looked at; None takes the recipe's.
        measures: whether the vocal measures are heard too.

    Raises:
        OptionError: measures are asked for and the corpus has none.
    """

    def __init__(
        self, setting: Setting, name: str, *, window: int | None = None, measures: bool = False
    ) -> None:
        if measures:
            _needs_measures(name, setting)
        self.setting, self.classes_, self.name, self.measures = setting, setting.labels, name, measures
        self.options = setting.recipe.context
        if window is not None:
            self.options = replace(self.options, window=window)

    def fit(self, lines: Sequence[Line]) -> Spoken:
        """Learn, or go on learning; see `hearfelt.training.dialogue.context.train`."""
        setting, (learnt, chosen) = self.setting, parts(lines)
        setting.encoders.fit(lines)
        self._cues = Cues(setting.measures).fit(learnt) if self.measures else None
        self._scales: list[tuple[FloatArray, FloatArray]] = []
        for number in range(len(setting.encoders)):
            vectors = self._vectors(learnt, number)
            self._scales.append((vectors.mean(axis=0), vectors.std(axis=0) + 1e-3))
        train = [self._material(learnt, number) for number in range(len(setting.encoders))]
        dev = [self._material(chosen, number) for number in range(len(setting.encoders))]
        self._networks = []
        for member in range(self.options.members):
            which = member % len(train)
            self._networks.append(
                context.train(
                    self.options,
                    setting.recipe.seed + member,
                    train[which],
                    dev[which],
                    setting.folder / self.name / f"member{member}",
                    self._teller(member),
                    setting.how,
                )
            )
        self._shift = Shift().fit(self._logits(chosen), dev[0].targets, train[0].targets)
        return self

    def predict_proba(self, lines: Sequence[Line]) -> FloatArray:
        """The mean of the networks' logits, shifted as the dev lines say; see `DialogueModel`."""
        return softmax(self._shift.apply(self._logits(lines))).astype(np.float32)

    def _logits(self, lines: Sequence[Line]) -> FloatArray:
        there = [self._material(lines, number) for number in range(len(self.setting.encoders))]
        found = [context.run(one, there[i % len(there)]) for i, one in enumerate(self._networks)]
        logits: FloatArray = np.stack(found).mean(axis=0)
        return logits

    def _vectors(self, lines: Sequence[Line], number: int) -> FloatArray:
        vectors, _ = self.setting.encoders.outputs(lines, number)
        found: FloatArray = np.concatenate([vectors, marks(lines)], axis=1)
        return found

    def _material(self, lines: Sequence[Line], number: int) -> context.Material:
        mean, deviation = self._scales[number]
        _, logits = self.setting.encoders.outputs(lines, number)
        cues = np.empty((len(lines), 0), np.float32) if self._cues is None else self._cues.transform(lines)
        vectors = (self._vectors(lines, number) - mean) / deviation
        return context.material(lines, vectors, cues, logits, self.setting.targets(lines))

    def _teller(self, member: int) -> Callable[[str], None]:
        return lambda text: self.setting.report(f"{self.name} {member}: {text}")


class Together:
    """Encoder and context network that learnt at once; see `hearfelt.training.dialogue.together`.

    Raises:
        OptionError: measures are asked for and the corpus has none.
    """

    def __init__(self, setting: Setting, name: str, *, measures: bool = False) -> None:
        if measures:
            _needs_measures(name, setting)
        self.setting, self.classes_, self.measures = setting, setting.labels, measures

    def fit(self, lines: Sequence[Line]) -> Together:
        """Learn, or go on learning; the rows with and without measures share their networks."""
        self.setting.pairs.fit(lines)
        learnt, chosen = parts(lines)
        self._shift = Shift().fit(
            self.setting.pairs.logits(chosen, heard=self.measures),
            self.setting.targets(chosen),
            self.setting.targets(learnt),
        )
        return self

    def predict_proba(self, lines: Sequence[Line]) -> FloatArray:
        """See `DialogueModel`."""
        logits = self.setting.pairs.logits(lines, heard=self.measures)
        return softmax(self._shift.apply(logits)).astype(np.float32)


class Fused:
    """Other rows together: the product of their probabilities, each to a power that the dev lines choose.

    They are the recipe's other rows that learn, or the three or four of `_FUSED` where it names none.

    Attributes:
        weights_: power of each.
    """

    def __init__(self, setting: Setting) -> None:
        self.setting, self.classes_ = setting, setting.labels
        names = [name for name in setting.recipe.models if name not in ("majority", "fused")]
        if not names:
            names = [name for name in _FUSED if setting.measures or "cues" not in name]
        self.models = {name: MODELS[name](setting) for name in names}

    def fit(self, lines: Sequence[Line]) -> Fused:
        """Learn the others where they have not learnt, then the exponents, none below 0."""
        for model in self.models.values():
            model.fit(lines)
        chosen = [line for line in parts(lines)[1] if line.label is not None]
        terms, targets = self._terms(chosen), self.setting.targets(chosen)
        used = list(range(terms.shape[2]))
        while True:  # a source that would count against itself is left out
            weights = fit_exponents(terms[:, :, used], targets, ridge=1e-3)
            if (weights >= 0).all() or len(used) == 1:
                break
            used.pop(int(np.argmin(weights)))
        self.weights_ = dict.fromkeys(self.models, 0.0)
        names = list(self.models)
        self.weights_ |= {names[place]: float(weight) for place, weight in zip(used, weights, strict=True)}
        return self

    def predict_proba(self, lines: Sequence[Line]) -> FloatArray:
        """See `DialogueModel`."""
        return softmax(self._terms(lines) @ np.array(list(self.weights_.values()))).astype(np.float32)

    def _terms(self, lines: Sequence[Line]) -> FloatArray:
        found = [log_floor(model.predict_proba(lines)) for model in self.models.values()]
        terms: FloatArray = np.stack(found, axis=2).astype(np.float32)
        return terms


def _textbook(setting: Setting) -> DialogueModel:
    """The textbook baseline, each line by itself."""
    from hearfelt.training import textbook

    return textbook.Row(setting)


def _causal(setting: Setting) -> DialogueModel:
    """A language model with low-rank adapters."""
    from hearfelt.training.causal import run

    return run.row(setting)


_FUSED = ("text", "context", "cues", "context+cues")

MODELS: Mapping[str, Callable[[Setting], DialogueModel]] = {
    "majority": Majority,
    "textbook": _textbook,
    "causal": _causal,
    "cues": Voice,
    "text": lambda setting: Spoken(setting, "text", window=0),
    "text+cues": lambda setting: Spoken(setting, "text+cues", window=0, measures=True),
    "context": lambda setting: Spoken(setting, "context"),
    "context+cues": lambda setting: Spoken(setting, "context+cues", measures=True),
    "together": lambda setting: Together(setting, "together"),
    "together+cues": lambda setting: Together(setting, "together+cues", measures=True),
    "fused": Fused,
}
"""Name of a row to what builds it. ``text`` reads the line alone, ``context`` those before it too, both above
the same encoders; in ``together`` an encoder learns along. ``+cues`` hears the vocal measures."""


def build(name: str, setting: Setting) -> DialogueModel:
    """The model of a name, not learnt yet.

    Raises:
        OptionError: an unknown name, or a model that needs measures the corpus has not.
    """
    if name not in MODELS:
        raise unknown_name("model of dialogue", name, MODELS)
    return MODELS[name](setting)


def _needs_measures(name: str, setting: Setting) -> None:
    if not setting.measures:
        raise OptionError(
            f"the model {name} hears vocal measures and this corpus has none: leave it out, or add columns "
            "such as avg_pitch (hearfelt.datasets.dialogue.MEASURES)"
        )
