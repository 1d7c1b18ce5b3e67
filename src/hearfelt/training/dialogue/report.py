"""How good a model of dialogue is on the test part, and at what cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hearfelt.datasets.dialogue import Dialogues, Line
from hearfelt.evaluation import metrics
from hearfelt.fusion.calibrate import Temperature
from hearfelt.types import FloatArray

SAMPLES = 1000
"""Draws of dialogues for an interval."""


def scores(
    classes: Sequence[str],
    dev: tuple[Sequence[Line], FloatArray] | None,
    test: tuple[Sequence[Line], FloatArray],
    samples: int = SAMPLES,
) -> dict[str, Any]:
    """Figures of a model's probabilities; lines without a label do not count.

    The temperature is fitted on the dev lines. Intervals draw whole test dialogues (1,000 times, percentiles
    2.5 and 97.5), since lines of one dialogue are not independent.

    Args:
        classes: the labels of the columns.
        dev, test: lines and their probabilities ``(n_lines, n_labels)``; no dev, no temperature.
    """
    gold, found = _known(classes, *test)
    who = [line.dialogue for line in test[0] if line.label is not None]
    answer = found.argmax(axis=1)
    row: dict[str, Any] = {
        "lines": len(gold),
        "accuracy": metrics.accuracy(gold, answer),
        "weighted_f1": metrics.f1(gold, answer, "weighted"),
        "macro_f1": metrics.f1(gold, answer),
        "weighted_f1_ci95": list(metrics.bootstrap(_weighted, gold, answer, who, samples=samples)),
        "ece": metrics.ece(found, gold),
        "f1": _each(classes, gold, answer),
    }
    if dev is not None:
        dev_gold, dev_found = _known(classes, *dev)
        heat = Temperature().fit(dev_found, dev_gold)
        row |= {
            "temperature": heat.temperature_,
            "ece_calibrated": metrics.ece(heat.apply(found), gold),
            "dev_weighted_f1": metrics.f1(dev_gold, dev_found.argmax(axis=1), "weighted"),
        }
    return row


def _known(
    classes: Sequence[str], lines: Sequence[Line], probabilities: FloatArray
) -> tuple[np.ndarray, FloatArray]:
    at = {label: number for number, label in enumerate(classes)}
    rows = [i for i, line in enumerate(lines) if line.label is not None]
    gold = np.array([at[str(lines[i].label)] for i in rows], np.int64)
    return gold, probabilities[rows]


def _weighted(gold: np.ndarray, found: np.ndarray) -> float:
    return metrics.f1(gold, found, "weighted")


def _each(classes: Sequence[str], gold: np.ndarray, answer: np.ndarray) -> dict[str, float]:
    """F1 of each label."""
    counts = metrics.confusion(gold, answer, range(len(classes)))
    hits, both = np.diagonal(counts), counts.sum(axis=0) + counts.sum(axis=1)
    return {name: float(2 * hits[i] / max(1, both[i])) for i, name in enumerate(classes)}


def lines_of(rows: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A table in Markdown, a line a model, in per cent."""
    found = [
        "| model | accuracy | weighted F1 [95 %] | macro F1 | ECE (calibrated) | s | tokens | protocol |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, row in rows.items():
        low, high = row["weighted_f1_ci95"]
        cooled = f" ({100 * row['ece_calibrated']:.1f})" if "ece_calibrated" in row else ""
        cost = f"{row['fit_s']:.0f} + {row['predict_s']:.0f}" if "fit_s" in row else f"{row['predict_s']:.0f}"
        found.append(
            f"| {name} | {100 * row['accuracy']:.1f} | {100 * row['weighted_f1']:.2f} "
            f"[{100 * low:.1f}, {100 * high:.1f}] | {100 * row['macro_f1']:.2f} "
            f"| {100 * row['ece']:.1f}{cooled} | {cost} | {row.get('tokens', '–')} | {row['protocol']} |"
        )
    return found


def protocol(table: Dialogues) -> list[str]:
    """What must stand beside the figures of a table, in two lines."""
    shipped = "" if table.shippable else " What learns from it is never shipped."
    return [
        f"{table.protocol}. Licence: {table.licence}.{shipped}",
        "Epochs, temperature, shift and weights are chosen on the dev part; the test part is read once, at "
        "the end. Intervals: 1,000 draws of test dialogues. Seconds: to learn + to answer the test part.",
    ]
