"""Calibration: make a source mean what it says, and measure how far it does.

Temperature scaling divides the log-probabilities by one number (Guo et al., "On calibration of modern neural
networks", ICML 2017). The bias-corrected form adds one number a label, so that the answer belongs to a stated
class prior (Alexandari, Kundaje, Shrikumar, "Maximum likelihood with bias-corrected calibration is
hard-to-beat at label shift adaptation", ICML 2020). Both are convex and are solved by Newton's method.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hearfelt.errors import InputError

Array = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

BIAS_RIDGE = 0.1
"""Pulls biases towards 0, the less the more independent samples there are: five speakers do not tell biases
well. Chosen by the loss on speakers left out."""

FLOOR = 1e-6
"""Probabilities below this count as this: no source is ever sure enough to veto the others for good."""


def log_floor(probabilities: npt.ArrayLike) -> Array:
    """Natural logarithm of probabilities of shape ``(…, n_labels)``, after the floor and renormalised."""
    p = np.maximum(np.asarray(probabilities, dtype=np.float64), FLOOR)
    logs: Array = np.log(p / p.sum(axis=-1, keepdims=True))
    return logs


def softmax(scores: npt.ArrayLike) -> Array:
    """Probabilities of shape ``(…, n_labels)`` that sum to 1 along the last axis."""
    s = np.asarray(scores, dtype=np.float64)
    e = np.exp(s - s.max(axis=-1, keepdims=True))
    p: Array = e / e.sum(axis=-1, keepdims=True)
    return p


def nll(probabilities: npt.ArrayLike, labels: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> float:
    """Mean negative log-likelihood, in nats.

    Args:
        probabilities: shape ``(n, n_labels)``.
        labels: the index of the right label, shape ``(n,)``.
        weights: shape ``(n,)``, or None for equal ones.
    """
    logs = log_floor(probabilities)
    y = np.asarray(labels, dtype=np.int64)
    w = None if weights is None else np.asarray(weights, dtype=np.float64)
    return float(-np.average(logs[np.arange(len(y)), y], weights=w))


def fit_exponents(
    terms: npt.ArrayLike,
    labels: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    *,
    ridge: npt.ArrayLike = 1e-6,
    start: npt.ArrayLike | None = None,
) -> Array:
    """The exponents t that make ``softmax(sum_k t_k * terms[:, :, k])`` most likely.

    The loss is convex; Newton steps with halving find its minimum.

    Args:
        terms: shape ``(n, n_labels, n_terms)``.
        labels: the index of the right label, shape ``(n,)``.
        weights: shape ``(n,)``, or None for equal ones.
        ridge: penalty on the squared distance from `start`; one number, or one a term.
        start: shape ``(n_terms,)``, where the search starts; zeros where None.

    Returns:
        Array of shape ``(n_terms,)``.

    Raises:
        InputError: there are no samples.
    """
    x = np.asarray(terms, dtype=np.float64)
    y = np.asarray(labels, dtype=np.int64)
    if len(y) == 0:
        raise InputError("nothing to calibrate on: 0 labelled samples; give at least one for each label")
    w = np.ones(len(y)) if weights is None else np.asarray(weights, dtype=np.float64)
    w = w / w.sum()
    centre = np.zeros(x.shape[2]) if start is None else np.asarray(start, dtype=np.float64)
    t: Array = centre.copy()
    pull = np.broadcast_to(np.asarray(ridge, dtype=np.float64), t.shape)
    right = x[np.arange(len(y)), y]

    def loss(at: Array) -> float:
        scores = x @ at
        top = scores.max(axis=1)
        partition = top + np.log(np.exp(scores - top[:, None]).sum(axis=1))
        return float(w @ (partition - right @ at) + pull @ (at - centre) ** 2)

    value = loss(t)
    for _ in range(100):
        p = softmax(x @ t)
        mean = np.einsum("nl,nlk->nk", p, x)
        gradient = w @ (mean - right) + 2 * pull * (t - centre)
        hessian = np.einsum("n,nl,nlk,nlj->kj", w, p, x, x, optimize=True) - (mean * w[:, None]).T @ mean
        step = np.linalg.solve(hessian + 2 * np.diag(pull), gradient)
        size = 1.0
        while size > 1e-8 and loss(t - size * step) > value:
            size /= 2
        t = t - size * step
        improved, value = value - loss(t), loss(t)
        if improved < 1e-12:
            break
    return t


class Temperature:
    """Temperature scaling, with one bias a label where asked for.

    Args:
        biased: also learn one bias a label. With class-balanced weights the answer then belongs to equal
            class priors, whatever the prior of the data the source learnt from.

    Attributes:
        temperature_: above 1 softens, below 1 sharpens.
        bias_: shape ``(n_labels,)``, added to the scaled log-probabilities; sums to 0.
    """

    def __init__(self, *, biased: bool = False) -> None:
        self.biased = biased
        self.temperature_ = 1.0
        self.bias_: Array = np.zeros(0)

    def fit(
        self,
        probabilities: npt.ArrayLike,
        labels: npt.ArrayLike,
        weights: npt.ArrayLike | None = None,
        *,
        reliability: npt.ArrayLike | None = None,
        n_independent: int | None = None,
    ) -> Temperature:
        """Learn from held-out probabilities.

        Args:
            probabilities: shape ``(n, n_labels)``.
            labels: the index of the right label, shape ``(n,)``.
            weights: how much each sample counts, shape ``(n,)``; None for equally.
            reliability: exponents that the pool will put on each sample, shape ``(n,)``; None for 1.
            n_independent: how many speakers there are; None where every sample stands for itself.

        Raises:
            InputError: there are no samples.
        """
        logs = log_floor(probabilities)
        n, n_labels = logs.shape
        trust = np.ones(n) if reliability is None else np.asarray(reliability, dtype=np.float64)
        terms = logs[:, :, None]
        start = np.ones(1)
        if self.biased:
            ones = np.broadcast_to(np.eye(n_labels), (n, n_labels, n_labels))
            terms = np.concatenate([terms, ones], axis=2)
            start = np.concatenate([start, np.zeros(n_labels)])
        terms = terms * trust[:, None, None]
        ridge = np.concatenate([[1e-9], np.full(len(start) - 1, BIAS_RIDGE / max(n_independent or n, 1))])
        found = fit_exponents(terms, labels, weights, ridge=ridge, start=start)
        self.temperature_ = float(1 / max(found[0], 1e-3))
        bias = found[1:] if self.biased else np.zeros(n_labels)
        self.bias_ = bias - bias.mean()
        return self

    def apply(self, probabilities: npt.ArrayLike) -> Array:
        """Calibrated probabilities, same shape as given: ``(…, n_labels)``."""
        bias = self.bias_ if len(self.bias_) else np.zeros(1)
        return softmax(log_floor(probabilities) / self.temperature_ + bias)


def balanced(labels: npt.ArrayLike, groups: npt.ArrayLike | None = None) -> Array:
    """Weights under which every group (speaker), and then every label, counts the same; they sum to 1.

    Args:
        labels: label indices, shape ``(n,)``.
        groups: who spoke, shape ``(n,)``, or None.
    """
    y = np.asarray(labels, dtype=np.int64)
    w = np.ones(len(y))
    if groups is not None:
        _, group, counts = np.unique(np.asarray(groups), return_inverse=True, return_counts=True)
        w = 1.0 / counts[group]
    totals = np.bincount(y, weights=w)
    w = w / totals[y]
    result: Array = w / w.sum()
    return result


def reliability_curve(
    confidence: npt.ArrayLike,
    correct: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    *,
    n_bins: int = 15,
) -> list[tuple[float, float, float]]:
    """Mean confidence, accuracy and share of each equally wide bin of confidence that is not empty."""
    c = np.asarray(confidence, dtype=np.float64)
    hit = np.asarray(correct, dtype=np.float64)
    w = np.ones(len(c)) if weights is None else np.asarray(weights, dtype=np.float64)
    place = np.clip((c * n_bins).astype(np.int64), 0, n_bins - 1)
    mass, confidences, hits = (np.bincount(place, v, n_bins) for v in (w, w * c, w * hit))
    return [
        (float(confidences[b] / mass[b]), float(hits[b] / mass[b]), float(mass[b] / mass.sum()))
        for b in range(n_bins)
        if mass[b] > 0
    ]


def ece(
    confidence: npt.ArrayLike,
    correct: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    *,
    n_bins: int = 15,
) -> float:
    """Expected calibration error: mean distance of confidence and accuracy over equally wide bins."""
    curve = reliability_curve(confidence, correct, weights, n_bins=n_bins)
    return sum(share * abs(mean - accuracy) for mean, accuracy, share in curve)
