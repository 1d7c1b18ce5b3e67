"""The rows of a table as its file holds them: CSV with a header (comma, semicolon or tab), or Parquet."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from hearfelt.errors import CorpusError, MissingExtraError


def rows_of(path: Path) -> tuple[list[str], list[dict[str, Any]]]:
    """Names of the columns, and each row as a dict; ``.parquet`` is Parquet, all else CSV in UTF-8.

    Raises:
        CorpusError: no such file, or it is no such table.
        MissingExtraError: a Parquet file without pyarrow.
    """
    return _parquet(path) if path.suffix.lower() == ".parquet" else _csv(path)


def filled(value: Any) -> bool:
    """Whether a cell holds anything."""
    return value is not None and value != "" and value == value  # a NaN is what pandas writes for nothing


def _csv(path: Path) -> tuple[list[str], list[dict[str, Any]]]:
    if not path.is_file():
        corpus = path.name == "manifest.csv"
        what = "the folder of a corpus with its manifest.csv" if corpus else "a table as CSV or Parquet"
        raise CorpusError(f"{path} is not there: give {what}")
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            header = stream.readline()
            stream.seek(0)
            # Excel writes semicolons where the decimal sign is a comma.
            delimiter = max(",;\t", key=header.count)
            reader = csv.DictReader(stream, delimiter=delimiter)
            names = list(reader.fieldnames or ())
            rows = [{key: value for key, value in row.items() if key is not None} for row in reader]
    except OSError as error:
        raise CorpusError(f"{path} cannot be read ({error.strerror or error}): restore it") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise CorpusError(f"{path} is not a UTF-8 CSV table ({error}): save it as one") from None
    return names, rows


def _parquet(path: Path) -> tuple[list[str], list[dict[str, Any]]]:
    try:
        import pyarrow.parquet
    except ImportError:
        raise MissingExtraError(f"reading {path.name}", "pyarrow", "data") from None
    if not path.is_file():
        raise CorpusError(f"{path} is not there: give a table of examples as CSV or Parquet")
    try:
        # A ParquetFile reads this file alone; read_table would take names such as corpus=x for columns.
        with pyarrow.parquet.ParquetFile(path) as file:
            table = file.read()
    except (OSError, pyarrow.ArrowException) as error:
        raise CorpusError(f"{path} is not a Parquet table ({error}): save it as one") from None
    return list(table.column_names), table.to_pylist()
