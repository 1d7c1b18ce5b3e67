"""The one table: every corpus as a list of `Example`, read from and written to CSV and Parquet."""

from __future__ import annotations

import csv
import dataclasses
import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hearfelt.datasets.cells import (
    DIMENSIONS,
    PLAIN,
    Label,
    from_row,
    from_scale,
    joined,
    soft_text,
    to_row,
    votes_text,
)
from hearfelt.datasets.files import atomic, is_there, write_text
from hearfelt.datasets.rows import filled, rows_of
from hearfelt.errors import CorpusError, MissingExtraError
from hearfelt.labels import canonical
from hearfelt.types import Example

__all__ = ["COLUMNS", "check_files", "from_scale", "read", "relabel", "write"]

COLUMNS = ("file", "start", "end", "channel", *PLAIN, "gold", "votes", "soft", *DIMENSIONS, "scale")
"""The columns `write` writes; `read` needs ``file`` and one of ``gold``, ``emotion`` or ``votes``."""

_NUMBERS = ("start", "end", *DIMENSIONS)


def read(
    path: Path,
    *,
    audio: Path | None = None,
    defaults: Mapping[str, str] | None = None,
    label: Label = canonical,
    scale: str | None = None,
    problems: list[str] | None = None,
) -> list[Example]:
    """Examples of a CSV file with a header row (comma, semicolon or tab), or of a Parquet file.

    The segment of a row speaks with the voice of its column ``speaker``. Nothing is derived: a row that has
    votes and no gold label comes without one (see `hearfelt.datasets.votes.label`).

    Args:
        path: the table; ``.parquet`` is read as Parquet, all else as CSV in UTF-8.
        audio: folder that file names are relative to; the table's own folder where None.
        defaults: values for columns the table lacks or leaves empty, such as ``{"corpus": "emodb"}``.
        label: names the labels of the table; ``str`` takes them as they are.
        scale: what arousal, valence and dominance are given on, such as ``1..5``; in [-1, 1] where None, and
            in rows that have a ``scale``, which were converted before.
        problems: see `check_files`.

    Raises:
        CorpusError: no such file, a missing column, an unknown label, a rating outside its scale, or a sound
            file that is not there.
        MissingExtraError: a Parquet file without pyarrow.
    """
    path = Path(path)
    audio = path.parent if audio is None else Path(audio)
    parquet = path.suffix.lower() == ".parquet"
    names, rows = rows_of(path)
    if "file" not in names or not {"gold", "emotion", "votes"} & set(names):
        raise CorpusError(
            f"{path} has the columns {', '.join(names) or 'none'}: it needs file, and gold or emotion"
        )
    examples = []
    for count, row in enumerate(rows, start=1):
        values = {**(defaults or {}), **{key: value for key, value in row.items() if filled(value)}}
        where = f"{path.name}, row {count}" if parquet else f"{path.name}, line {count + 1}"
        if values.get("file"):
            values["file"] = joined(values["file"], audio)
        examples.append(from_row(values, label, where, scale))
    if not examples:
        raise CorpusError(f"{path} has no rows below its header: it must list at least one sound file")
    return check_files(examples, path, problems)


def write(examples: Sequence[Example], path: Path, *, audio: Path | None = None) -> None:
    """Write examples with `COLUMNS`, as Parquet where the name ends so, else as CSV.

    Args:
        examples: what to write.
        path: the table; it replaces one of that name only when it is whole.
        audio: a folder that file names are made relative to; as they are where None.

    Raises:
        CorpusError: the table cannot be written, or an example has raters and votes of different number.
        MissingExtraError: a Parquet file without pyarrow.
    """
    path = Path(path)
    rows = [to_row(example) for example in examples]
    if audio is not None:
        for row in rows:
            row["file"] = Path(os.path.relpath(row["file"], audio)).as_posix()
    if path.suffix.lower() == ".parquet":
        _write_parquet(rows, path)
        return
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS)
    writer.writeheader()
    for row in rows:
        votes, soft = votes_text(row["votes"] or ()), soft_text(row["soft"] or {})
        writer.writerow(row | {"votes": votes, "soft": soft})
    write_text(path, out.getvalue())


def relabel(
    examples: Sequence[Example], *, mapping: Mapping[str, str], drop: Sequence[str], labels: Sequence[str]
) -> list[Example]:
    """Examples with their labels renamed by ``mapping`` and those with a label in ``drop`` left out.

    Raises:
        CorpusError: a label that is then not in ``labels``.
    """
    kept = []
    for example in examples:
        if example.gold is None or example.gold in drop:
            continue
        gold = mapping.get(example.gold, example.gold)
        if gold not in labels:
            raise CorpusError(
                f"{example.file} has the label {gold!r}, which is none of {', '.join(labels)}: "
                "map it or drop it"
            )
        kept.append(dataclasses.replace(example, gold=gold))
    return kept


def check_files(
    examples: Sequence[Example], source: Path, problems: list[str] | None = None
) -> list[Example]:
    """The examples, if all their sound files are there.

    Args:
        problems: where there is a list, examples without a file are left out and a sentence is added to it.

    Raises:
        CorpusError: how many are missing, and the first; or nothing is left.
    """
    files = dict.fromkeys(e.file for e in examples)
    missing = dict.fromkeys(file for file in files if not is_there(Path(file)))
    if not missing:
        return list(examples)
    are = "is" if len(missing) == 1 else "are"
    sentence = (
        f"{len(missing)} of the {len(files)} files that {source} lists {are} not there, "
        f"the first is {next(iter(missing))}: restore them or take their rows out"
    )
    if problems is None or len(missing) == len(files):
        raise CorpusError(sentence)
    problems.append(sentence)
    return [e for e in examples if e.file not in missing]


def _write_parquet(rows: list[dict[str, Any]], path: Path) -> None:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise MissingExtraError(f"writing {path.name}", "pyarrow", "data") from None
    text, real = pyarrow.string(), pyarrow.float64()
    vote = pyarrow.struct([("rater", text), ("label", text)])
    kinds = {
        **dict.fromkeys(COLUMNS, text),
        **dict.fromkeys(_NUMBERS, real),
        "channel": pyarrow.int32(),
        "votes": pyarrow.list_(vote),
        "soft": pyarrow.map_(text, real),
    }
    for row in rows:
        row["votes"] = [{"rater": r, "label": v} for r, v in row["votes"]] if row["votes"] else None
        row["soft"] = list(row["soft"].items()) if row["soft"] else None
    table = pyarrow.Table.from_pylist(rows, schema=pyarrow.schema([(name, kinds[name]) for name in COLUMNS]))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic(path) as part:
            pyarrow.parquet.write_table(table, part)
    except OSError as error:
        raise CorpusError(
            f"{path} cannot be written ({error.strerror or error}): name another place"
        ) from None
