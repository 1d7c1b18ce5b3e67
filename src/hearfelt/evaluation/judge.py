"""Every score of some answers as plain JSON data, which `report` shows as Markdown and HTML."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hearfelt.datasets.splits import SplitCard
from hearfelt.errors import CorpusError, OptionError, unknown_name
from hearfelt.evaluation import compare, metrics
from hearfelt.evaluation.answers import Answers, Strings

SCHEMA = "hearfelt/evaluation/1"
COLUMNS = ("corpus", "gender", "language", "intensity", "speaker", "split", "licence", "fold")
"""Columns that scores can be given by."""
CURVE_POINTS = 100
"""Of the risk–coverage curve, at most."""


@dataclass(frozen=True)
class JudgeOptions:
    """How answers are judged.

    Args:
        samples: draws of speakers for each interval.
        groups: columns to give scores by (`COLUMNS`).
        coverage: what label sets promise to hold, a share.
        bins: of the reliability curve and the calibration errors.
        seed: of the draws.
    """

    samples: int = 1000
    groups: tuple[str, ...] = ("corpus", "gender", "language", "intensity")
    coverage: float = 0.9
    bins: int = 15
    seed: int = 0

    def __post_init__(self) -> None:
        for name in self.groups:
            if name not in COLUMNS:
                raise unknown_name("column to give scores by", name, COLUMNS)
        if self.samples < 1 or self.bins < 1:
            raise OptionError(f"samples={self.samples}, bins={self.bins}: use at least 1 of each")
        if not 0 < self.coverage < 1:
            raise OptionError(f"coverage={self.coverage}: use a share between 0 and 1, such as 0.9")


def judge(
    answers: Answers, options: JudgeOptions | None = None, *, name: str = "", card: SplitCard | None = None
) -> dict[str, Any]:
    """All that can be said of the answers, as plain JSON data.

    Args:
        name: of the system.
        card: who and what training and test share, where that is known.
    """
    options = options or JudgeOptions()
    gold = answers.gold
    present = sorted(set(gold.tolist()))
    found: dict[str, Any] = {
        "schema": SCHEMA,
        "name": name,
        "clips": len(gold),
        "speakers": len(set(answers.speakers.tolist())),
        "unnamed_speakers": sum(not e.speaker for e in answers.examples),
        "labels": list(answers.labels),
        "gold_labels": present,
        "chance": round(1 / len(present), 4),
        "lacking": {corpus: list(labels) for corpus, labels in answers.lacking.items()},
        "card": None if card is None else card.to_dict() | {"sentences": list(card.sentences())},
        "options": dataclasses.asdict(options) | {"groups": list(options.groups)},
        "scores": {"all": _scores(answers, answers.predicted, options)},
        "per_label": _per_label(answers),
        "confusion": metrics.confusion(gold, answers.predicted, answers.labels).tolist(),
        "groups": groups(answers, options),
        "notes": _notes(answers, present),
    }
    within = answers.predicted_within
    if within is not None and answers.lacking:
        found["scores"]["within"] = _scores(answers, within, options)
    if answers.probabilities is not None:
        found |= {
            "calibration": _calibration(answers, options),
            "selective": _selective(answers),
            "sets": _sets(answers, options),
            "votes": _votes(answers),
        }
    found["dimensions"] = _dimensions(answers, options)
    return found


def against(one: Answers, other: Answers, options: JudgeOptions | None = None) -> dict[str, Any]:
    """The first less the second on the same clips: `compare.paired` and McNemar's test, as plain JSON data.

    Raises:
        CorpusError: they are not about the same clips in the same order.
    """
    options = options or JudgeOptions()
    if one.examples != other.examples:
        raise CorpusError("the two answers are not about the same clips: judge both on one gold table")
    gold = one.gold
    found = compare.paired(
        gold, one.predicted, other.predicted, one.speakers, samples=options.samples, seed=options.seed
    )
    return {
        "mcnemar": round(compare.mcnemar(gold, one.predicted, other.predicted), 6),
        "scores": {
            name: rounded(compare.Interval(x.value, x.low, x.high))
            | {"p": round(x.p, 6), "significant": x.p < 0.05}
            for name, x in found.items()
        },
    }


def rounded(value: compare.Interval, digits: int = 4) -> dict[str, float | None]:
    """An interval as plain data."""
    return {
        name: None if (x := getattr(value, name)) is None else round(float(x), digits)
        for name in ("value", "low", "high")
    }


def _scores(answers: Answers, predicted: Strings, options: JudgeOptions) -> dict[str, Any]:
    return {
        name: rounded(
            compare.label_interval(
                name,
                answers.gold,
                predicted,
                answers.speakers,
                samples=options.samples,
                seed=options.seed,
            )
        )
        for name in metrics.OF_COUNTS
    }


def _per_label(answers: Answers) -> list[dict[str, Any]]:
    counts = metrics.confusion(answers.gold, answers.predicted, answers.labels)
    rows = []
    for i, label in enumerate(answers.labels):
        truth, found, hits = int(counts[i].sum()), int(counts[:, i].sum()), int(counts[i, i])
        rows.append(
            {
                "label": label,
                "clips": truth,
                "answered": found,
                "recall": round(hits / truth, 4) if truth else None,
                "precision": round(hits / found, 4) if found else None,
                "f1": round(2 * hits / (truth + found), 4) if truth + found else None,
            }
        )
    return rows


def groups(answers: Answers, options: JudgeOptions) -> dict[str, list[dict[str, Any]]]:
    """Column of ``options.groups`` to a row a value: UAR, and the gap to all other clips, tested.

    A column of which all clips have one value is left out.
    """
    tables = {}
    for column in options.groups:
        values = _column(answers, column)
        if len(set(values.tolist())) < 2:
            continue
        rows = compare.by_group(
            "uar",
            answers.gold,
            answers.predicted,
            answers.speakers,
            values,
            samples=options.samples,
            seed=options.seed,
        )
        tables[column] = [
            {
                "name": row.name,
                "clips": row.clips,
                "speakers": row.speakers,
                "uar": rounded(row.score),
                "gap": rounded(compare.Interval(row.gap.value, row.gap.low, row.gap.high)),
                "p": round(row.gap.p, 4),
                "significant": row.significant,
            }
            for row in rows
        ]
    return tables


def _column(answers: Answers, name: str) -> Strings:
    if name == "fold":
        return answers.fold.astype(np.str_)
    if name == "speaker":
        return answers.speakers
    return np.array([str(getattr(e, name) or "unknown") for e in answers.examples])


def _notes(answers: Answers, present: Sequence[str]) -> list[str]:
    notes = []
    if len(present) == 1:
        notes.append(f"All clips are labelled {present[0]}: UAR is the recall of that one label.")
    never = sorted(set(present) - set(answers.predicted.tolist()))
    if never:
        notes.append(f"Never answered: {', '.join(never)}.")
    unnamed = sum(not e.speaker for e in answers.examples)
    if unnamed:
        notes.append(
            f"{unnamed} clips name no speaker and count as one each: intervals are then too narrow where "
            "one person speaks several."
        )
    elif len(set(answers.speakers.tolist())) == 1:
        notes.append("There is one speaker: intervals over speakers cannot be given.")
    return notes


def _calibration(answers: Answers, options: JudgeOptions) -> dict[str, Any]:
    assert answers.probabilities is not None
    p, gold = answers.probabilities, answers.targets
    curve = metrics.reliability(p, gold, options.bins)
    return {
        "ece": round(metrics.ece(p, gold, options.bins), 4),
        "adaptive_ece": round(metrics.adaptive_ece(p, gold, options.bins), 4),
        "classwise_ece": round(metrics.classwise_ece(p, gold, options.bins), 4),
        "brier": round(metrics.brier(p, gold), 4),
        "log_loss": round(metrics.log_loss(p, gold), 4),
        "reliability": [
            {"confidence": round(a, 4), "accuracy": round(b, 4), "clips": count} for a, b, count in curve
        ],
    }


def _selective(answers: Answers) -> dict[str, Any]:
    assert answers.probabilities is not None
    sure = answers.probabilities.max(axis=1)
    right = answers.probabilities.argmax(axis=1) == answers.targets
    coverage, risk = metrics.risk_coverage(sure, right)
    steps = np.unique(np.linspace(0, len(risk) - 1, CURVE_POINTS).round().astype(int))
    return {
        "aurc": round(metrics.aurc(sure, right), 4),
        "excess_aurc": round(metrics.excess_aurc(sure, right), 4),
        "risk_at_half": round(float(risk[(len(risk) - 1) // 2]), 4),
        "curve": [
            {"coverage": round(float(coverage[i]), 4), "risk": round(float(risk[i]), 4)} for i in steps
        ],
    }


def _sets(answers: Answers, options: JudgeOptions) -> dict[str, Any] | None:
    """The sets that were given, else conformal ones with the threshold of the other speakers."""
    assert answers.probabilities is not None
    sets, how = answers.sets, "given"
    if sets is None:
        if len(set(answers.speakers.tolist())) < 2:
            return None
        how = "conformal, thresholds of the other speakers"
        sets = metrics.conformal_sets(
            answers.probabilities, answers.targets, answers.speakers, options.coverage
        )
    sizes = np.bincount(sets.sum(axis=1), minlength=2)
    held = {
        label: round(metrics.set_coverage(sets[rows], answers.targets[rows]), 4)
        for label in sorted(set(answers.gold.tolist()))
        for rows in [answers.gold == label]
    }
    return {
        "how": how,
        "promised": options.coverage if how != "given" else None,
        "coverage": round(metrics.set_coverage(sets, answers.targets), 4),
        "size": round(metrics.set_size(sets), 3),
        "sizes": {str(size): int(count) for size, count in enumerate(sizes) if count},
        "coverage_of_labels": held,
    }


def _votes(answers: Answers) -> dict[str, Any] | None:
    """Against the shares of the raters' votes; a label with more votes than chance (1 / n_labels) is one of
    the clip's labels, and the same rule makes labels of the probabilities.
    """
    assert answers.probabilities is not None
    labels = answers.labels
    rows = [
        i
        for i, e in enumerate(answers.examples)
        if e.soft and set(e.soft) <= set(labels) and sum(e.soft.values()) > 0
    ]
    if not rows:
        return None
    softs = [answers.examples[i].soft or {} for i in rows]
    shares = np.array([[soft.get(label, 0.0) for label in labels] for soft in softs])
    p = answers.probabilities[rows]
    relevant, given = shares > 1 / len(labels), p > 1 / len(labels)
    return {
        "clips": len(rows),
        "kl": round(metrics.kl(shares, p), 4),
        "js": round(metrics.js(shares, p), 4),
        "lrap": round(metrics.lrap(relevant, p), 4),
        "macro_f1": round(metrics.multilabel_f1(relevant, given), 4),
        "micro_f1": round(metrics.multilabel_f1(relevant, given, "micro"), 4),
        "hamming": round(metrics.hamming(relevant, given), 4),
    }


def _dimensions(answers: Answers, options: JudgeOptions) -> dict[str, Any]:
    tables = {}
    for name, values in answers.ratings.items():
        gold = np.array([math.nan if (x := getattr(e, name)) is None else x for e in answers.examples])
        rows = np.flatnonzero(np.isfinite(gold) & np.isfinite(values))
        if len(rows) < 2:
            continue
        x, y = gold[rows], values[rows]
        own = compare.interval(
            lambda drawn, x=x, y=y: metrics.ccc(x[drawn], y[drawn]),  # type: ignore[misc]
            answers.speakers[rows],
            samples=options.samples,
            seed=options.seed,
        )
        tables[name] = {
            "clips": len(rows),
            "ccc": rounded(own),
            "pearson": round(metrics.pearson(x, y), 4),
            "rmse": round(metrics.rmse(x, y), 4),
        }
    return tables
