"""What is handed over: one report, one writer a format.

`render` gives the text of one format, `write` puts any of them into a folder, `read` brings a report back
from its JSON. Every writer is a function ``(report, language) -> str``; `FORMATS` is the whole list.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from hearfelt.errors import InputError, unknown_name
from hearfelt.reports import html, jsonfile, rttm, subtitles, table, textgrid
from hearfelt.types import Report


@dataclass(frozen=True, slots=True)
class Writer:
    """How a report is written: the ending of its file and the function that makes the text."""

    suffix: str
    render: Callable[[Report, str], str]


FORMATS: Mapping[str, Writer] = {
    "json": Writer(".json", jsonfile.render),
    "csv": Writer(".csv", table.render),
    "html": Writer(".html", html.render),
    "srt": Writer(".srt", subtitles.render_srt),
    "vtt": Writer(".vtt", subtitles.render_vtt),
    "textgrid": Writer(".TextGrid", textgrid.render),
    "rttm": Writer(".rttm", rttm.render),
}
"""Name of a format to its writer. JSON stands first: it holds everything and is written first."""

LANGUAGES = ("en", "zh")
"""The languages in which the formats for people (html, srt, vtt) can speak."""

__all__ = ["FORMATS", "LANGUAGES", "Writer", "read", "render", "write"]


def render(report: Report, format: str = "json", *, language: str = "en") -> str:
    """A report as text.

    Args:
        format: a name of `FORMATS`; upper and lower case are the same.
        language: "en" or "zh", the language of labels and headings in html, srt and vtt. The formats for
            machines always carry the English label names.

    Raises:
        OptionError: the format or the language is not known.
    """
    if language not in LANGUAGES:
        raise unknown_name("report language", language, LANGUAGES)
    return _writer(format).render(report, language)


def write(
    report: Report,
    folder: str | os.PathLike[str],
    formats: Iterable[str] | None = None,
    *,
    stem: str = "report",
    language: str = "en",
) -> list[Path]:
    """Writes a report into a folder, one file a format, and gives the paths in that order.

    A file appears whole or not at all: it is written beside its place and then moved there. The folder is
    made where it is missing. All names are checked before the first file is written.

    Args:
        formats: names of `FORMATS`; all of them where None.
        stem: what the files are called before their ending.

    Raises:
        OptionError: a format or the language is not known, or the stem is no plain file name.
        InputError: the folder cannot be written.
    """
    names = list(FORMATS) if formats is None else list(formats)
    writers = [_writer(name) for name in names]
    if not stem or Path(stem).name != stem or stem in (".", ".."):
        raise unknown_name("report stem", stem, ("a plain file name without folder or ending",))
    target = Path(folder)
    try:
        target.mkdir(parents=True, exist_ok=True)
        paths = []
        for name, writer in zip(names, writers, strict=True):
            path = target / f"{stem}{writer.suffix}"
            _write_whole(path, render(report, name, language=language))
            paths.append(path)
    except OSError as error:
        raise InputError(
            f"cannot write the report to {str(target)!r}: {error.strerror or error}; "
            "name a folder that can be made and written"
        ) from error
    return paths


def read(path: str | os.PathLike[str]) -> Report:
    """The report that `write` put into a JSON file.

    Raises:
        InputError: the file is missing, no JSON, or no report of a schema known here.
    """
    return jsonfile.read(Path(path))


def _writer(name: str) -> Writer:
    if name.lower() not in FORMATS:
        raise unknown_name("report format", name, FORMATS)
    return FORMATS[name.lower()]


def _write_whole(path: Path, text: str) -> None:
    """Writes beside the place and moves: a reader never sees half a file. A bad surrogate becomes "?"."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with beside.open("xb") as file:
            file.write(text.encode("utf-8", "replace"))
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
