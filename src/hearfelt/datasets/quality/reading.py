"""Findings about how a corpus could be read: what was left out of it, and labels that are its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hearfelt.datasets.quality.finding import Finding, named, place
from hearfelt.labels import CANONICAL, FURTHER
from hearfelt.types import Example


def left_out(problems: Sequence[str]) -> Iterator[Finding]:
    """What readers could not use, a finding each.

    Args:
        problems: of `hearfelt.datasets.read` with ``strict=False``.
    """
    for problem in problems:
        yield Finding("left out", "error", f"{problem}; left out of this check")


def own_labels(examples: Sequence[Example]) -> Iterator[Finding]:
    """Labels that have no name here: a word nobody else uses, or a slip of the pen."""
    known = {*CANONICAL, *FURTHER}
    strange = [e for e in examples if e.gold and e.gold not in known]
    if strange:
        labels = sorted({str(e.gold) for e in strange})
        shown = named([f"{label} ({sum(e.gold == label for e in strange)})" for label in labels], most=6)
        keys = ", ".join(f'"{label}"' for label in sorted({str(e.gold) for e in examples if e.gold}))
        yield Finding(
            "labels of its own",
            "note",
            f"hearfelt does not know {shown}: mend a slip of the pen; to learn them as they are, "
            f"hearfelt train --set 'data.labels=[{keys}]'",
            tuple(place(e) for e in strange),
        )
