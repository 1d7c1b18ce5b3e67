"""Changes by name: what a recipe writes as a list of TOML tables, and back.

    [[change]]
    kind = "room"
    rt60_s = [0.2, 0.6]
    p = 0.3

A table is the options of the change of its ``kind``; ``[low, high]`` is a range; ``p`` is the share of sounds
it happens to. ``kind = "one_of"`` has ``changes``, a list of such tables, of which each sound gets one.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hearfelt.datasets.augment.base import Change, Compose, OneOf, Sometimes
from hearfelt.datasets.augment.codecs import Codec
from hearfelt.datasets.augment.noise import AddNoise
from hearfelt.datasets.augment.rooms import ImpulseResponses, Room
from hearfelt.datasets.augment.voice import Pitch, Speed, Tempo, VocalTract
from hearfelt.datasets.augment.waveform import (
    BandLimit,
    Clip,
    DCOffset,
    Dropouts,
    Gain,
    Pad,
    Polarity,
    Resample,
    TimeShift,
)
from hearfelt.datasets.toml import parse_toml
from hearfelt.errors import OptionError, unknown_name

KINDS: dict[str, type[Change]] = {
    "noise": AddNoise,
    "room": Room,
    "impulse_response": ImpulseResponses,
    "codec": Codec,
    "gain": Gain,
    "clip": Clip,
    "band_limit": BandLimit,
    "dc_offset": DCOffset,
    "polarity": Polarity,
    "time_shift": TimeShift,
    "pad": Pad,
    "dropouts": Dropouts,
    "resample": Resample,
    "tempo": Tempo,
    "speed": Speed,
    "pitch": Pitch,
    "vocal_tract": VocalTract,
}
"""Name of a change to its class; ``one_of`` is known besides."""


def read(path: Path) -> Compose:
    """The changes of a TOML file with a ``[[change]]`` table for each.

    Raises:
        OptionError: no such file, no valid TOML, no changes, an unknown kind or key, or a wrong value.
        MissingExtraError: Python 3.10 without tomli.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise OptionError(f"there is no recipe {path}: examples/augment.toml shows one") from None
    except (OSError, UnicodeDecodeError) as error:
        raise OptionError(f"the recipe {path} is not valid TOML: {error}") from None
    table = parse_toml(text, f"the recipe {path}")
    unknown = sorted(set(table) - {"change"})
    if unknown:
        raise unknown_name(f"key in {path}", unknown[0], ("change",))
    rows = table.get("change")
    if not isinstance(rows, list) or not rows:
        raise OptionError(f"{path} names no changes: write a [[change]] table for each")
    return from_table(rows)


def from_table(rows: Sequence[Mapping[str, Any]]) -> Compose:
    """The changes that a list of tables describes, in their order.

    Raises:
        OptionError: an unknown kind or key (the known ones are listed), or a value that does not fit.
    """
    return Compose(tuple(_change(row, f"change {number}") for number, row in enumerate(rows, start=1)))


def to_table(change: Change) -> list[dict[str, Any]]:
    """What `from_table` makes the same change of, as plain data."""
    if isinstance(change, Compose):
        return [row for part in change.changes for row in to_table(part)]
    if isinstance(change, Sometimes):
        rows = to_table(change.do)
        if len(rows) != 1 or "p" in rows[0]:
            raise OptionError("p stands for one change: give each of several its own")
        return [{**rows[0], "p": change.p}]
    if isinstance(change, OneOf):
        choices = [to_table(choice) for choice in change.changes]
        if any(len(rows) != 1 for rows in choices):
            raise OptionError("one_of chooses between single changes, not between chains of them")
        return [{"kind": "one_of", "changes": [row for rows in choices for row in rows]}]
    kind = next(name for name, known in KINDS.items() if type(change) is known)
    values = {f.name: getattr(change, f.name) for f in dataclasses.fields(change)}  # type: ignore[arg-type]
    plain = {k: list(v) if isinstance(v, tuple) else v for k, v in values.items() if v not in (None, ())}
    return [{"kind": kind, **plain}]


def _change(row: Mapping[str, Any], where: str) -> Change:
    if not isinstance(row, Mapping) or "kind" not in row:
        raise OptionError(f"{where} is {row!r}: it must be a table with a kind, one of {', '.join(_known())}")
    values = {key: value for key, value in row.items() if key not in ("kind", "p")}
    change = _of_kind(row["kind"], values, f"{where} ({row['kind']})")
    if "p" not in row:
        return change
    return Sometimes(_value(float, row["p"], "p", where), change)


def _of_kind(kind: Any, values: Mapping[str, Any], where: str) -> Change:
    if kind == "one_of":
        _check_keys(values, ("changes",), where)
        rows = values.get("changes")
        if not isinstance(rows, list) or not rows:
            raise OptionError(f"{where} has no changes to choose from: give a list of tables")
        return OneOf(tuple(_change(row, f"{where}, choice {i}") for i, row in enumerate(rows, start=1)))
    if kind not in KINDS:
        raise unknown_name("kind of change", kind, _known())
    chosen = KINDS[kind]
    hints = typing.get_type_hints(chosen)
    fields = {f.name: f for f in dataclasses.fields(chosen)}  # type: ignore[arg-type]
    _check_keys(values, tuple(fields), where)
    missing = [n for n, f in fields.items() if f.default is dataclasses.MISSING and n not in values]
    if missing:
        raise OptionError(f"{where} needs {', '.join(missing)}")
    try:
        return chosen(**{key: _value(hints[key], value, key, where) for key, value in values.items()})
    except OptionError as error:
        text = str(error)
        raise OptionError(text if text.startswith("change ") else f"{where}: {text}") from None


def _known() -> tuple[str, ...]:
    return (*KINDS, "one_of")


def _check_keys(values: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    for key in values:
        if key not in known:
            raise unknown_name(f"key in {where}", key, ("kind", "p", *known))


def _value(hint: Any, value: Any, key: str, where: str) -> Any:
    """A TOML value as the type of its field: whole numbers are numbers, lists are tuples."""
    accepted = (
        typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)
    )
    for kind in accepted:
        inner = typing.get_args(kind)
        if typing.get_origin(kind) is tuple and isinstance(value, list | tuple):
            if inner[-1] is not Ellipsis and len(value) != len(inner):
                continue
            return tuple(_value(inner[0], item, key, where) for item in value)
        if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        if isinstance(kind, type) and type(value) is kind:
            return value
    names = " or ".join(_called(kind) for kind in accepted if kind is not type(None))
    raise OptionError(f"{where} sets {key} to {value!r}: it must be {names}")


def _called(kind: Any) -> str:
    inner = typing.get_args(kind)
    if typing.get_origin(kind) is not tuple:
        return {"float": "a number", "int": "a whole number", "str": "a text", "bool": "true or false"}[
            kind.__name__
        ]
    if inner[-1] is Ellipsis:
        return "a list of whole numbers" if inner[0] is int else "a list of texts"
    return "a range [low, high]"
