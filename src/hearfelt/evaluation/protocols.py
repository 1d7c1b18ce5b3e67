"""Scores of held-out answers: per corpus, gender and fold, with intervals over speakers."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hearfelt.errors import CorpusError
from hearfelt.evaluation import metrics

_FIELDS = ("file", "corpus", "speaker", "gender", "gold", "labels", "logits", "duration_s", "fold")


@dataclass(frozen=True, eq=False)
class HeldOut:
    """What a model said of clips whose speakers it had not heard.

    Args:
        file, corpus, speaker, gender, gold: strings, shape ``(n,)``.
        labels: the model's labels, in the order of its outputs.
        logits: float32 ``(n, n_labels)``, before temperature and softmax.
        duration_s: length of the recording, float32 ``(n,)``.
        fold: which fold's model answered, ``(n,)``.
    """

    file: npt.NDArray[np.str_]
    corpus: npt.NDArray[np.str_]
    speaker: npt.NDArray[np.str_]
    gender: npt.NDArray[np.str_]
    gold: npt.NDArray[np.str_]
    labels: npt.NDArray[np.str_]
    logits: npt.NDArray[np.float32]
    duration_s: npt.NDArray[np.float32]
    fold: npt.NDArray[np.int64]

    @property
    def predicted(self) -> npt.NDArray[np.str_]:
        """The most probable label of each clip."""
        answers: npt.NDArray[np.str_] = self.labels[self.logits.argmax(axis=1)]
        return answers

    @property
    def predicted_within(self) -> npt.NDArray[np.str_]:
        """The most probable of the labels that each clip's corpus has."""
        hidden = self.logits.copy()
        for corpus in np.unique(self.corpus):
            rows = self.corpus == corpus
            hidden[np.ix_(rows, ~np.isin(self.labels, self.gold[rows]))] = -np.inf
        answers: npt.NDArray[np.str_] = self.labels[hidden.argmax(axis=1)]
        return answers

    @property
    def targets(self) -> npt.NDArray[np.int64]:
        """Index of each gold label."""
        return np.searchsorted(self.labels, self.gold, sorter=np.argsort(self.labels)).astype(np.int64)

    @property
    def speakers(self) -> npt.NDArray[np.str_]:
        """Speaker names that differ between corpora."""
        return np.char.add(np.char.add(self.corpus, "/"), self.speaker)

    def probabilities(self, temperature: float = 1.0) -> npt.NDArray[np.float64]:
        """Softmax of the logits divided by a temperature."""
        return softmax(self.logits / temperature)

    def calibrated_log_loss(self) -> float:
        """Log loss at the temperature that makes it least."""
        return metrics.log_loss(self.probabilities(fit_temperature(self)), self.targets)

    def where(self, chosen: npt.NDArray[np.bool_]) -> HeldOut:
        """The clips for which ``chosen`` is true."""
        parts: dict[str, Any] = {
            n: getattr(self, n) if n == "labels" else getattr(self, n)[chosen] for n in _FIELDS
        }
        return HeldOut(**parts)

    def save(self, stream: Any) -> None:
        """Write as npz to a binary file; `numpy.savez` has an argument called file and cannot."""
        with zipfile.ZipFile(stream, "w") as archive:
            for name in _FIELDS:
                with archive.open(f"{name}.npy", "w") as part:
                    np.lib.format.write_array(part, getattr(self, name), allow_pickle=False)


def load(path: Path) -> HeldOut:
    """Held-out answers that a run wrote.

    Raises:
        CorpusError: the file is missing or is not one of these.
    """
    try:
        with np.load(path) as stored:
            return HeldOut(**{name: stored[name] for name in _FIELDS})
    except (OSError, ValueError, KeyError) as error:
        raise CorpusError(
            f"{path} holds no held-out answers ({error}): run the recipe that makes them"
        ) from None


def join(parts: Sequence[HeldOut]) -> HeldOut:
    """Several folds as one, sorted by corpus and file."""
    joined: dict[str, Any] = {
        n: parts[0].labels if n == "labels" else np.concatenate([getattr(p, n) for p in parts])
        for n in _FIELDS
    }
    order = np.lexsort((joined["file"], joined["corpus"]))
    return HeldOut(**{n: value if n == "labels" else value[order] for n, value in joined.items()})


