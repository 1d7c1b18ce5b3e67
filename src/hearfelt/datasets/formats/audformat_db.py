"""An audformat database: ``db.yaml`` and its tables (audEERING's audformat, by its own library).

Every table with a column ``emotion`` gives examples; its split is theirs. Columns with a rater that share the
scheme of that column are votes. Speakers, texts and dimensions are taken from any table that has them.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hearfelt.datasets import votes
from hearfelt.datasets.cells import from_scale
from hearfelt.datasets.formats.base import Locator, ReadOptions
from hearfelt.datasets.manifest import check_files
from hearfelt.errors import CorpusError, MissingExtraError, OptionError
from hearfelt.types import Example, Segment

_HEADER = "db.yaml"
_EMOTION = "emotion"
_DIMENSIONS = {"arousal": "arousal", "valence": "valence", "dominance": "dominance", "activation": "arousal"}
_TEXTS = ("text", "transcription", "transcript")
_HUMAN = "human"

Place = tuple[str, float, float | None]
"""File, start and end in seconds; the end is None where the stretch goes on to the end."""


def recognises(path: Path) -> bool:
    """A folder with a ``db.yaml``, or that file."""
    return (path / _HEADER).is_file() or path.name == _HEADER


def read(path: Path, options: ReadOptions) -> list[Example]:
    """Examples of a database.

    Args:
        path: its folder.
        options: ``split`` names a table where only one of them is wanted.

    Raises:
        CorpusError: no or a broken database, no table with a column emotion, an unknown label, a rating
            outside its scheme, or a sound file that is not there.
        MissingExtraError: audformat is not installed.
    """
    audformat = _library(f"reading {path.name}")
    folder = path.parent if path.name == _HEADER else path
    if not (folder / _HEADER).is_file():
        raise CorpusError(f"{folder} holds no {_HEADER}: give the folder of an audformat database")
    try:
        with _quiet():
            db = audformat.Database.load(str(folder), load_data=True)
    except Exception as error:  # the library raises whatever its YAML and CSV readers raise
        raise CorpusError(f"{folder} cannot be read as an audformat database ({error}): restore it") from None
    tables = [name for name in db.tables if _EMOTION in db[name].columns]
    if options.split is not None:
        tables = [name for name in tables if name == options.split]
    if not tables:
        raise CorpusError(
            f"{folder} has the tables {', '.join(db.tables) or 'none'}: one of them needs a column {_EMOTION}"
        )
    facts = _Facts(db)
    locate = Locator(options.audio or folder)
    found: dict[Place, Example] = {}
    for name in tables:
        for place, row in _rows(db[name]):
            example = _example(db, name, place, row, facts, options)
            if example is not None and place not in found:
                found[place] = example
    examples = [_placed(example, place, locate) for place, example in found.items()]
    if not examples:
        raise CorpusError(f"the tables {', '.join(tables)} of {folder} have no labelled rows")
    return check_files(examples, folder, options.problems)


def write(examples: Sequence[Example], path: Path) -> None:
    """Write a database into a folder: one segmented table ``emotion``; paths are relative to the folder.

    Votes with raters become a column each, as ``emotion.NAME``; soft labels are not written.

    Raises:
        CorpusError: no examples, a stretch listed twice, or a folder that cannot be written.
        MissingExtraError: audformat is not installed.
    """
    audformat = _library(f"writing {path.name}")
    import pandas as pd

    if not examples:
        raise CorpusError("there are no examples to write")
    _once(examples)
    files = [Path(os.path.relpath(e.file, path)).as_posix() for e in examples]
    starts = [e.segment.start_s if e.segment else 0.0 for e in examples]
    ends = [e.segment.end_s if e.segment else math.nan for e in examples]
    licence = next((e.licence for e in examples if e.licence), None)
    languages = sorted({e.language for e in examples if e.language})
    db = audformat.Database(path.name, license=licence, languages=languages)
    index = audformat.segmented_index(
        files, pd.to_timedelta(starts, unit="s"), pd.to_timedelta(ends, unit="s")
    )
    db[_EMOTION] = audformat.Table(index)
    labels = sorted({e.gold for e in examples if e.gold} | {v for e in examples for v in e.votes})
    db.schemes[_EMOTION] = audformat.Scheme("str", labels=labels)
    _column(audformat, db, _EMOTION, [e.gold for e in examples], _EMOTION)
    for rater in sorted({r for e in examples for r in e.raters}):
        db.raters[rater] = audformat.Rater(_HUMAN)
        said = [dict(zip(e.raters, e.votes)).get(rater) for e in examples]
        _column(audformat, db, f"{_EMOTION}.{rater}", said, _EMOTION, rater)
    for name in ("speaker", "gender", "language", "text", "split", "intensity", "corpus"):
        values = [getattr(e, name) or None for e in examples]
        if any(values):
            db.schemes[name] = audformat.Scheme("str")
            _column(audformat, db, name, values, name)
    for name in ("arousal", "valence", "dominance"):
        ratings = [getattr(e, name) for e in examples]
        if any(rating is not None for rating in ratings):
            db.schemes[name] = audformat.Scheme("float", minimum=-1.0, maximum=1.0)
            _column(audformat, db, name, ratings, name)
    try:
        with _quiet():
            db.save(str(path), storage_format="csv")
    except OSError as error:
        raise CorpusError(
            f"{path} cannot be written ({error.strerror or error}): name another place"
        ) from None


def _once(examples: Sequence[Example]) -> None:
    """Refuse a stretch that is listed twice."""
    places = [(e.file, e.segment) for e in examples]
    if len(set(places)) < len(places):
        twice = next(file for file, segment in places if places.count((file, segment)) > 1)
        raise CorpusError(f"{twice} is listed twice, which an audformat table cannot hold: take one row out")


def _column(
    audformat: Any, db: Any, name: str, values: list[Any], scheme: str, rater: str | None = None
) -> None:
    db[_EMOTION][name] = audformat.Column(scheme_id=scheme, rater_id=rater)
    db[_EMOTION][name].set(values)


class _Facts:
    """What the tables of a database say of a file or stretch beside its emotion."""

    def __init__(self, db: Any) -> None:
        self._by_place: dict[Place, dict[str, tuple[Any, str]]] = {}
        self._by_file: dict[str, dict[str, tuple[Any, str]]] = {}
        self._db = db
        for table in db.tables.values():
            for place, row in _rows(table):
                for column, value in row.items():
                    fact = (value, table.columns[column].scheme_id or "")
                    self._by_place.setdefault(place, {}).setdefault(column, fact)
                    if place[2] is None:
                        self._by_file.setdefault(place[0], {}).setdefault(column, fact)

    def get(self, place: Place, *columns: str) -> Any:
        """The value of the first column that is filled in; None where none is.

        A scheme may say more of its values: ``speaker`` to a dict of gender and age, a key of a text to the
        text.
        """
        for column in columns:
            for facts in (self._by_place.get(place, {}), self._by_file.get(place[0], {})):
                if column in facts:
                    return facts[column]
        return None

    def text(self, place: Place, *columns: str) -> str | None:
        """As `get`, as words."""
        fact = self.get(place, *columns)
        if fact is None:
            return None
        value, scheme = fact
        labels = self._labels(scheme)
        said = labels.get(value) if isinstance(labels, Mapping) else None
        return said if isinstance(said, str) else str(value)

    def of_speaker(self, place: Place, name: str) -> str | None:
        """What the scheme of the speakers says of one, such as gender."""
        fact = self.get(place, "speaker")
        if fact is None:
            return None
        about = self._labels(fact[1])
        about = about.get(fact[0]) if isinstance(about, Mapping) else None
        return str(about[name]) if isinstance(about, Mapping) and about.get(name) else None

    def _labels(self, scheme: str) -> Any:
        labels = self._db.schemes[scheme].labels if scheme in self._db.schemes else None
        if isinstance(labels, str) and labels in self._db.misc_tables:
            return self._db.misc_tables[labels].df.to_dict("index")
        return labels


def _rows(table: Any) -> Iterable[tuple[Place, dict[str, Any]]]:
    """Place and filled cells of each row."""
    import pandas as pd

    df = table.df
    for key, row in zip(df.index, df.to_dict("records"), strict=True):
        if isinstance(key, tuple):
            file, start, end = key
            place = (str(file), start.total_seconds(), None if pd.isna(end) else end.total_seconds())
        else:
            place = (str(key), 0.0, None)
        yield place, {name: cell for name, cell in row.items() if not pd.isna(cell)}


def _example(
    db: Any, table: str, place: Place, row: dict[str, Any], facts: _Facts, options: ReadOptions
) -> Example | None:
    where = f"table {table}, {place[0]}"
    columns = db[table].columns
    gold_scheme = columns[_EMOTION].scheme_id
    heard = [
        (str(column.rater_id), options.named(row[name], where))
        for name, column in columns.items()
        if name in row and name != _EMOTION and column.rater_id and column.scheme_id == gold_scheme
    ]
    if _EMOTION not in row and not heard:
        return None
    gold = options.named(row[_EMOTION], where) if _EMOTION in row else None
    given = tuple(vote for _, vote in heard)
    split = db.splits[db[table].split_id].type if db[table].split_id else facts.text(place, "split")
    languages = list(db.languages)
    return Example(
        file=place[0],
        gold=gold,
        speaker=facts.text(place, "speaker"),
        gender=facts.text(place, "gender") or facts.of_speaker(place, "gender"),
        language=facts.text(place, "language") or (_short(languages[0]) if len(languages) == 1 else None),
        text=facts.text(place, *_TEXTS),
        corpus=facts.text(place, "corpus") or options.corpus or db.name,
        split=split,
        licence=str(db.license or ""),
        intensity=facts.text(place, "intensity"),
        votes=given,
        raters=tuple(rater for rater, _ in heard),
        soft=votes.shares(given) or None,
        **_ratings(db, place, facts, where),
    )


def _ratings(db: Any, place: Place, facts: _Facts, where: str) -> dict[str, Any]:
    """Arousal, valence and dominance in [-1, 1], and the scale that their scheme names."""
    found: dict[str, Any] = {}
    for column, name in _DIMENSIONS.items():
        fact = facts.get(place, column)
        if fact is None or name in found or isinstance(fact[0], str):
            continue
        scheme = db.schemes.get(fact[1])
        low, high = getattr(scheme, "minimum", None), getattr(scheme, "maximum", None)
        if low is None or high is None:
            raise CorpusError(f"{where}: the scheme of {column} names no minimum and maximum: add them")
        scale = f"{low:g}..{high:g}"
        try:
            found[name] = from_scale(float(fact[0]), scale)
        except OptionError as error:
            raise CorpusError(f"{where}: {column}: {error}") from None
        if (low, high) != (-1, 1):
            found["scale"] = scale
    return found


def _placed(example: Example, place: Place, locate: Locator) -> Example:
    file, start_s, end_s = place
    segment = None if end_s is None else Segment(start_s, end_s, example.speaker)
    if segment is None and start_s:
        raise CorpusError(f"{file} has a stretch from {start_s:g} s without an end: give it one")
    return dataclasses.replace(example, file=locate(file), segment=segment)


def _short(language: str) -> str:
    """ISO 639-1 for a language that audformat writes in ISO 639-3; as it is where there is none."""
    if len(language) != 3:
        return language
    import iso639

    try:
        return str(iso639.Lang(language).pt1 or language)
    except iso639.exceptions.InvalidLanguageValue:
        return language


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps what audformat's use of pandas is warned of from users, who can do nothing about it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


def _library(what: str) -> Any:
    try:
        import audformat
    except ImportError:
        raise MissingExtraError(what, "audformat", "data") from None
    return audformat
