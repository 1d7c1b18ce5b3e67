"""Predictions of any system, read from a CSV file and laid beside the clips of a gold table."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hearfelt.errors import CorpusError, OptionError
from hearfelt.evaluation.answers import Answers, answered
from hearfelt.labels import canonical
from hearfelt.types import Example

DIMENSIONS = ("arousal", "valence", "dominance")
LABEL_COLUMNS = ("label", "emotion", "predicted", "prediction", "pred", "labels")
"""Names of the column with the answered label, the first that is there counts."""


def read(path: Path, examples: Sequence[Example]) -> Answers:
    """The predictions of a CSV file about the clips of a gold table.

    Columns: ``file`` (the path, or the end of it that no other clip shares); ``start`` and ``end`` in seconds
    (or ``start_s``, ``end_s``) where the gold table has several clips a file; one of `LABEL_COLUMNS`, or a
    column of probabilities for each label, or both; if there, ``arousal``, ``valence``, ``dominance`` in
    [-1, 1] and ``label_set`` (labels with commas between). Other columns are passed over. The order of rows
    does not matter.

    Raises:
        CorpusError: the file cannot be read, lacks columns, names a clip twice or one that the gold table
            lacks, misses a clip, or gives something that is no probability.
    """
    names, rows = _rows(path)
    known = {str(e.gold) for e in examples if e.gold}
    columns = {name: label for name in names if (label := _label(name, known)) is not None}
    answer = next((name for name in LABEL_COLUMNS if name in names), None)
    if "file" not in names or (answer is None and len(columns) < 2):
        raise CorpusError(
            f"{path} has the columns {', '.join(names) or 'none'}: it needs file, and label or a column of "
            "probabilities for each label"
        )
    if len(set(columns.values())) < len(columns):
        raise CorpusError(f"{path} has two columns for one label ({', '.join(columns)}): keep one of them")
    ordered = _matched(path, rows, examples)
    labels = tuple(columns.values())
    table = None
    if len(columns) > 1:
        table = np.array([[_number(path, row, name) for name in columns] for row in ordered])
    predicted = None
    if answer is not None:
        predicted = [_answer(path, row, answer, known) for row in ordered]
        if table is None:
            labels = tuple(sorted(known | set(predicted)))
        elif set(predicted) - set(labels):
            # Such as "uncertain": the label column is what somebody was told, the probabilities decide.
            predicted = None
    ratings = {
        name: np.array([_rating(path, row, name) for row in ordered]) for name in DIMENSIONS if name in names
    }
    sets = _sets(path, ordered, labels, known) if "label_set" in names else None
    return answered(
        examples, labels, table, predicted=predicted, ratings=ratings, sets=sets, who=str(path.name)
    )


def _rows(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            names = [str(name) for name in reader.fieldnames or ()]
            rows = [{key: value or "" for key, value in row.items() if key is not None} for row in reader]
    except OSError as error:
        raise CorpusError(
            f"the predictions {path} cannot be read ({error.strerror or error}): name a CSV file"
        ) from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise CorpusError(f"{path} is not a UTF-8 CSV table ({error}): save it as one") from None
    if not rows:
        raise CorpusError(f"{path} has no rows below its header: it must hold at least one prediction")
    return names, rows


def _label(text: str, known: set[str]) -> str | None:
    """A column name or cell as a label: one of the gold table, or one that hearfelt knows."""
    if text in known:
        return text
    try:
        return canonical(text)
    except OptionError:
        return None


def _answer(path: Path, row: Mapping[str, str], column: str, known: set[str]) -> str:
    text = row[column].strip()
    if not text:
        raise CorpusError(f"{path} has no {column} for {row['file']}: predict it or take its row out")
    return _label(text, known) or text


def _rating(path: Path, row: Mapping[str, str], column: str) -> float:
    """A rating in [-1, 1]; NaN where the cell is empty."""
    if not row[column].strip():
        return float("nan")
    value = _number(path, row, column)
    if abs(value) > 1:
        raise CorpusError(
            f"{path} gives {row['file']} the {column} {value:g}: ratings lie in [-1, 1], bring those of "
            "other scales there"
        )
    return value


def _number(path: Path, row: Mapping[str, str], column: str) -> float:
    text = row[column].strip()
    try:
        return float(text)
    except ValueError:
        raise CorpusError(f"{path} gives {row['file']} the {column} {text!r}: it must be a number") from None


def _sets(
    path: Path, rows: Sequence[Mapping[str, str]], labels: tuple[str, ...], known: set[str]
) -> npt.NDArray[np.bool_]:
    table = np.zeros((len(rows), len(labels)), dtype=bool)
    for i, row in enumerate(rows):
        for part in filter(None, (part.strip() for part in row["label_set"].split(","))):
            label = _label(part, known) or part
            if label not in labels:
                raise CorpusError(
                    f"{path} gives {row['file']} a label set with {part!r}, which is none of "
                    f"{', '.join(labels)}: correct it"
                )
            table[i, labels.index(label)] = True
    return table


def _matched(path: Path, rows: Sequence[dict[str, str]], examples: Sequence[Example]) -> list[dict[str, str]]:
    """The row of each example, in order."""
    find = _finder(examples)
    found: dict[int, dict[str, str]] = {}
    for row in rows:
        start = row.get("start") or row.get("start_s") or ""
        place = find(row["file"], round(float(start), 2) if _is_number(start) else None)
        if place is None:
            when = f" from {start} s" if start else ""
            raise CorpusError(
                f"{path} predicts {row['file']}{when}, which the gold table does not have: take the row out, "
                "or give the gold table that it belongs to"
            )
        if place in found:
            raise CorpusError(f"{path} predicts {row['file']} twice: keep one row a clip")
        found[place] = row
    missing = [e.file for i, e in enumerate(examples) if i not in found]
    if missing:
        raise CorpusError(
            f"{path} predicts {len(found)} of the {len(examples)} clips of the gold table, the first without "
            f"is {missing[0]}: predict it, or take it out of the gold table"
        )
    return [found[i] for i in range(len(examples))]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _finder(examples: Sequence[Example]) -> Callable[[str, float | None], int | None]:
    """Position of the example that a file name and a start in seconds point to, or None."""
    several: dict[tuple[str, ...], list[int]] = {}
    for i, example in enumerate(examples):
        parts = Path(example.file).parts
        for n in range(1, len(parts) + 1):
            several.setdefault(parts[-n:], []).append(i)

    def find(file: str, start_s: float | None) -> int | None:
        parts = tuple(part for part in Path(file.replace("\\", "/")).parts if part not in ("/", "."))
        whole = Path(file).parts if Path(file).parts in several else parts
        places = several.get(whole, [])
        if len({examples[i].file for i in places}) > 1:
            return None
        if len(places) > 1 or (places and start_s is not None and examples[places[0]].segment):
            places = [i for i in places if _starts(examples[i], start_s)]
        return places[0] if len(places) == 1 else None

    return find


def _starts(example: Example, start_s: float | None) -> bool:
    begun = example.segment.start_s if example.segment else 0.0
    return start_s is not None and abs(begun - start_s) <= 0.01
