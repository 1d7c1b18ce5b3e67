"""One thing that was found in a corpus."""

from __future__ import annotations

from dataclasses import dataclass

from hearfelt.types import Example

SEVERITIES = ("error", "warning", "note")
"""Mend it before you train · look at it · know it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found.

    Args:
        kind: a stable name, such as ``duplicate`` or ``text gives label away``.
        severity: one of `SEVERITIES`.
        sentence: what was found, with its figures, and what to do.
        files: the clips (`place`) it is about, worst first; members of a pair or group stand together.
        notes: why, one a file; empty where the sentence says it all.
    """

    kind: str
    severity: str
    sentence: str
    files: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.severity not in SEVERITIES:
            raise ValueError(f"severity {self.severity!r} is none of {', '.join(SEVERITIES)}")
        if self.notes and len(self.notes) != len(self.files):
            raise ValueError(f"{len(self.notes)} notes for {len(self.files)} files")


def place(example: Example) -> str:
    """What a finding calls a clip: its file, and its segment where it has one."""
    s = example.segment
    return example.file if s is None else f"{example.file}@{s.start_s:.3f}-{s.end_s:.3f}"


def named(names: list[str], most: int = 3) -> str:
    """Some names and how many more there are: ``a, b, c and 4 more``."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")
