"""CSV of Nkululeko's shape: file, start and end as time spans (``0 days 00:00:01.5``), emotion, speaker …

It is audformat's segmented index as a table, which pandas writes so.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hearfelt.datasets.cells import DIMENSIONS, from_row
from hearfelt.datasets.corpora.sounds import rows
from hearfelt.datasets.files import write_text
from hearfelt.datasets.formats.base import Locator, ReadOptions
from hearfelt.datasets.manifest import check_files
from hearfelt.errors import CorpusError
from hearfelt.types import Example

_SPAN = re.compile(
    r"(?:(?P<days>\d+) days? ?)?(?:(?P<hours>\d+):(?P<minutes>\d+):(?P<seconds>\d+(?:\.\d+)?))?"
)
_NOTHING = ("", "NaT", "nan", "NaN", "None")
_COLUMNS = (
    "file",
    "start",
    "end",
    "emotion",
    "speaker",
    "gender",
    "language",
    "text",
    "split",
    "intensity",
    *DIMENSIONS,
)


def recognises(path: Path) -> bool:
    """A CSV file whose times are spans."""
    if path.suffix.lower() != ".csv" or not path.is_file():
        return False
    with path.open(encoding="utf-8-sig", errors="replace") as stream:
        names, first = stream.readline().strip().split(","), stream.readline()
    return {"file", "start", "end"} <= set(names) and (" days" in first or "NaT" in first)


def read(path: Path, options: ReadOptions) -> list[Example]:
    """Examples of the table; a stretch without an end goes on to the end of its file.

    Raises:
        CorpusError: a missing table, column or sound file, or an unknown label.
    """
    if not path.is_file():
        raise CorpusError(f"{path} is not there: give a CSV file with the columns file and emotion")
    locate = Locator(options.audio or path.parent)
    examples = []
    for number, row in enumerate(rows(path, "file", "emotion"), start=2):
        where = f"{path.name}, line {number}"
        values: dict[str, Any] = {name: cell for name, cell in row.items() if cell not in _NOTHING}
        start_s, end_s = (_seconds(values.pop(name, ""), where) for name in ("start", "end"))
        if end_s is not None:
            values |= {"start": start_s or 0.0, "end": end_s}
        elif start_s:
            raise CorpusError(f"{where} starts at {start_s:g} s and has no end: fill in the column end")
        if "file" in values:
            values["file"] = locate(values["file"])
        values.setdefault("corpus", options.corpus)
        examples.append(from_row(values, options.label, where, options.scale))
    if not examples:
        raise CorpusError(f"{path} has no rows below its header: it must list at least one sound file")
    return check_files(examples, path, options.problems)


def write(examples: Sequence[Example], path: Path) -> None:
    """Write the table; the gold label stands in ``emotion``.

    Raises:
        CorpusError: it cannot be written.
    """
    out = io.StringIO()
    writer = csv.DictWriter(out, _COLUMNS)
    writer.writeheader()
    for example in examples:
        row = {name: getattr(example, name, None) for name in _COLUMNS}
        segment = example.segment
        row |= {
            "start": _span(segment.start_s if segment else 0.0),
            "end": _span(segment.end_s) if segment else "",
            "emotion": example.gold,
        }
        writer.writerow(row)
    write_text(path, out.getvalue())


def _seconds(cell: str, where: str) -> float | None:
    if not cell:
        return None
    match = _SPAN.fullmatch(cell.strip())
    if match is not None and match[0]:
        parts = {name: float(value or 0) for name, value in match.groupdict().items()}
        return 86400 * parts["days"] + 3600 * parts["hours"] + 60 * parts["minutes"] + parts["seconds"]
    try:
        return float(cell)
    except ValueError:
        raise CorpusError(f"{where}: {cell!r} is no time: write 0 days 00:00:01.5, or seconds") from None


def _span(seconds: float) -> str:
    """A time as pandas writes it, to the nanosecond."""
    whole, nano = divmod(round(seconds * 1e9), 10**9)
    days, rest = divmod(whole, 86400)
    return f"{days} days {rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}.{nano:09}"