def softmax(logits: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Probabilities of rows of logits."""
    shifted = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    result: npt.NDArray[np.float64] = shifted / shifted.sum(axis=1, keepdims=True)
    return result


def scores(held: HeldOut, samples: int = 1000) -> dict[str, Any]:
    """UAR with its interval over speakers, WA, macro and weighted F1 and the recall of each label."""
    gold, predicted = held.gold, held.predicted
    low, high = metrics.bootstrap(metrics.uar, gold, predicted, held.speakers, samples=samples)
    return {
        "clips": len(gold),
        "speakers": len(np.unique(held.speakers)),
        "uar": round(metrics.uar(gold, predicted), 4),
        "uar_ci95": [round(low, 4), round(high, 4)],
        "wa": round(metrics.accuracy(gold, predicted), 4),
        "macro_f1": round(metrics.f1(gold, predicted), 4),
        "weighted_f1": round(metrics.f1(gold, predicted, "weighted"), 4),
        "recall": {name: round(value, 3) for name, value in metrics.recalls(gold, predicted).items()},
    }


def by_group(held: HeldOut) -> dict[str, Any]:
    """`scores` of all clips, each corpus and each gender within it; and the mean UAR of the corpora.

    ``uar_within`` is the UAR where only labels that the corpus has may be answered, as in work on one corpus.
    """
    table: dict[str, Any] = {"all": scores(held)}
    for corpus in np.unique(held.corpus):
        part = held.where(held.corpus == corpus)
        own = {"uar_within": round(metrics.uar(part.gold, part.predicted_within), 4)}
        table[str(corpus)] = scores(part) | own | {"gender": genders(part)}
    corpora = [table[str(corpus)]["uar"] for corpus in np.unique(held.corpus)]
    within = [table[str(corpus)]["uar_within"] for corpus in np.unique(held.corpus)]
    means = {"uar": round(float(np.mean(corpora)), 4), "uar_within": round(float(np.mean(within)), 4)}
    table["mean_over_corpora"] = means
    return table


def genders(held: HeldOut) -> dict[str, Any]:
    """`scores` of each gender."""
    return {str(g): scores(held.where(held.gender == g)) for g in np.unique(held.gender)}


def mean_over_folds(held: HeldOut, samples: int = 1000, seed: int = 0) -> dict[str, Any]:
    """EmoBox's figure: mean UA of the folds, and its interval when each fold's speakers are drawn again.

    Where each fold holds out one speaker, whole folds are drawn.
    """
    parts = [held.where(held.fold == fold) for fold in np.unique(held.fold)]
    each = [metrics.uar(part.gold, part.predicted) for part in parts]
    random = np.random.default_rng(seed)
    if all(len(np.unique(part.speaker)) == 1 for part in parts):
        drawn = random.choice(each, (samples, len(each))).mean(axis=1)
    else:
        drawn = np.array([np.mean([_redrawn(part, random) for part in parts]) for _ in range(samples)])
    low, high = np.quantile(drawn, [0.025, 0.975])
    return {
        "ua": round(float(np.mean(each)), 4),
        "ua_ci95": [round(float(low), 4), round(float(high), 4)],
        "ua_of_folds": [round(value, 4) for value in each],
        "folds": len(parts),
    }


def _redrawn(part: HeldOut, random: np.random.Generator) -> float:
    names = np.unique(part.speaker)
    members = [np.flatnonzero(part.speaker == name) for name in names]
    rows = np.concatenate([members[i] for i in random.integers(0, len(names), len(names))])
    return metrics.uar(part.gold[rows], part.predicted[rows])


def calibration(held: HeldOut, temperature: float) -> dict[str, float]:
    """ECE, Brier score and log loss at a temperature."""
    p = held.probabilities(temperature)
    return {
        "ece": round(metrics.ece(p, held.targets), 4),
        "brier": round(metrics.brier(p, held.targets), 4),
        "log_loss": round(metrics.log_loss(p, held.targets), 4),
    }


def fit_temperature(held: HeldOut) -> float:
    """The temperature of least log loss over all clips (Guo et al., arXiv:1706.04599).

    Golden-section search over its logarithm between 1/20 and 20; the loss is convex in 1/temperature.
    """

    def loss(log_t: float) -> float:
        return metrics.log_loss(held.probabilities(float(np.exp(log_t))), held.targets)

    low, high, golden = float(np.log(0.05)), float(np.log(20)), (np.sqrt(5) - 1) / 2
    for _ in range(40):
        one, other = high - golden * (high - low), low + golden * (high - low)
        if loss(one) < loss(other):
            high = other
        else:
            low = one
    return float(np.exp((low + high) / 2))


def cross_fitted(held: HeldOut) -> tuple[npt.NDArray[np.float64], dict[int, float]]:
    """Probabilities of each fold at the temperature fitted on the other folds, and those temperatures."""
    probabilities = np.empty(held.logits.shape)
    temperatures = {}
    for fold in np.unique(held.fold):
        inside = held.fold == fold
        temperatures[int(fold)] = fit_temperature(held.where(~inside))
        probabilities[inside] = held.where(inside).probabilities(temperatures[int(fold)])
    return probabilities, temperatures
