"""Published results on dialogues, from a table that quotes them with their sources."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hearfelt.datasets.rows import rows_of
from hearfelt.errors import CorpusError

COLUMNS = ("model", "year", "dataset", "modalities_or_features", "accuracy", "weighted_f1", "other", "source")
_NAMES = {"meld": ("MELD-7", "MELD"), "emorynlp": ("EmoryNLP-7", "EmoryNLP")}
_LATER = r"(?: \d-class)?(?: acc [\d.]+)?(?: wF1)? (\d\d\.\d+)(?: \(([^)]*)\))?"


@dataclass(frozen=True, slots=True)
class Published:
    """A result that others state.

    Args:
        reads: the modalities or features.
        weighted_f1: on the official test part, in [0, 1].
        accuracy: likewise; None where it is not stated.
        source: who states it.
    """

    model: str
    year: str
    reads: str
    weighted_f1: float
    accuracy: float | None
    source: str


def published(path: Path, corpus: str) -> list[Published]:
    """The rows of a table for a corpus, lowest first; none for a corpus that it does not know.

    A result stands in a row of its own (column ``dataset``), or behind the corpus's name in the column
    ``other`` of a row on another corpus.

    Raises:
        CorpusError: no such table, or one without `COLUMNS`.
    """
    names, rows = rows_of(path)
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        raise CorpusError(f"{path} lacks the columns {', '.join(missing)}: give all of {', '.join(COLUMNS)}")
    if corpus not in _NAMES:
        return []
    own, name = _NAMES[corpus]
    found = []
    for row in rows:
        accuracy, source = None, row["source"] or ""
        if row["dataset"] == own and row["weighted_f1"]:
            score = float(row["weighted_f1"])
            accuracy = float(row["accuracy"]) / 100 if row["accuracy"] else None
        else:
            later = re.search(name + _LATER, row["other"] or "")
            if later is None or (corpus == "meld" and row["dataset"].startswith(own)):
                continue
            score = float(later[1])
            source += f" ({later[2]})" if later[2] else ""
        reads = row["modalities_or_features"] or "not stated"
        found.append(Published(row["model"], row["year"] or "", reads, score / 100, accuracy, source))
    return sorted(found, key=lambda one: one.weighted_f1)


def lines_of(rows: Sequence[Published]) -> Iterator[str]:
    """The rows as Markdown, in per cent."""
    yield "| published | year | reads | accuracy | weighted F1 | source |"
    yield "|---|---|---|---|---|---|"
    for row in rows:
        accuracy = "" if row.accuracy is None else f"{100 * row.accuracy:.1f}"
        yield (
            f"| {row.model} | {row.year} | {row.reads} | {accuracy} | {100 * row.weighted_f1:.2f} "
            f"| {row.source} |"
        )
