"""How good the text model is: F1, calibration, and what is fitted on the development split after training."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from hearfelt.labels import EKMAN7
from hearfelt.language.words.goemotions import EKMAN, LABELS

Array = npt.NDArray[Any]

GROUPS = np.array([[float(EKMAN[label] == group) for group in EKMAN7] for label in LABELS])
"""Which of the 28 labels belongs to which of the seven groups, shape ``(28, 7)``."""


def sigmoid(logits: Array) -> Array:
    """Probabilities of logits."""
    return np.asarray(1 / (1 + np.exp(-logits)))


def f1(truth: Array, guess: Array) -> Array:
    """F1 of each column of two 0/1 tables; 0 where a label is neither there nor guessed."""
    hit = (truth * guess).sum(0)
    scores: Array = 2 * hit / np.maximum(truth.sum(0) + guess.sum(0), 1)
    return scores


def thresholds(truth: Array, probabilities: Array) -> Array:
    """For each label the probability above which it is said, by best F1 (on the development split).

    The F1 curve is smoothed over five neighbouring cuts: steadier on a few dozen positives.
    """
    best = np.full(truth.shape[1], 0.5)
    for label in range(truth.shape[1]):
        order = np.argsort(-probabilities[:, label], kind="stable")
        hits = np.cumsum(truth[order, label])
        score = 2 * hits / (np.arange(1, len(order) + 1) + max(truth[:, label].sum(), 1))
        wide = np.convolve(score, np.ones(5) / 5, mode="same") if len(score) > 5 else score
        place = int(np.argmax(wide))
        ranked = probabilities[order, label]
        following = ranked[min(place + 1, len(ranked) - 1)]
        best[label] = float((ranked[place] + following) / 2)
    return best


def grouped(table: Array) -> Array:
    """The highest of each Ekman group, ``(n, 28)`` to ``(n, 7)``."""
    return np.stack([table[:, GROUPS[:, group] > 0].max(1) for group in range(len(EKMAN7))], axis=1)


def single_gold(targets: Array) -> Array:
    """Place of the one Ekman group a text has, -1 where its labels lie in several; shape ``(n,)``."""
    sets = grouped(targets)
    return np.where(sets.sum(1) == 1, sets.argmax(1), -1)


def interval(truth: Array, guess: Array, *, draws: int = 1000, seed: int = 0) -> tuple[float, float]:
    """95 % bootstrap interval of macro-F1 over texts."""
    rng = np.random.default_rng(seed)
    hit, size = truth * guess, truth + guess
    scores = []
    for _ in range(draws):
        counts = rng.multinomial(len(truth), np.full(len(truth), 1 / len(truth))).astype(np.float32)
        scores.append(float((2 * (counts @ hit) / np.maximum(counts @ size, 1)).mean()))
    low, high = np.percentile(scores, [2.5, 97.5])
    return float(low), float(high)


def ece(probabilities: Array, gold: Array, *, bins: int = 15) -> float:
    """Expected calibration error of the top label in equally wide bins (Guo et al., ICML 2017)."""
    sure = probabilities.max(1)
    right = probabilities.argmax(1) == gold
    place = np.minimum((sure * bins).astype(int), bins - 1)
    gaps = [abs(right[place == b].mean() - sure[place == b].mean()) * (place == b).mean() for b in set(place)]
    return float(sum(gaps))


def log_loss(probabilities: Array, gold: Array) -> float:
    """Mean negative log-probability of the true label."""
    return float(-np.log(np.maximum(probabilities[np.arange(len(gold)), gold], 1e-12)).mean())


def softmax(values: Array) -> Array:
    """Rows that sum to 1."""
    raised = np.exp(values - values.max(1, keepdims=True))
    return np.asarray(raised / raised.sum(1, keepdims=True))


def temperature(log_probabilities: Array, gold: Array) -> float:
    """The divisor of the log-probabilities that makes them likeliest (searched from 0.5 to 2)."""
    steps = np.exp(np.linspace(np.log(0.5), np.log(2.0), 281))
    losses = [log_loss(softmax(log_probabilities / step), gold) for step in steps]
    return float(steps[int(np.argmin(losses))])


def fit_map(logits: Array, gold: Array, strength: float) -> tuple[Array, Array]:
    """Multinomial logistic regression from 28 logits to seven classes: weights ``(28, 7)`` and bias.

    A class that never occurs is all but ruled out by its bias.
    """
    from sklearn.linear_model import LogisticRegression

    mean, spread = logits.mean(0), logits.std(0) + 1e-6
    model = LogisticRegression(C=strength, max_iter=5000).fit((logits - mean) / spread, gold)
    weights, bias = np.zeros((logits.shape[1], len(EKMAN7))), np.full(len(EKMAN7), -20.0)
    weights[:, model.classes_] = (model.coef_ / spread).T
    bias[model.classes_] = model.intercept_ - mean @ weights[:, model.classes_]
    return weights, bias


def cross_fit_map(logits: Array, gold: Array, strength: float, *, folds: int = 5) -> Array:
    """Log-probabilities of every text by a map that was fitted without it; rows with gold -1 never fit."""
    fold = np.random.default_rng(0).permutation(len(gold)) % folds
    found = np.zeros((len(gold), len(EKMAN7)))
    for number in range(folds):
        fitting = (fold != number) & (gold >= 0)
        weights, bias = fit_map(logits[fitting], gold[fitting], strength)
        found[fold == number] = np.log(np.maximum(softmax(logits[fold == number] @ weights + bias), 1e-12))
    return found


def choose_strength(logits: Array, gold: Array) -> float:
    """The regularisation of the map with the least cross-fitted log-loss."""
    one = gold >= 0
    losses = {
        strength: log_loss(np.exp(cross_fit_map(logits, gold, strength))[one], gold[one])
        for strength in (0.03, 0.1, 0.3, 1.0)
    }
    return min(losses, key=losses.__getitem__)


def recall(probabilities: Array, gold: Array) -> float:
    """Unweighted average recall over the classes that occur."""
    guess = probabilities.argmax(1)
    return float(np.mean([(guess[gold == label] == label).mean() for label in np.unique(gold)]))
