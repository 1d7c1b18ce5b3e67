"""What ``--data`` and ``--models`` name: tables, known corpora, systems."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hearfelt.errors import OptionError

if TYPE_CHECKING:
    from hearfelt.types import Example


def data_folder(given: Path | None) -> Path:
    """The folder that holds audio/ and emobox/: as given, else HEARFELT_DATA, else ../shared/data."""
    return given or Path(os.environ.get("HEARFELT_DATA", "../shared/data"))


def read(
    sources: str,
    folder: Path | None = None,
    *,
    labels: str | None = None,
    option: str = "--data",
    own_labels: bool = False,
    problems: list[str] | None = None,
    **how: Any,
) -> list[Example]:
    """The examples of a comma-separated list of known corpora and of whatever `hearfelt.datasets.read` takes.

    What is worth knowing of a corpus, such as clips that it lacks, is said on standard error.

    Args:
        labels: name or file of a label map for all of them.
        option: what the list is called in an error.
        own_labels: take labels that are not known as they are.
        problems: where there is a list, what cannot be used is left out and a sentence about it is added.
        how: handed to `hearfelt.datasets.read` where a source is not the bare name of a corpus.

    Raises:
        OptionError: a name that nothing has.
        CorpusError: a source that cannot be read.
    """
    import hearfelt.datasets as datasets
    from hearfelt.datasets import corpora, labelmap

    mapping = labelmap.load(labels) if labels else None
    notes: list[str] = []
    how |= {"label": as_it_is if own_labels else known, "problems": problems, "notes": notes}
    how["strict"] = problems is None
    found: list[Example] = []
    for source in names(sources, option):
        if source in corpora.CORPORA and not Path(source).exists():
            part = corpora.read(
                source, data_folder(folder), strict=how["strict"], problems=problems, notes=notes
            )
            part = mapping.apply(part) if mapping else part
        else:
            part = datasets.read(source, labels=mapping, **how)
        found += [e if e.corpus else replace(e, corpus=Path(source).stem) for e in part]
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
    return found


def known(label: str) -> str:
    """The name used here for a label.

    Raises:
        OptionError: it has none; the message says how to keep or rename it.
    """
    from hearfelt.labels import canonical

    try:
        return canonical(label)
    except OptionError as error:
        raise OptionError(
            f"{error}; --own-labels takes it as it is, hearfelt data read --labels MAP.csv renames it"
        ) from None


def as_it_is(label: str) -> str:
    """The name used here for a label; the label itself where it has none."""
    from hearfelt.labels import canonical

    try:
        return canonical(label)
    except OptionError:
        return label


def names(text: str, option: str) -> list[str]:
    """The names of a comma-separated list.

    Raises:
        OptionError: an empty one, or one that is there twice.
    """
    found = [name.strip() for name in text.split(",")]
    if not all(found):
        raise OptionError(f"{option} {text!r} names nothing between two commas: write a,b,c")
    twice = sorted({name for name in found if found.count(name) > 1})
    if twice:
        raise OptionError(f"{option} names {', '.join(twice)} twice: name each once")
    return found


def renamed(examples: Sequence[Example], mapping: Iterable[str], drop: str | None) -> list[Example]:
    """Examples with gold labels renamed by ``old=new`` pairs and those of a comma-separated list left out.

    Raises:
        OptionError: a pair without =, or a label that no example has.
    """
    pairs = [text.partition("=") for text in mapping]
    for old, equals, new in pairs:
        if not (old and equals and new):
            raise OptionError(f"--map {old + equals + new!r} is no pair: write --map calm=neutral")
    table = {old: new for old, _, new in pairs}
    gone = set(names(drop, "--drop")) if drop else set()
    there = {e.gold for e in examples}
    for option, label in [*(("--map", old) for old in table), *(("--drop", label) for label in gone)]:
        if label not in there:
            known = ", ".join(sorted(str(x) for x in there if x))
            raise OptionError(f"{option} names {label!r}, which no clip is labelled; the labels are {known}")
    return [
        e if e.gold not in table else replace(e, gold=table[e.gold]) for e in examples if e.gold not in gone
    ]


def factories(
    models: str, *, cache: Path | None = None, report: Callable[[str], None] | None = None, **options: Any
) -> dict[str, Callable[[], Any]]:
    """A maker for each name of a comma-separated list of systems.

    Args:
        cache, report: handed to the systems that have such an attribute.
        options: of `hearfelt.training.systems.make`, such as ``normalise``.
    """
    from hearfelt.training import systems

    def maker(name: str) -> Callable[[], Any]:
        def make() -> Any:
            system = systems.make(name, **options)
            if cache is not None and hasattr(system, "cache"):
                system.cache = cache
            if report is not None and hasattr(system, "report"):
                system.report = report
            return system

        return make

    return {name: maker(name) for name in names(models, "--models")}
