"""A table of utterances to which one more rater adds votes; all its other cells stay as they are."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hearfelt.datasets.cells import soft_text, votes_of, votes_text
from hearfelt.datasets.files import atomic, write_text
from hearfelt.datasets.rows import filled, rows_of
from hearfelt.errors import CorpusError, MissingExtraError, OptionError
from hearfelt.labels import canonical
from hearfelt.types import Example

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "text": ("text", "utterance", "sentence"),
    "gold": ("gold", "emotion", "label"),
    "dialogue": ("dialogue", "dialogue_id", "conversation"),
    "speaker": ("speaker",),
    "role": ("role",),
    "language": ("language",),
    "corpus": ("corpus",),
    "file": ("file",),
    "start": ("start",),
    "end": ("end",),
    "channel": ("channel",),
}
"""What is read of a row, and the names, in any case, of the columns that may hold it."""

VOTES = "votes"


class AnnotatedTable:
    """The rows of a CSV or Parquet table, their texts, and everybody's votes on them.

    Votes of raters without names are named by their place (``vote 1``), since named and nameless ones cannot
    stand in one cell.

    Raises:
        CorpusError: no such table, no text in it, no rows, or votes that cannot be read.
        MissingExtraError: a Parquet file without pyarrow.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.columns, self.rows = rows_of(path)
        lower = {name.strip().casefold(): name for name in self.columns if name}
        self._named = {
            what: next((lower[name] for name in known if name in lower), None)
            for what, known in COLUMNS.items()
        }
        if self._named["text"] is None:
            raise CorpusError(
                f"{path} has no column {' or '.join(COLUMNS['text'])}, only "
                f"{', '.join(self.columns) or 'none'}: there is nothing to read"
            )
        if not self.rows:
            raise CorpusError(f"{path} has no rows below its header: give one row an utterance")
        self._votes_column = lower.get(VOTES, VOTES)
        self.votes = [
            votes_of(cell if filled(cell) else None, f"{path.name}, row {n}")
            for n, cell in enumerate((row.get(self._votes_column) for row in self.rows), start=1)
        ]
        self.nameless = any(rater is None for votes in self.votes for rater, _ in votes)
        self.votes = [
            [(rater or f"vote {n}", known(vote)) for n, (rater, vote) in enumerate(votes, start=1)]
            for votes in self.votes
        ]

    def cell(self, row: int, what: str) -> str:
        """A cell of a row as text, by a name in `COLUMNS`; empty where it holds nothing."""
        column = self._named[what]
        value = self.rows[row].get(column) if column is not None else None
        return str(value).strip() if filled(value) else ""

    def gold(self, row: int) -> str | None:
        """The label of a row, by the name used here where there is one."""
        return known(self.cell(row, "gold")) or None

    def labels(self) -> tuple[str, ...]:
        """Every label that somebody gave, sorted."""
        given = {label for votes in self.votes for _, label in votes}
        return tuple(sorted(given | {label for n in range(len(self.rows)) if (label := self.gold(n))}))

    def vote(self, row: int, rater: str, label: str | None) -> None:
        """Sets a rater's vote on a row, instead of an earlier one of the same rater; None takes it away."""
        others = [(name, vote) for name, vote in self.votes[row] if name != rater]
        self.votes[row] = others if label is None else [*others, (rater, label)]

    def examples(self, *, without: str | None = None) -> list[Example]:
        """The rows as examples that hold gold and votes, those of one rater left out."""
        found = []
        for n, votes in enumerate(self.votes):
            kept = [(rater, vote) for rater, vote in votes if rater != without]
            found.append(
                Example(
                    self.cell(n, "file") or f"row {n + 1}",
                    self.gold(n),
                    votes=tuple(vote for _, vote in kept),
                    raters=tuple(str(rater) for rater, _ in kept),
                )
            )
        return found

    def write(self, out: Path) -> None:
        """The table with the votes: Parquet where the name ends so, else CSV.

        A file of sound that is named relative to the table is named so that it is found from anywhere.

        Raises:
            CorpusError: it cannot be written.
            MissingExtraError: a Parquet file without pyarrow.
        """
        if out.suffix.lower() == ".parquet":
            self._write_parquet(out)
        else:
            self._write_csv(out)

    def _cells(self, row: int, out: Path) -> dict[str, Any]:
        cells = {name: self.rows[row].get(name) for name in self.columns}
        file = self._named["file"]
        if file is not None and filled(cells[file]) and out.resolve().parent != self.path.resolve().parent:
            sound = self.path.parent / str(cells[file])
            cells[file] = str(sound.resolve()) if sound.exists() else cells[file]
        return cells

    def _write_csv(self, out: Path) -> None:
        names = [*self.columns, *([] if self._votes_column in self.columns else [self._votes_column])]
        text = io.StringIO()
        writer = csv.DictWriter(text, names)
        writer.writeheader()
        for n, votes in enumerate(self.votes):
            cells = {name: _plain(value) for name, value in self._cells(n, out).items()}
            writer.writerow(cells | {self._votes_column: votes_text(votes)})
        write_text(out, text.getvalue())

    def _write_parquet(self, out: Path) -> None:
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError:
            raise MissingExtraError(f"writing {out.name}", "pyarrow", "data") from None
        rows = [self._cells(n, out) for n in range(len(self.rows))]
        columns = [name for name in self.columns if name != self._votes_column]
        try:
            schema = pyarrow.schema([(name, pyarrow.string()) for name in columns])
            if self.path.suffix.lower() == ".parquet":
                schema = pyarrow.parquet.read_schema(self.path)
                schema = pyarrow.schema([field for field in schema if field.name in columns])
            table = pyarrow.Table.from_pylist(rows, schema=schema)
            vote = pyarrow.struct([("rater", pyarrow.string()), ("label", pyarrow.string())])
            listed = [[{"rater": r, "label": v} for r, v in votes] or None for votes in self.votes]
            table = table.append_column(self._votes_column, pyarrow.array(listed, pyarrow.list_(vote)))
            out.parent.mkdir(parents=True, exist_ok=True)
            with atomic(out) as part:
                pyarrow.parquet.write_table(table, part)
        except (OSError, pyarrow.ArrowException) as error:
            raise CorpusError(f"{out} cannot be written ({error}): name another place") from None


def known(label: str) -> str:
    """The name used here for a label; as it is where there is none."""
    try:
        return canonical(label)
    except OptionError:
        return label.strip()


def _plain(value: Any) -> Any:
    """A cell as text: the shares of a soft label, which Parquet holds as a map, as the table writes them."""
    if isinstance(value, Mapping):
        return soft_text(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        pairs = [item for item in value if isinstance(item, tuple) and len(item) == 2]
        return soft_text(dict(pairs)) if len(pairs) == len(value) else "; ".join(map(str, value))
    return "" if value is None else value
