"""Labelled utterances as examples for a language model: those that are like the one it is asked about.

Choosing examples by likeness: J. Liu et al.: What makes good in-context examples for GPT-3? DeeLIO 2022.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hearfelt import labels as names
from hearfelt.errors import CorpusError, MissingExtraError, OptionError
from hearfelt.language.judge.cache import Cache, default_folder
from hearfelt.language.judge.question import Shot
from hearfelt.language.judge.similar import SentenceEncoder, Texts, same

TEXT = ("text", "utterance", "sentence")
LABEL = ("gold", "emotion", "label")
"""Names of the columns, in any case; the first that a table has counts."""


@dataclass(frozen=True, slots=True)
class ShotOptions:
    """How examples are chosen.

    Args:
        count: how many are shown.
        balanced: one of each label before a second of any, so that the examples favour no label.
    """

    count: int = 4
    balanced: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.count <= 32:
            raise OptionError(f"{self.count} examples were asked for: show 1 to 32, such as 4")


class Examples:
    """Labelled utterances, to be asked for those that are like another one.

    Args:
        shots: all of them.
        options: how they are chosen.
        encoder: see `Texts`; None compares characters alone.
        cache: folder in which vectors (no texts) are kept; None keeps none.
        progress: called with the number of utterances that are ready.
    """

    def __init__(
        self,
        shots: Sequence[Shot],
        options: ShotOptions = ShotOptions(),
        *,
        encoder: SentenceEncoder | None = None,
        cache: Path | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        self.shots = tuple(shots)
        self.options = options
        texts = [shot.text for shot in self.shots]
        self._same = [same(text) for text in texts]
        self._texts = Texts(texts, encoder, Cache(cache) if cache is not None else None, progress)

    @property
    def about(self) -> str:
        """What they are, in words."""
        counts = Counter(shot.label for shot in self.shots).most_common()
        labels = ", ".join(f"{label} {count}" for label, count in counts)
        even = ", balanced over labels" if self.options.balanced else ""
        return f"{len(self.shots)} labelled utterances ({labels}), {self.options.count} shown each time{even}"

    def like(self, text: str) -> tuple[Shot, ...]:
        """The examples for a text, the most alike first: never the text itself, and no text twice."""
        return tuple(self.shots[place] for place in self.places(text))

    def places(self, text: str) -> list[int]:
        """As `like`, by their places in ``shots``."""
        likeness = self._texts.likeness(text)
        ranked = self._ranked(likeness, same(text))
        if not self.options.balanced:
            return [place for place, _ in zip(ranked, range(self.options.count), strict=False)]
        by_label: dict[str, list[int]] = {}
        n_labels = len({shot.label for shot in self.shots})
        each = -(-self.options.count // max(n_labels, 1))
        for place in ranked:
            mine = by_label.setdefault(self.shots[place].label, [])
            if len(mine) < each:
                mine.append(place)
            if sum(map(len, by_label.values())) == each * n_labels:
                break
        rounds = [mine[turn] for turn in range(each) for mine in by_label.values() if turn < len(mine)]
        return sorted(rounds[: self.options.count], key=lambda place: (-likeness[place], place))

    def _ranked(self, likeness: Any, itself: str) -> Iterator[int]:
        """Places by likeness, without the text itself and repetitions; equals in the order of the table."""
        seen = {itself}
        for place in np.argsort(-likeness, kind="stable").tolist():
            if self._same[place] not in seen:
                seen.add(self._same[place])
                yield place


def open_table(
    path: Path,
    labels: Sequence[str] = names.EKMAN7,
    options: ShotOptions = ShotOptions(),
    *,
    keep: bool = True,
    progress: Callable[[int], None] | None = None,
) -> Examples:
    """The labelled utterances of a table, ready to be asked, by the shipped text model.

    Args:
        path, labels: see `load`.
        keep: whether vectors are kept in the user's cache (texts never are).
        progress: called with the number of utterances that are ready.

    Raises:
        CorpusError, MissingExtraError: see `load`.
    """
    shots, _ = load(path, labels)
    cache = default_folder() if keep else None
    return Examples(shots, options, encoder=SentenceEncoder(), cache=cache, progress=progress)


def load(
    path: Path, labels: Sequence[str] = names.EKMAN7, speakers: bool = True
) -> tuple[list[Shot], Mapping[str, int]]:
    """The labelled utterances of a table: CSV with a header, JSON Lines, or Parquet.

    Needed are a text (`TEXT`) and a label (`LABEL`); ``cues`` (a list, or words with ``;`` between) and
    ``speaker`` are read where they are there. Any table of `hearfelt data` with text and gold is one; the
    sound need not be there.

    Args:
        labels: what may be answered; rows of other labels are left out.
        speakers: whether names of speakers are read.

    Returns:
        The utterances, and why how many rows were left out: ``no text``, ``no label``, or their label.

    Raises:
        CorpusError: no such file, no such columns, or no usable row.
        MissingExtraError: a Parquet file without pyarrow.
    """
    columns, rows = _read(path)
    found = {name.strip().casefold(): name for name in columns}
    text = next((found[name] for name in TEXT if name in found), None)
    label = next((found[name] for name in LABEL if name in found), None)
    if text is None or label is None:
        lacks = " and ".join(
            f"no column {' or '.join(wanted)}"
            for wanted, there in ((TEXT, text), (LABEL, label))
            if there is None
        )
        raise CorpusError(f"{path} has {lacks}, only {', '.join(columns) or 'none'}: name them so")
    shots: list[Shot] = []
    left_out: Counter[str] = Counter()
    for row in rows:
        said, called = _cell(row.get(text)), _cell(row.get(label))
        known = _label(called, labels) if called else None
        if not said or known is None:
            left_out["no text" if not said else called or "no label"] += 1
            continue
        who = _cell(row.get(found.get("speaker", ""))) if speakers else ""
        shots.append(Shot(said, known, _cues(row.get(found.get("cues", ""))), who or None))
    if not shots:
        why = ", ".join(f"{name} ({count})" for name, count in left_out.most_common(8)) or "no rows"
        raise CorpusError(
            f"{path} has no labelled utterance that can be shown: {why}; wanted are texts labelled "
            f"{', '.join(labels)}"
        )
    return shots, dict(left_out)


def _label(called: str, labels: Sequence[str]) -> str | None:
    if called in labels:
        return called
    try:
        known = names.canonical(called)
    except OptionError:
        return None
    return known if known in labels else None


def _cell(value: Any) -> str:
    """A cell as text; what pandas writes for nothing is nothing."""
    return "" if value is None or value != value else str(value).strip()


def _cues(value: Any) -> tuple[str, ...]:
    if isinstance(value, list | tuple):
        return tuple(cue for cue in map(_cell, value) if cue)
    return tuple(cue.strip() for cue in _cell(value).split(";") if cue.strip())


def _read(path: Path) -> tuple[list[str], list[dict[str, Any]]]:
    """Names of the columns, and the rows."""
    readers = {".parquet": _parquet, ".jsonl": _json_lines, ".ndjson": _json_lines}
    try:
        if not path.is_file():
            raise CorpusError(f"{path} is not there: give a table of labelled utterances")
        return readers.get(path.suffix.lower(), _csv)(path)
    except OSError as error:
        raise CorpusError(f"{path} cannot be read ({error.strerror or error}): restore it") from None
    except (ValueError, csv.Error, RecursionError) as error:
        raise CorpusError(
            f"{path} cannot be read ({error}): give a CSV table in UTF-8, JSON Lines, or Parquet"
        ) from None


def _csv(path: Path) -> tuple[list[str], list[dict[str, Any]]]:
    with path.open(newline="", encoding="utf-8-sig") as stream:
        header = stream.readline()
        stream.seek(0)
        reader = csv.DictReader(stream, delimiter=max(",;\t", key=header.count))
        columns = list(reader.fieldnames or ())
        return columns, [{key: value for key, value in row.items() if key is not None} for row in reader]


def _json_lines(path: Path) -> tuple[list[str], list[dict[str, Any]]]:
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), start=1):
        if not line.strip():
            continue
        row = json.loads(line)
        if not isinstance(row, dict):
            raise ValueError(f"line {number} is no JSON object")
        rows.append(row)
    return list(dict.fromkeys(name for row in rows for name in row)), rows


def _parquet(path: Path) -> tuple[list[str], list[dict[str, Any]]]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise MissingExtraError(f"reading {path.name}", "pyarrow", "data") from None
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            table = file.read()
    except pyarrow.ArrowException as error:
        raise ValueError(str(error)) from None
    return list(table.column_names), table.to_pylist()
