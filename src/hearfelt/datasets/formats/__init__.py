"""One door to every kind of labelled speech: `read` tells what it is, `write` hands it over."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hearfelt.datasets import corpora, labelmap
from hearfelt.datasets.cells import Label
from hearfelt.datasets.formats import (
    audformat_db,
    emobox,
    folder,
    labelstudio,
    nkululeko,
    sensevoice,
    table,
    textgrid,
)
from hearfelt.datasets.formats.base import ReadOptions
from hearfelt.datasets.labelmap import LabelMap
from hearfelt.errors import CorpusError, OptionError, unknown_name
from hearfelt.types import Example

__all__ = ["FORMATS", "Format", "ReadOptions", "read", "recognise", "write"]


@dataclass(frozen=True, slots=True)
class Format:
    """A shape of labelled speech.

    Args:
        about: what it is, in a few words.
        recognises: whether a path is of this shape; looks at no more than it must.
        read: examples of a path of this shape.
        write: hands examples over in this shape; None where hearfelt does not write it.
    """

    about: str
    recognises: Callable[[Path], bool]
    read: Callable[[Path, ReadOptions], list[Example]]
    write: Callable[[Sequence[Example], Path], None] | None = None


FORMATS: Mapping[str, Format] = {
    # The order in which a path is tried: what can be told for sure comes first.
    "audformat": Format(
        "audformat database (db.yaml)", audformat_db.recognises, audformat_db.read, audformat_db.write
    ),
    "nkululeko": Format("CSV of Nkululeko's shape", nkululeko.recognises, nkululeko.read, nkululeko.write),
    "table": Format("hearfelt's table: CSV or Parquet", table.recognises, table.read, table.write),
    "emobox": Format("EmoBox jsonl with label map and folds", emobox.recognises, emobox.read, emobox.write),
    "sensevoice": Format("SenseVoice and FunASR jsonl", sensevoice.recognises, sensevoice.read),
    "labelstudio": Format("Label Studio JSON", labelstudio.recognises, labelstudio.read),
    "textgrid": Format("Praat TextGrids", textgrid.recognises, textgrid.read),
    "folder": Format("a folder per class", folder.recognises, folder.read),
}
"""Name of a format to what it is."""

Labels = LabelMap | Mapping[str, str | None] | str | Path
"""A label map, its table, its name, or the path of its file."""


def read(
    source: str | Path,
    *,
    format: str | None = None,
    audio: Path | None = None,
    labels: Labels | None = None,
    scale: str | None = None,
    split: str | None = None,
    strict: bool = True,
    label: Label | None = None,
    problems: list[str] | None = None,
    notes: list[str] | None = None,
) -> list[Example]:
    """Examples of anything that `recognise` knows.

    Args:
        source: a path, or ``NAME:PATH`` with the name of a corpus or format: ``ravdess:/data/ravdess``.
        format: the name, where the source does not say it.
        audio: folder of the sound files, where they lie apart from the labels.
        labels: a label map; the labels of a format are taken as they are and then mapped. Without one,
            labels must be known by a common name.
        scale: what arousal, valence and dominance of a table are given on, such as ``1..5``.
        split: name of a fold or table, where the source has several.
        strict: False leaves out what cannot be used: sound files that do not belong to a corpus, that are
            empty, or that are listed and not there.
        label: names a label of a format, `hearfelt.labels.canonical` where None; ``str`` takes labels as they
            are.
        problems: gets a sentence about each thing that ``strict=False`` left out.
        notes: gets a sentence about what is worth knowing, such as clips that a known corpus lacks.

    Raises:
        OptionError: an unknown name of a format, corpus or label map.
        CorpusError: a source that is not there, of no known shape, or broken.
        MissingExtraError: the format needs a library that is not installed.
    """
    name, path = recognise(source, format=format)
    mapping = _mapping(labels)
    left_out = None if strict else [] if problems is None else problems
    if name in corpora.CORPORA:
        examples = corpora.read_folder(name, path, strict=strict, problems=left_out, notes=notes)
    else:
        options = ReadOptions(Path(audio) if audio else None, scale=scale, split=split, problems=left_out)
        named = str if mapping is not None else label
        options = options if named is None else dataclasses.replace(options, label=named)
        examples = FORMATS[name].read(path, options)
    return mapping.apply(examples) if mapping is not None else examples


def recognise(source: str | Path, *, format: str | None = None) -> tuple[str, Path]:
    """Name of the corpus or format that a source is of, and its path.

    A folder called like a corpus, such as ``audio/emodb``, is that corpus, unless it is of another shape.

    Raises:
        OptionError: an unknown name.
        CorpusError: a path that is not there or of no known shape.
    """
    text = str(source)
    before, colon, after = text.partition(":")
    if format is None and colon and len(before) > 1 and not Path(text).exists():
        format, text = before, after
    path = Path(text).expanduser()
    if format is not None:
        name = _name(format)
        if not path.exists():
            raise CorpusError(f"{path} is not there: give the path of {_about(name)}")
        return name, path
    if not path.exists():
        raise CorpusError(
            f"{path} is not there: give the path of a table or folder, or the name of a corpus "
            "(hearfelt data corpora)"
        )
    known = "".join(c for c in path.resolve().name.casefold() if c.isalnum())
    for name, kind in FORMATS.items():
        if kind.recognises(path):
            corpus = known in corpora.CORPORA and path.is_dir() and name in ("table", "folder", "textgrid")
            return (known if corpus else name), path
    if known in corpora.CORPORA and path.is_dir():
        return known, path
    if path.is_dir() and not any(path.iterdir()):
        raise CorpusError(f"the folder {path} is empty: put clips into a folder per class, such as anger/")
    raise CorpusError(f"cannot tell what {path} is: name it as NAME:PATH with {_names()}")


def write(examples: Sequence[Example], path: str | Path, *, format: str | None = None) -> None:
    """Hand examples over: a table by the ending of its name, other formats by theirs.

    Args:
        examples: what to write.
        path: ``….csv`` or ``….parquet``, or a folder for ``emobox`` and ``audformat``.
        format: name of a format that can be written; ``table`` where None.

    Raises:
        OptionError: a format that hearfelt does not write, or a table of another ending.
        CorpusError: it cannot be written.
    """
    path = Path(path)
    writers = {name: kind.write for name, kind in FORMATS.items() if kind.write is not None}
    if format is not None and format not in writers:
        raise unknown_name("format to write", format, writers)
    if format is None and path.suffix.lower() not in (".csv", ".parquet"):
        raise OptionError(
            f"cannot tell from {path.name!r} what to write: end it with .csv or .parquet, or name a format: "
            f"{', '.join(writers)}"
        )
    writers[format or "table"](examples, path)


def _mapping(labels: Labels | None) -> LabelMap | None:
    if labels is None or isinstance(labels, LabelMap):
        return labels
    if isinstance(labels, Mapping):
        return LabelMap("given", labels)
    return labelmap.load(labels)


def _name(format: str) -> str:
    if format in FORMATS:
        return format
    try:
        return corpora.find(format).name
    except OptionError:
        raise unknown_name("format or corpus", format, (*FORMATS, *corpora.CORPORA)) from None


def _about(name: str) -> str:
    return FORMATS[name].about if name in FORMATS else corpora.CORPORA[name].title


def _names() -> str:
    kinds = ", ".join(f"{name} ({kind.about})" for name, kind in FORMATS.items())
    return f"one of {kinds}, or a known corpus (hearfelt data corpora lists {len(corpora.CORPORA)})"
