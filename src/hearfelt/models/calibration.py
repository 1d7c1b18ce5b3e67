"""From scores to probabilities: a temperature, Platt's sigmoid, and the threshold of a label."""

from __future__ import annotations

import numpy as np

from hearfelt.models.estimators import Doubles, Ints


def temperature(scores: Doubles, gold: Ints) -> float:
    """The T of ``softmax(scores / T)`` with the least negative log-likelihood (Guo et al., arXiv:1706.04599).

    Clips whose gold class has no score (their fold had not learnt it) are left out.
    """
    from scipy.optimize import minimize_scalar  # type: ignore[import-untyped]

    own = scores[np.arange(len(gold)), gold]
    usable = np.isfinite(own)
    if not usable.any():
        return 1.0
    scores, own = scores[usable], own[usable]

    def loss(log_t: float) -> float:
        scaled = scores / np.exp(log_t)
        peak = scaled.max(axis=1)
        total = np.log(np.exp(scaled - peak[:, None]).sum(axis=1)) + peak
        return float((total - own / np.exp(log_t)).mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-5.0, 5.0), method="bounded").x))


def platt(margins: Doubles, yes: Ints) -> tuple[float, float]:
    """Slope and offset of the sigmoid of least log loss, with Platt's softened targets."""
    from scipy.optimize import minimize

    count = yes.sum()
    target = np.where(yes == 1, (count + 1) / (count + 2), 1 / (len(yes) - count + 2))

    def loss(pair: Doubles) -> float:
        z = pair[0] * margins + pair[1]
        return float((np.logaddexp(0, z) - target * z).mean())

    found = minimize(loss, np.array([1.0, 0.0]), method="L-BFGS-B", bounds=[(1e-3, None), (None, None)])
    return float(found.x[0]), float(found.x[1])


def best_threshold(probabilities: Doubles, yes: Ints) -> float:
    """The threshold with the best F1, halfway between two neighbouring probabilities; 0.5 without a yes."""
    if not yes.any():
        return 0.5
    order = np.argsort(-probabilities, kind="stable")
    ordered = probabilities[order]
    hits = np.cumsum(yes[order])
    f1 = 2 * hits / (np.arange(1, len(yes) + 1) + yes.sum())
    f1[:-1][ordered[:-1] == ordered[1:]] = -1.0  # no threshold parts two equal probabilities
    best = int(f1.argmax())
    below = ordered[best + 1] if best + 1 < len(ordered) else 0.0
    return float((ordered[best] + below) / 2)


def sigmoid(margins: Doubles, pair: tuple[float, float]) -> Doubles:
    """Probabilities by the slope and offset that `platt` found."""
    result: Doubles = 1 / (1 + np.exp(-np.clip(pair[0] * margins + pair[1], -50, 50)))
    return result
