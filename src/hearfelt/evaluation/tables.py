"""Results of a benchmark as tables of plain JSON data: ours, with intervals and tests, beside published."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hearfelt.datasets.splits import Split, SplitCard
from hearfelt.errors import CorpusError
from hearfelt.evaluation import compare, metrics
from hearfelt.evaluation.benchmark import Result
from hearfelt.evaluation.judge import rounded
from hearfelt.types import Example

SCHEMA = "hearfelt/benchmark/1"


def benchmark(
    title: str, tables: Sequence[Mapping[str, Any]], command: str = "", *, overview: bool = False
) -> dict[str, Any]:
    """Tables under one title; those with shared speakers come last, each says so itself.

    Args:
        overview: tables of one protocol, of which an overview may be shown.
    """
    ordered = sorted(tables, key=lambda table: not table["card"]["speaker_independent"])
    return {
        "schema": SCHEMA,
        "title": title,
        "command": command,
        "overview": overview,
        "tables": list(ordered),
    }


def table(
    results: Mapping[str, Result],
    card: SplitCard,
    *,
    title: str,
    protocol: str,
    mean_over_folds: bool,
    published: Sequence[Mapping[str, Any]] = (),
    samples: int = 1000,
) -> dict[str, Any]:
    """One table: all its rows were measured on the splits of one card, or published for them.

    Args:
        protocol: a sentence or two on what was done.
        mean_over_folds: scores are means over folds (EmoBox); else of all held-out answers together.
        published: rows of `read_published`.
    """
    first = next(iter(results.values())).answers
    gold = sorted(set(first.gold.tolist()))
    rows = [_row(result, mean_over_folds, samples, card.contaminated) for result in results.values()]
    rows += [_published(row) for row in published]
    rows.sort(key=lambda row: -row["uar"]["value"])
    loud = (
        "" if card.speaker_independent else ("SPEAKERS UNKNOWN: " if card.nameless else "SPEAKER-DEPENDENT: ")
    )
    return {
        "title": loud + title,
        "protocol": protocol,
        "card": card.to_dict() | {"sentences": list(card.sentences())},
        "clips": len(first.examples),
        "labels": gold,
        "chance": round(1 / len(gold), 4),
        "score_name": "UA, mean over folds" if mean_over_folds else "UAR",
        "rows": rows,
        "comparisons": _comparisons(results, samples),
    }


def check_folds(examples: Sequence[Example], splits: Sequence[Split]) -> None:
    """Refuse test folds of one label, whose mean UA means nothing.

    Raises:
        CorpusError: it names the fold and the label.
    """
    for split in splits:
        labels = {str(examples[i].gold) for i in split.test}
        if len(labels) == 1:
            raise CorpusError(
                f"all {len(split.test)} test clips of {split.name} are labelled {labels.pop()}: a mean of UA "
                "over folds needs at least 2 labels in each; restore the fold file, or use fewer folds"
            )


def read_published(path: Path, corpus: str) -> list[dict[str, Any]]:
    """The rows of one corpus; scores become shares.

    Columns: ``corpus, model, UA, WA, macro_F1, source, oddity``.

    Raises:
        CorpusError: the table cannot be read, lacks a column, or a score is no number.
    """
    needed = ("corpus", "model", "UA", "WA", "macro_F1", "source")
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            reader = csv.DictReader(stream)
            missing = [name for name in needed if name not in (reader.fieldnames or ())]
            rows = [row for row in reader if row.get("corpus") == corpus]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CorpusError(f"published results cannot be read from {path} ({error}): restore it") from None
    if missing:
        raise CorpusError(f"{path} lacks the columns {', '.join(missing)}: restore it")
    found = []
    for row in rows:
        try:
            scores = {name: float(row[name]) / 100 for name in ("UA", "WA", "macro_F1")}
        except ValueError:
            raise CorpusError(
                f"{path} gives {row['model']} on {corpus} no number for UA, WA or macro_F1"
            ) from None
        found.append(
            {"model": row["model"], "source": row["source"], "oddity": row.get("oddity") or "", **scores}
        )
    return found


def _row(result: Result, mean_over_folds: bool, samples: int, contaminated: Sequence[str]) -> dict[str, Any]:
    answers = result.answers
    folds = answers.fold if mean_over_folds else None
    scores = {
        name: compare.label_interval(
            name, answers.gold, answers.predicted, answers.speakers, folds=folds, samples=samples
        )
        for name in ("uar", "wa", "macro_f1")
    }
    heard = [corpus for corpus in result.seen if corpus in set(answers.corpora.tolist())]
    note = f"SEEN BEFORE: its weights learnt from {', '.join(heard)}" if heard and not contaminated else ""
    return {
        "name": result.name,
        "kind": "ours",
        "uar": rounded(scores["uar"]),
        "wa": round(scores["wa"].value, 4),
        "macro_f1": round(scores["macro_f1"].value, 4),
        "recall": {k: round(v, 4) for k, v in metrics.recalls(answers.gold, answers.predicted).items()},
        "folds": [
            {"fold": name, "uar": round(metrics.uar(answers.gold[rows], answers.predicted[rows]), 4)}
            for number, name in enumerate(result.folds)
            for rows in [answers.fold == number]
        ],
        "fit_s": round(result.fit_s, 2) if result.trained else None,
        "rtf": None if result.rtf is None else round(result.rtf, 5),
        "note": note,
    }


def _published(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": row["model"],
        "kind": "published",
        "uar": {"value": round(row["UA"], 4), "low": None, "high": None},
        "wa": round(row["WA"], 4),
        "macro_f1": round(row["macro_F1"], 4),
        "recall": {},
        "folds": [],
        "fit_s": None,
        "rtf": None,
        "note": row["oddity"],
        "source": row["source"],
    }


def _comparisons(results: Mapping[str, Result], samples: int) -> list[dict[str, Any]]:
    """The best of ours against each other, on the pooled UAR of the same clips."""
    if len(results) < 2:
        return []
    ranked = sorted(results.values(), key=lambda r: -metrics.uar(r.answers.gold, r.answers.predicted))
    best = ranked[0]
    found: list[dict[str, Any]] = []
    gold, speakers = best.answers.gold, best.answers.speakers
    for other in ranked[1:]:
        one, two = best.answers.predicted, other.answers.predicted
        tested = compare.paired(gold, one, two, speakers, names=("uar",), samples=samples)["uar"]
        found.append(
            {
                "one": best.name,
                "other": other.name,
                "difference": rounded(compare.Interval(tested.value, tested.low, tested.high)),
                "p": tested.p,
                "mcnemar": round(compare.mcnemar(gold, one, two), 6),
            }
        )
    for row, p in zip(found, compare.holm([row["p"] for row in found]), strict=True):
        row |= {"p": round(p, 6), "significant": p < 0.05}
    return found
