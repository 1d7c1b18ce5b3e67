"""The one table: every corpus as a list of `Example`, read from and written to CSV."""

from __future__ import annotations

import csv
import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from hearfelt.errors import CorpusError, OptionError
from hearfelt.labels import canonical
from hearfelt.types import Example, Segment

COLUMNS = (
    "file",
    "start",
    "end",
    "speaker",
    "gender",
    "language",
    "text",
    "corpus",
    "split",
    "licence",
    "intensity",
    "gold",
    "arousal",
    "valence",
    "dominance",
)
"""The columns `write` writes; `read` needs ``file`` and one of ``gold`` or ``emotion``."""


def read(
    path: Path, *, audio: Path | None = None, defaults: Mapping[str, str] | None = None
) -> list[Example]:
    """Examples of a CSV file with a header row.

    Args:
        path: the CSV file, UTF-8.
        audio: folder that file names are relative to; the CSV's own folder where None.
        defaults: values for columns the CSV lacks or leaves empty, such as ``{"corpus": "emodb"}``.

    Raises:
        CorpusError: no such file, a missing column, an unknown label, a rating outside [-1, 1], or a sound
            file that is not there.
    """
    audio = path.parent if audio is None else audio
    examples = []
    for number, row in enumerate(_rows(path), start=2):
        values = {**(defaults or {}), **{key: value for key, value in row.items() if value}}
        examples.append(_example(values, audio, f"{path.name}, line {number}"))
    if not examples:
        raise CorpusError(f"{path} has no rows below its header: it must list at least one sound file")
    missing = [e.file for e in examples if not Path(e.file).is_file()]
    if missing:
        raise CorpusError(
            f"{len(missing)} of the {len(examples)} files that {path} lists are not there, "
            f"the first is {missing[0]}: restore them or take their rows out"
        )
    return examples


def write(examples: Sequence[Example], path: Path) -> None:
    """Write examples as CSV with `COLUMNS`; file names are written as they are."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, COLUMNS)
        writer.writeheader()
        for example in examples:
            row = {f.name: getattr(example, f.name) for f in dataclasses.fields(example) if f.name in COLUMNS}
            if example.segment is not None:
                row |= {"start": example.segment.start_s, "end": example.segment.end_s}
            writer.writerow(row)


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


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        raise CorpusError(f"{path} is not there: give the folder of a corpus with its manifest.csv")
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            names = reader.fieldnames or ()
            rows = [dict(row) for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise CorpusError(f"{path} is not a UTF-8 CSV table ({error}): save it as one") from None
    if "file" not in names or not {"gold", "emotion"} & set(names):
        raise CorpusError(
            f"{path} has the columns {', '.join(names) or 'none'}: it needs file, and gold or emotion"
        )
    return rows


def _example(values: Mapping[str, str], audio: Path, where: str) -> Example:
    if not values.get("file"):
        raise CorpusError(f"{where} names no file: fill in the column file")
    label = values.get("gold") or values.get("emotion")
    try:
        gold = canonical(label) if label else None
        segment = None
        if values.get("start") or values.get("end"):
            segment = Segment(float(values["start"]), float(values["end"]), values.get("speaker"))
    except OptionError as error:
        raise CorpusError(f"{where}: {error}") from None
    except (KeyError, ValueError):
        raise CorpusError(f"{where}: start and end must both be numbers of seconds") from None
    return Example(
        file=str(audio / values["file"]),
        gold=gold,
        segment=segment,
        speaker=values.get("speaker"),
        gender=values.get("gender"),
        language=values.get("language"),
        text=values.get("text"),
        corpus=values.get("corpus", ""),
        split=values.get("split"),
        licence=values.get("licence", ""),
        intensity=values.get("intensity"),
        arousal=_rating(values, "arousal", where),
        valence=_rating(values, "valence", where),
        dominance=_rating(values, "dominance", where),
    )


def _rating(values: Mapping[str, str], name: str, where: str) -> float | None:
    text = values.get(name)
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not -1 <= value <= 1:
        raise CorpusError(
            f"{where}: {name} is {text!r}: it must be a number in [-1, 1], or empty where nobody rated it"
        )
    return value
