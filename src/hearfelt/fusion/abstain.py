"""When to say "uncertain": a confidence below which the risk of a wrong label is too high.

The threshold is lowered step by step from the most confident utterances on, as long as the upper limit of the
error among the answered ones stays at or below the chosen risk (fixed-sequence testing, Angelopoulos et al.,
"Learn then test", 2021; selective risk as in Geifman, El-Yaniv, "Selective classification for deep neural
networks", NeurIPS 2017). The limit is one-sided, 90 %, and its standard error is clustered by speaker.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hearfelt.errors import InputError, OptionError

RISKS = tuple(round(0.02 * step, 2) for step in range(1, 41))
"""Risks for which a fitted table holds a threshold: 0.02 to 0.80."""
NEVER = 2.0
"""A threshold above every confidence: never answer."""
Z_UPPER = 1.2816
"""Standard errors of a one-sided 90 % limit."""
MIN_ANSWERED = 0.1
"""The first step answers this share of the utterances."""
N_STEPS = 96


def upper_risk(
    wrong: npt.NDArray[np.bool_],
    answered: npt.NDArray[np.bool_],
    groups: npt.NDArray[np.int64],
    weights: npt.NDArray[np.float64],
) -> float:
    """One-sided 90 % upper limit of the error among answered utterances, clustered by group.

    Args:
        wrong, answered: shape ``(n,)``.
        groups: group indices counted from 0, shape ``(n,)``.
        weights: how much each sample counts, shape ``(n,)``; their mean is 1.
    """
    n = np.bincount(groups, weights * answered)
    errors = np.bincount(groups, weights * (answered & wrong))
    total = n.sum()
    # one right and one wrong answer more keep the error of a few utterances away from 0 (Agresti, Coull 1998)
    risk = (errors.sum() + 1) / (total + 2)
    spread = ((errors - risk * n) ** 2).sum() * len(n) / max(len(n) - 1, 1)
    return float(risk + Z_UPPER * np.sqrt(spread) / max(total, 1.0))


def fit_thresholds(
    confidence: npt.ArrayLike,
    correct: npt.ArrayLike,
    groups: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
) -> tuple[float, ...]:
    """The least confidence to answer at, for each risk of `RISKS`; `NEVER` where none is low enough.

    Args:
        confidence: calibrated confidence, shape ``(n,)``.
        correct: whether the label was right, shape ``(n,)``.
        groups: who spoke, shape ``(n,)``; None makes every sample a group of its own.
        weights: how much each sample counts, shape ``(n,)``; None for equally.

    Raises:
        InputError: there are no samples.
    """
    c = np.asarray(confidence, dtype=np.float64)
    if len(c) == 0:
        raise InputError("no held-out confidences to choose a threshold from; give at least one")
    wrong = ~np.asarray(correct, dtype=bool)
    names = np.arange(len(c)) if groups is None else np.asarray(groups)
    group = np.unique(names, return_inverse=True)[1].astype(np.int64)
    w = np.ones(len(c)) if weights is None else np.asarray(weights, dtype=np.float64)
    w = w / w.mean()
    steps = np.quantile(c, np.linspace(1 - MIN_ANSWERED, 0, N_STEPS))
    limits = [upper_risk(wrong, c >= step, group, w) for step in steps]
    thresholds = []
    for risk in RISKS:
        fails = [place for place, limit in enumerate(limits) if limit > risk]
        passed = fails[0] if fails else len(steps)
        everything = passed == len(steps)
        thresholds.append(0.0 if everything else float(steps[passed - 1]) if passed else NEVER)
    return tuple(thresholds)


def threshold(thresholds: tuple[float, ...], max_risk: float) -> float:
    """The threshold of a risk, rounded down to the next risk of the table.

    Raises:
        OptionError: the risk lies outside the table.
    """
    if not RISKS[0] <= max_risk <= 1.0:
        raise OptionError(f"max_risk {max_risk} is not between {RISKS[0]} and 1; 1 always answers")
    if max_risk >= 1.0:
        return 0.0
    return thresholds[int(np.searchsorted(RISKS, max_risk + 1e-9, side="right")) - 1]


def risk_coverage(
    confidence: npt.ArrayLike, correct: npt.ArrayLike, shares: tuple[float, ...] = (1.0, 0.8, 0.6, 0.4, 0.2)
) -> list[tuple[float, float]]:
    """Share answered and error among the answered, answering the most confident first."""
    order = np.argsort(-np.asarray(confidence, dtype=np.float64), kind="stable")
    wrong = ~np.asarray(correct, dtype=bool)[order]
    counts = [max(1, round(share * len(wrong))) for share in shares]
    return [(share, float(wrong[:count].mean())) for share, count in zip(shares, counts, strict=True)]
