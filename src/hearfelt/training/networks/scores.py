"""How good each task's answers are: recalls, F1, concordance, error rate of characters."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from hearfelt.evaluation import metrics
from hearfelt.models.networks.heads import Task

Rows = npt.NDArray[Any]

BEST = {"single": "uar", "soft": "uar", "multi": "macro_f1", "dimensions": "ccc", "ctc": "cer"}
"""Kind of a task to the figure that an epoch is chosen by; a low error rate is the better one."""


def of(task: Task, answers: Rows, targets: Rows) -> dict[str, float]:
    """The figures of a task over the clips that have a target; none where no clip has one.

    Args:
        answers: logits ``(n, n_labels)``, ratings, or (CTC) texts.
        targets: as of `hearfelt.models.networks.heads`.
    """
    return _FIGURES[task.kind](task, answers, targets)


def best(task: Task, figures: dict[str, float]) -> float:
    """The figure that decides, so that more is better; -1 where there is none."""
    value = figures.get(BEST[task.kind])
    if value is None:
        return -1.0
    return 1 - value if task.kind == "ctc" else value


def _single(task: Task, answers: Rows, targets: Rows) -> dict[str, float]:
    known = targets >= 0
    if not known.any():
        return {}
    gold, found = targets[known].tolist(), answers[known].argmax(axis=1).tolist()
    return {
        "clips": int(known.sum()),
        "uar": metrics.uar(gold, found),
        "wa": metrics.accuracy(gold, found),
        "macro_f1": metrics.f1(gold, found),
    }


def _soft(task: Task, answers: Rows, targets: Rows) -> dict[str, float]:
    known = np.isfinite(targets).all(axis=1) & (np.nan_to_num(targets).sum(axis=1) > 0)
    if not known.any():
        return {}
    shares = targets[known] / targets[known].sum(axis=1, keepdims=True)
    gold, found = shares.argmax(axis=1).tolist(), answers[known].argmax(axis=1).tolist()
    return {
        "clips": int(known.sum()),
        "uar": metrics.uar(gold, found),
        "kl": metrics.kl(shares, softmax(answers[known])),
    }


def _multi(task: Task, answers: Rows, targets: Rows) -> dict[str, float]:
    known = np.isfinite(targets).all(axis=1)
    if not known.any():
        return {}
    truth, found = targets[known] > 0.5, answers[known] > 0
    return {
        "clips": int(known.sum()),
        "macro_f1": metrics.multilabel_f1(truth, found),
        "micro_f1": metrics.multilabel_f1(truth, found, "micro"),
        "lrap": metrics.lrap(truth, answers[known]),
    }


def _dimensions(task: Task, answers: Rows, targets: Rows) -> dict[str, float]:
    found: dict[str, float] = {}
    for column, name in enumerate(task.labels):
        rated = np.isfinite(targets[:, column])
        if rated.sum() > 1:
            found[f"ccc_{name}"] = metrics.ccc(targets[rated, column], answers[rated, column])
    if not found:
        return {}
    clips = int(np.isfinite(targets).any(axis=1).sum())
    return {"clips": clips, "ccc": float(np.mean(list(found.values()))), **found}


def _ctc(task: Task, answers: Rows, targets: Rows) -> dict[str, float]:
    wrong = characters = clips = 0
    for said, row in zip(answers.tolist(), targets, strict=True):
        text = "".join(task.labels[number - 1] for number in row if number >= 1)
        if text:
            wrong, characters, clips = wrong + distance(text, said), characters + len(text), clips + 1
    return {"clips": clips, "cer": wrong / characters} if characters else {}


_FIGURES = {"single": _single, "soft": _soft, "multi": _multi, "dimensions": _dimensions, "ctc": _ctc}


def distance(one: str, other: str) -> int:
    """Insertions, deletions and substitutions from one text to the other (Levenshtein 1966)."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        before, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1]


def softmax(logits: Rows) -> npt.NDArray[np.float64]:
    """Probabilities of rows of logits."""
    shares = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    found: npt.NDArray[np.float64] = shares / shares.sum(axis=1, keepdims=True)
    return found
