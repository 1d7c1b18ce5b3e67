"""Label maps between corpora: tables one can read, in ``labelmaps/*.csv`` or of the user's own."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

from hearfelt.errors import CorpusError, OptionError, unknown_name
from hearfelt.labels import ALIASES
from hearfelt.types import Example

_FOLDER = "labelmaps"


@dataclass(frozen=True, slots=True)
class LabelMap:
    """What each label of one set is called in another one.

    Args:
        name: for messages.
        table: label to label; None where the other set has none, and the examples are left out.
        notes: why, for labels where it needs saying.
    """

    name: str
    table: Mapping[str, str | None]
    notes: Mapping[str, str] = field(default_factory=dict)

    @property
    def targets(self) -> tuple[str, ...]:
        """The labels it gives, sorted."""
        return tuple(sorted({target for target in self.table.values() if target is not None}))

    def __call__(self, label: str) -> str | None:
        """The label in the other set; case does not count, and common names of a label will do.

        Raises:
            OptionError: the map has no such label.
        """
        plain = label.strip()
        for name in (plain, plain.lower(), ALIASES.get(plain.lower(), plain)):
            if name in self.table:
                return self.table[name]
        raise OptionError(
            f"the label map {self.name} has no {label!r}; known: {', '.join(self.table)}: add a row for it"
        )

    def apply(self, examples: Sequence[Example]) -> list[Example]:
        """Examples with gold, votes and soft labels renamed.

        Examples whose gold label has no counterpart are left out. Votes without counterpart are taken out,
        and the shares of a soft label that are left are scaled to sum to 1.

        Raises:
            CorpusError: a label that the map does not have.
        """
        found = []
        for example in examples:
            try:
                gold = None if example.gold is None else self(example.gold)
                if example.gold is not None and gold is None:
                    continue
                found.append(self._renamed(example, gold))
            except OptionError as error:
                raise CorpusError(f"{example.file}: {error}") from None
        return found

    def _renamed(self, example: Example, gold: str | None) -> Example:
        kept = [(i, name) for i, vote in enumerate(example.votes) if (name := self(vote)) is not None]
        soft: dict[str, float] = {}
        for label, share in (example.soft or {}).items():
            if (name := self(label)) is not None:
                soft[name] = soft.get(name, 0.0) + share
        total = sum(soft.values())
        return dataclasses.replace(
            example,
            gold=gold,
            votes=tuple(name for _, name in kept),
            raters=tuple(example.raters[i] for i, _ in kept) if example.raters else (),
            soft={name: share / total for name, share in soft.items()} if total > 0 else None,
        )


def names() -> list[str]:
    """The maps that come with hearfelt."""
    folder = resources.files("hearfelt.datasets").joinpath(_FOLDER)
    return sorted(path.name.removesuffix(".csv") for path in folder.iterdir() if path.name.endswith(".csv"))


def load(name: str | Path) -> LabelMap:
    """A label map by its name, or from a CSV file with the columns source, target and, if need be, note.

    Raises:
        OptionError: no such map and no such file.
        CorpusError: a file that is no label map, or that names a label twice.
    """
    path = Path(name)
    if str(name) in names():
        folder = resources.files("hearfelt.datasets").joinpath(_FOLDER)
        text = folder.joinpath(f"{name}.csv").read_text(encoding="utf-8")
    elif path.is_file():
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise CorpusError(
                f"the label map {path} cannot be read ({error}): save it as UTF-8 CSV"
            ) from None
    else:
        raise unknown_name("label map", str(name), [*names(), "or the path of a CSV file"])
    reader = csv.DictReader(io.StringIO(text))
    if not {"source", "target"} <= set(reader.fieldnames or ()):
        raise CorpusError(f"the label map {name} needs the columns source and target")
    table: dict[str, str | None] = {}
    notes = {}
    for row in reader:
        source = (row["source"] or "").strip()
        if not source or source in table:
            what = f"names {source!r} twice" if source else "has a row without a source"
            raise CorpusError(f"the label map {name} {what}, line {reader.line_num}: correct it")
        table[source] = (row["target"] or "").strip() or None
        if row.get("note"):
            notes[source] = row["note"]
    return LabelMap(path.stem, table, notes)
