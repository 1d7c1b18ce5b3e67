"""One example as one row of a table and back: what stands in which cell.

In text, votes are ``ana=anger|ben=fear``, or ``anger|fear`` where nobody says who voted; the shares of a soft
label are ``anger=0.75|fear=0.25``. ``%``, ``|`` and ``=`` inside a name are written %25, %7C and %3D.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from hearfelt.errors import CorpusError, OptionError
from hearfelt.types import Example, Segment

Label = Callable[[str], str]
"""Gives the name used here for a label of a corpus; an OptionError where it knows none."""

PLAIN = ("speaker", "gender", "language", "text", "corpus", "split", "licence", "intensity")
DIMENSIONS = ("arousal", "valence", "dominance")


def to_row(example: Example) -> dict[str, Any]:
    """The cells of an example; votes are ``(rater or None, label)`` pairs, a soft label is a dict.

    Raises:
        CorpusError: raters and votes of different number.
    """
    if example.raters and len(example.raters) != len(example.votes):
        raise CorpusError(
            f"{example.file} has {len(example.votes)} votes but {len(example.raters)} raters: name one a vote"
        )
    segment = example.segment
    return {
        "file": example.file,
        "start": segment.start_s if segment else None,
        "end": segment.end_s if segment else None,
        "channel": segment.channel if segment else None,
        **{name: getattr(example, name) for name in (*PLAIN, "gold", *DIMENSIONS, "scale")},
        "votes": list(zip(example.raters or [None] * len(example.votes), example.votes)) or None,
        "soft": dict(example.soft) if example.soft else None,
    }


def from_row(values: Mapping[str, Any], label: Label, where: str, scale: str | None = None) -> Example:
    """The example of a row, whose empty cells are left out.

    Args:
        values: column to cell; text, or numbers, pairs and dicts as `to_row` gives them.
        label: names every label of the row.
        where: the place that an error names.
        scale: what arousal, valence and dominance are given on, where the row itself names no scale.

    Raises:
        CorpusError: a row without a file, an unknown label, a cell that is not what its column holds.
    """
    if not values.get("file"):
        raise CorpusError(f"{where} names no file: fill in the column file")
    votes = votes_of(values.get("votes"), where)
    soft = _soft(values.get("soft"), where)
    gold = values.get("gold") or values.get("emotion")
    try:
        named = label(str(gold)) if gold else None
        votes = [(rater, label(vote)) for rater, vote in votes]
        # Two names of one label have their shares added.
        shares: dict[str, float] = {}
        for name, share in soft.items():
            shares[label(name)] = shares.get(label(name), 0.0) + share
    except OptionError as error:
        raise CorpusError(f"{where}: {error}") from None
    plain = {name: str(values[name]) for name in PLAIN if name in values}
    given = None if "scale" in values else scale
    return Example(
        file=str(values["file"]),
        gold=named,
        segment=_segment(values, plain.get("speaker"), where),
        votes=tuple(vote for _, vote in votes),
        raters=tuple(rater for rater, _ in votes if rater is not None),
        soft=shares or None,
        scale=str(values["scale"]) if "scale" in values else scale,
        **{name: _rating(values, name, where, given) for name in DIMENSIONS},  # type: ignore[arg-type]
        **plain,  # type: ignore[arg-type]
    )


def votes_text(votes: Iterable[tuple[str | None, str]]) -> str:
    """Votes as they stand in a cell of text."""
    return "|".join(f"{_quoted(r)}={_quoted(v)}" if r is not None else _quoted(v) for r, v in votes)


def soft_text(soft: Mapping[str, float]) -> str:
    """A soft label as it stands in a cell of text."""
    return "|".join(f"{_quoted(name)}={float(share)!r}" for name, share in soft.items())


def from_scale(value: float, scale: str) -> float:
    """A rating in [-1, 1] from one on a scale such as ``1..5`` or ``0..1``.

    Raises:
        OptionError: the scale is not two rising numbers with ``..`` between, or the value lies outside it.
    """
    low_text, dots, high_text = scale.partition("..")
    try:
        low, high = float(low_text), float(high_text)
    except ValueError:
        low = high = math.nan
    if not dots or not low < high:
        raise OptionError(f"{scale!r} is no scale: write its two ends with .. between, such as 1..5")
    if not low <= value <= high:
        raise OptionError(f"{value:g} lies outside the scale {scale}: correct it, or name another scale")
    return 2 * (value - low) / (high - low) - 1


def number(value: object, what: str, where: str) -> float:
    """A finite number from a cell; a decimal comma, as spreadsheets of some countries write it, is read.

    Raises:
        CorpusError: it is none.
    """
    try:
        found = float(value.replace(",", ".") if isinstance(value, str) else value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        found = math.nan
    if not math.isfinite(found):
        raise CorpusError(f"{where}: {what} is {value!r}: it must be a number")
    return found


def joined(file: object, audio: Path) -> str:
    """The path of a file that a table names; backslashes of Windows count where there is no such file."""
    path = audio / str(file)
    if "\\" in str(file) and not path.is_file():
        path = audio / str(file).replace("\\", "/")
    return str(path)


def _segment(values: Mapping[str, Any], speaker: str | None, where: str) -> Segment | None:
    if "start" not in values and "end" not in values:
        return None
    try:
        start_s, end_s = (number(values.get(name), name, where) for name in ("start", "end"))
    except CorpusError:
        raise CorpusError(f"{where}: start and end must both be numbers of seconds") from None
    if not 0 <= start_s < end_s:
        raise CorpusError(f"{where}: a stretch from {start_s:g} s to {end_s:g} s has no length: correct it")
    return Segment(start_s, end_s, speaker, int(number(values.get("channel", 0), "channel", where)))


def _rating(values: Mapping[str, Any], name: str, where: str, scale: str | None) -> float | None:
    if name not in values:
        return None
    try:
        value = number(values[name], name, where)
        value = value if scale is None else from_scale(value, scale)
    except CorpusError:
        value = math.nan
    except OptionError as error:
        raise CorpusError(f"{where}: {name}: {error}") from None
    if not -1 <= value <= 1:
        raise CorpusError(
            f"{where}: {name} is {values[name]!r}: it must be a number in [-1, 1], or empty where nobody "
            "rated it; give scale, such as 1..5, where the ratings are on another one"
        )
    return value


def votes_of(cell: Any, where: str) -> list[tuple[str | None, str]]:
    """The ``(rater or None, label)`` pairs of a cell, text or not; ``where`` is named in an error.

    Raises:
        CorpusError: an empty name, or raters on some votes only.
    """
    if not cell:
        return []
    votes: list[tuple[str | None, str]] = []
    for item in cell.split("|") if isinstance(cell, str) else cell:
        if isinstance(item, str):
            rater, sign, vote = item.partition("=")
            votes.append((unquote(rater), unquote(vote)) if sign else (None, unquote(item)))
        elif isinstance(item, Mapping):
            votes.append((item.get("rater"), str(item.get("label") or "")))
        else:
            votes.append((item[0], str(item[1])))
    if any(not vote.strip() or rater == "" for rater, vote in votes):
        raise CorpusError(f"{where}: votes are {cell!r}: write them as rater=label|rater=label")
    if len({rater is None for rater, _ in votes}) > 1:
        raise CorpusError(f"{where}: some votes name their rater and some do not: name all or none")
    return votes


def _soft(cell: Any, where: str) -> dict[str, float]:
    if not cell:
        return {}
    if isinstance(cell, str):
        parts = [item.partition("=") for item in cell.split("|")]
        pairs: list[tuple[str, Any]] = [(unquote(name), share) for name, _, share in parts]
    else:
        pairs = list(cell.items() if isinstance(cell, Mapping) else cell)
    shares = {str(name): number(share, f"the share of {name}", where) for name, share in pairs}
    low, total = min(shares.values()), sum(shares.values())
    if low < 0 or abs(total - 1) > 0.01:
        raise CorpusError(
            f"{where}: the shares of the soft label sum to {total:g}: write label=share|label=share, "
            "none below 0, together 1"
        )
    return shares


def _quoted(name: str) -> str:
    return name.replace("%", "%25").replace("|", "%7C").replace("=", "%3D")
