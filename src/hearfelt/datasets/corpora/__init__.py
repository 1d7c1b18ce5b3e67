"""Known corpora: one short description a file, read in the shape its owners ship or by a ``manifest.csv``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hearfelt.datasets.corpora import (
    aesdd,
    ased,
    cafe,
    casia,
    cremad,
    emodb,
    emovdb,
    emovo,
    emozionalmente,
    enterface,
    esd,
    iemocap,
    jlcorpus,
    m3ed,
    meld,
    mesd,
    mspimprov,
    msppodcast,
    nemo,
    ravdess,
    savee,
    shemo,
    subesco,
    tess,
    turevdb,
    urdu,
    zed,
)
from hearfelt.datasets.corpora import base as _base
from hearfelt.datasets.corpora.base import Corpus, Scan
from hearfelt.errors import CorpusError, unknown_name
from hearfelt.types import Example

__all__ = ["CORPORA", "Corpus", "Scan", "find", "read", "read_folder", "scan"]

CORPORA: Mapping[str, Corpus] = {
    module.CORPUS.name: module.CORPUS
    for module in (
        emodb,
        ravdess,
        nemo,
        savee,
        aesdd,
        ased,
        cafe,
        casia,
        cremad,
        emovdb,
        emovo,
        emozionalmente,
        enterface,
        esd,
        iemocap,
        jlcorpus,
        m3ed,
        meld,
        mesd,
        mspimprov,
        msppodcast,
        shemo,
        subesco,
        tess,
        turevdb,
        urdu,
        zed,
    )
}
"""Name of a corpus to what it is: title, size, language, licence, citation, labels."""


def find(name: str) -> Corpus:
    """A corpus by its name; case, spaces and hyphens do not count.

    Raises:
        OptionError: a name that is not in `CORPORA`.
    """
    plain = "".join(c for c in name.casefold() if c.isalnum())
    if plain not in CORPORA:
        raise unknown_name("corpus", name, CORPORA)
    return CORPORA[plain]


def read(
    name: str,
    data: Path,
    *,
    strict: bool = True,
    problems: list[str] | None = None,
    notes: list[str] | None = None,
) -> list[Example]:
    """Examples of the corpus in the folder ``audio/<name>`` of ``data``; see `read_folder`.

    Raises:
        OptionError: a name that is not in `CORPORA`.
        CorpusError: as for `read_folder`.
    """
    corpus = find(name)
    folder = data / "audio" / corpus.name
    if not folder.is_dir():
        raise CorpusError(
            f"the corpus {corpus.name} is not at {folder}: set HEARFELT_DATA, or give --data, "
            "the folder that holds audio/"
        )
    return read_folder(corpus.name, folder, strict=strict, problems=problems, notes=notes)


def read_folder(
    name: str,
    folder: Path,
    *,
    strict: bool = True,
    problems: list[str] | None = None,
    notes: list[str] | None = None,
) -> list[Example]:
    """Examples of a corpus in a folder of any name.

    Args:
        name: as in `CORPORA`.
        folder: as the owners of the corpus ship it, or with a ``manifest.csv`` (see
            `hearfelt.datasets.manifest`) and the sound files below ``audio/``.
        strict: False leaves out what does not fit; `scan` says what that is.
        problems, notes: get the sentences of `scan` about what was left out and what is worth knowing.

    Raises:
        OptionError: a name that is not in `CORPORA`.
        CorpusError: a missing folder, no clip of the corpus, a broken label file; where strict also sound
            files of other names, unknown codes, clips that are empty, doubled or listed and not there.
    """
    found = scan(name, folder)
    if strict and found.problems:
        more = len(found.problems) - 1
        raise CorpusError(found.problems[0] + (f" ({more} more problems)" if more else ""))
    if problems is not None:
        problems += found.problems
    if notes is not None:
        notes += found.notes
    return found.examples


def scan(name: str, folder: Path) -> Scan:
    """What a folder of a corpus holds: usable examples, what is wrong, what is worth knowing.

    Raises:
        OptionError: a name that is not in `CORPORA`.
        CorpusError: a missing folder, no clip of the corpus, a broken label file.
    """
    return _base.scan(find(name), Path(folder))
