"""A user's own table of dialogue: CSV or Parquet, one row a line."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hearfelt.datasets.dialogue.base import MEASURES, SPLITS, Dialogues, Line, check, deal, ordered
from hearfelt.datasets.rows import filled, rows_of
from hearfelt.errors import CorpusError

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "text": ("text", "utterance", "sentence"),
    "label": ("label", "emotion", "gold"),
    "dialogue": ("dialogue", "dialogue_id", "conversation"),
    "number": ("number", "utterance_id", "turn"),
    "speaker": ("speaker",),
    "split": ("split",),
    "language": ("language",),
}
"""What a line needs (text and label) and may have, and the names of the columns that may hold it."""

_PARTS = {name: name for name in SPLITS} | {"valid": "dev", "validation": "dev", "val": "dev"}
DEV_SHARE, TEST_SHARE = 0.1, 0.2


def read_table(path: Path, *, seed: int = 0, language: str = "") -> Dialogues:
    """The lines of a table.

    A table without a column of dialogues has lines that stand alone; one without numbers has its lines in
    order. Without a column ``split`` whole dialogues are dealt by ``seed``: a fifth to test on, a tenth for
    choices; where a split names no part for choices, a tenth of the training dialogues becomes it.
    Columns with the names of `MEASURES` are vocal measures; empty ones are unknown.

    Args:
        language: of lines that name none.

    Raises:
        CorpusError: no such table, a column that is missing, an empty text, a part of the split that is not
            known, a number that is none, or what `check` refuses.
        MissingExtraError: a Parquet file without pyarrow.
    """
    names, rows = rows_of(path)
    columns = _columns(path, names)
    measures = tuple(name for name in MEASURES if name in names)
    lines = [
        _line(row, columns, measures, count, f"{path.name}, row {count + 1}", language)
        for count, row in enumerate(rows)
    ]
    if not lines:
        raise CorpusError(f"{path} has no rows below its header: give one row a line of dialogue")
    lines, protocol = _dealt(lines, "split" in columns, seed)
    labels = tuple(sorted({line.label for line in lines if line.label is not None}))
    return check(Dialogues(path.stem, ordered(lines), labels, measures, protocol, "the user's own", True))


def _columns(path: Path, names: Sequence[str]) -> dict[str, str]:
    lower = {name.strip().lower(): name for name in names if name}
    found = {}
    for what, known in COLUMNS.items():
        for name in known:
            if name in lower:
                found[what] = lower[name]
                break
    missing = [what for what in ("text", "label") if what not in found]
    if missing:
        wanted = " and ".join(f"{what} (or {', '.join(COLUMNS[what][1:])})" for what in missing)
        raise CorpusError(
            f"{path} has the columns {', '.join(names) or 'none'}: a table of dialogue needs {wanted}; "
            "dialogue, number, speaker, split and language are read where they are there"
        )
    return found


def _line(
    row: Mapping[str, Any],
    columns: Mapping[str, str],
    measures: Sequence[str],
    count: int,
    where: str,
    language: str,
) -> Line:
    cells = {what: row.get(name) for what, name in columns.items()}
    cells = {what: value for what, value in cells.items() if filled(value)}
    text = str(cells.get("text", "")).strip()
    if not text:
        raise CorpusError(f"{where} has an empty {columns['text']}: write what is said, or take the row out")
    split = str(cells.get("split", "")).strip().lower()
    if "split" in columns and split not in _PARTS:
        raise CorpusError(f"{where} has the split {split!r}; known: {', '.join(_PARTS)}")
    dialogue = cells.get("dialogue")
    return Line(
        dialogue=str(count) if dialogue is None else str(dialogue),
        number=_number(cells.get("number", count), f"{where}, column {columns.get('number')}"),
        speaker=str(cells.get("speaker", "")),
        text=text,
        label=str(cells["label"]).strip() if "label" in cells else None,
        split=_PARTS.get(split, "train"),
        measures=tuple(_measure(row.get(name), f"{where}, column {name}") for name in measures),
        language=str(cells.get("language", language)),
    )


def _number(value: Any, where: str) -> int:
    try:
        return int(str(value))
    except ValueError:
        raise CorpusError(f"{where} is {value!r}: number the lines of a dialogue 0, 1, 2") from None


def _measure(value: Any, where: str) -> float:
    if not filled(value):
        return math.nan
    try:
        found = float(value)
    except (TypeError, ValueError):
        found = math.inf
    if math.isinf(found):
        raise CorpusError(f"{where} is {value!r}: give a number, or leave it empty where it is not known")
    return found


def _dealt(lines: list[Line], has_split: bool, seed: int) -> tuple[list[Line], str]:
    if not has_split:
        dealt = deal(lines, [("test", TEST_SHARE), ("dev", DEV_SHARE)], seed, "train")
        return dealt, f"the table names no split: 70 / 10 / 20 % of its dialogues dealt by seed {seed}"
    if any(line.split == "dev" for line in lines):
        return lines, "the split of the table"
    learnt = deal([line for line in lines if line.split == "train"], [("dev", DEV_SHARE)], seed)
    rest = [line for line in lines if line.split != "train"]
    return (
        learnt + rest,
        f"the split of the table; a tenth of its training dialogues for choices, dealt by seed {seed}",
    )
