"""Dialogues as tables of lines: known corpora (``text/NAME`` of the data) and a user's own."""

from __future__ import annotations

from pathlib import Path

from hearfelt.datasets.dialogue.base import MEASURES, SPLITS, Dialogues, Line, grouped
from hearfelt.datasets.dialogue.corpora import CORPORA, DialogueCorpus, read_corpus
from hearfelt.datasets.dialogue.table import COLUMNS, read_table

__all__ = [
    "COLUMNS",
    "CORPORA",
    "MEASURES",
    "SPLITS",
    "DialogueCorpus",
    "Dialogues",
    "Line",
    "grouped",
    "read",
    "read_corpus",
    "read_table",
]


def read(source: str, data: Path, *, seed: int = 0) -> Dialogues:
    """A known corpus by its name, else a table by its path.

    Args:
        data: the folder that holds ``text/`` of known corpora.
        seed: deals the dialogues of a table without a split.

    Raises:
        OptionError: a word that is neither.
        CorpusError: see `read_corpus` and `read_table`.
        MissingExtraError: a Parquet file without pyarrow.
    """
    path = Path(source)
    if source in CORPORA or not (path.suffix or path.exists()):
        return read_corpus(source, data)
    return read_table(path, seed=seed)
