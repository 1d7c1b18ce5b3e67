"""Several labels at once: one yes-or-no learner a label (binary relevance).

G. Tsoumakas, I. Katakis: Multi-label classification: an overview. Int. J. Data Warehousing and Mining 3
(2007) 1-13. Each learner's decision becomes a probability by Platt's sigmoid (1999), and each label gets the
threshold with the best F1, both on held-out speakers of the training part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from hearfelt.errors import CorpusError
from hearfelt.models import estimators, folder
from hearfelt.models.base import Input
from hearfelt.models.calibration import best_threshold, platt, sigmoid
from hearfelt.models.classical import ClassicalModel, Training
from hearfelt.models.estimators import Fitted, Ints, Names, Targets
from hearfelt.models.regressors import Regressors
from hearfelt.types import Emotion, Example, FloatArray


class MultiLabelModel(ClassicalModel):
    """A clip has every label that has ``options.share`` of its votes (without votes: its gold label).

    `predict_proba` gives an independent probability for each label; `predict_labels` those above the
    thresholds. ``tune`` is not offered here.
    """

    kind = "classical-multi"
    fitted_all_: tuple[Fitted, ...]
    sigmoids_: tuple[tuple[float, float], ...]
    thresholds_: tuple[float, ...]
    """Probability from which on a clip has the label, one a label."""

    def predict_labels(self, inputs: Sequence[Input]) -> list[tuple[str, ...]]:
        """The labels of each input whose probability reaches their threshold; may be none."""
        return [
            tuple(label for label, p, t in zip(self.classes_, row, self.thresholds_, strict=True) if p >= t)
            for row in self.predict_proba(inputs)
        ]

    def _labels(self, examples: Sequence[Example]) -> tuple[str, ...]:
        sets = [labels_of(e, self.options.share) for e in examples]
        bare = [e.file for e, labels in zip(examples, sets, strict=True) if not labels]
        if bare:
            raise CorpusError(
                f"{len(bare)} of {len(examples)} clips have no label with a share of {self.options.share} or "
                f"more, the first is {bare[0]}: label them, leave them out, or lower share"
            )
        names = tuple(sorted(set().union(*sets)))
        everywhere = [name for name in names if all(name in labels for labels in sets)]
        if everywhere or len(names) < 2:
            raise CorpusError(
                f"the {len(examples)} clips have the labels {', '.join(names) or 'none'}, and all have "
                f"{', '.join(everywhere) or 'none'}: a label is learnt from clips with and without it"
            )
        return names

    def _learn(self, data: Training) -> None:
        self.options_, self.tuned_ = replace(self.options, tune=False), {}
        truth = self._truth(data.examples)
        calibrates = self._calibrates(data)
        fitted, sigmoids, thresholds = [], [], []
        for column in range(len(self.classes_)):
            given = _yes_or_no(truth[:, column])
            fitted.append(estimators.fit(self.options_, data.x, given, data.speakers, self.report))
            pair, threshold = (1.0, 0.0), 0.5
            if calibrates and data.speakers is not None:
                scores = estimators.held_out_scores(
                    self.options_, data.x, given, truth[:, column], data.speakers, 2, self.report
                )
                heard = np.isfinite(scores).all(axis=1)
                margins, yes = scores[heard, 1] - scores[heard, 0], truth[heard, column]
                pair = platt(margins, yes)
                threshold = best_threshold(sigmoid(margins, pair), yes)
            sigmoids.append(pair)
            thresholds.append(threshold)
        self.fitted_all_, self.sigmoids_ = tuple(fitted), tuple(sigmoids)
        self.fitted_, self.thresholds_ = fitted[0], tuple(thresholds)
        self.temperature_ = 1.0
        self.regressors_ = Regressors.learn(self.options.dimensions, self._training_rows(data), data.examples)

    def _truth(self, examples: Sequence[Example]) -> Ints:
        sets = [labels_of(e, self.options.share) for e in examples]
        return np.array([[int(name in labels) for name in self.classes_] for labels in sets])

    def _probabilities(self, values: FloatArray, speakers: Names | None) -> FloatArray:
        columns = []
        for one, pair in zip(self.fitted_all_, self.sigmoids_, strict=True):
            scores = one.scores(values, speakers, 2)
            columns.append(sigmoid(scores[:, 1] - scores[:, 0], pair))
        return np.stack(columns, axis=1).astype(np.float32)

    def _emotion(self, row: FloatArray) -> Emotion:
        return Emotion(self.classes_, tuple(float(value) for value in row), multi_label=True)

    def _card(self) -> dict[str, Any]:
        return {"thresholds": list(self.thresholds_), "sigmoids": [list(pair) for pair in self.sigmoids_]}

    def _weights(self) -> dict[str, Any]:
        return {
            "fitted": [folder.unpacked(one) for one in self.fitted_all_],
            "regressors": folder.regressors(self.regressors_),
        }

    def _restore(self, card: Mapping[str, Any], weights: Mapping[str, Any], trained: bool) -> None:
        self.thresholds_ = tuple(float(value) for value in card["thresholds"])
        self.sigmoids_ = tuple((float(a), float(b)) for a, b in card["sigmoids"])
        self.fitted_all_ = tuple(folder.packed(one) for one in weights["fitted"])
        self.fitted_ = self.fitted_all_[0]
        self.temperature_ = 1.0
        self.regressors_ = Regressors(weights["regressors"]) if trained else None


def labels_of(example: Example, share: float) -> set[str]:
    """The labels of a clip: those with a share of the votes, else the gold one."""
    if example.soft:
        return {label for label, value in example.soft.items() if value >= share}
    return set() if example.gold is None else {example.gold}


def _yes_or_no(column: Ints) -> Targets:
    return Targets(np.arange(len(column)), column, np.ones(len(column)))
