"""Recipes as plain tables: change single keys by dotted names, write a recipe back as TOML."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from hearfelt.datasets.toml import parse_toml
from hearfelt.errors import OptionError
from hearfelt.training.recipe import from_table

T = TypeVar("T")


def changed(recipe: T, changes: Mapping[str, Any]) -> T:
    """A recipe with some keys set, such as ``{"loop.epochs": 3}``.

    Raises:
        OptionError: an unknown key (the known ones are listed), or a value of the wrong type.
    """
    table = as_table(recipe)
    for dotted, value in changes.items():
        *sections, key = dotted.split(".")
        inner = table
        for section in sections:
            inner = inner.setdefault(section, {})
            if not isinstance(inner, dict):
                raise OptionError(f"{dotted!r} cannot be set: {section!r} is no section of the recipe")
        inner[key] = value
    return from_table(type(recipe), table)


def parse(settings: Sequence[str]) -> dict[str, Any]:
    """Dotted keys and their values from texts such as ``loop.epochs=3`` or ``network.channels=[8, 16]``.

    A value that is not TOML is taken as a text: ``name=mine`` needs no quotes.

    Raises:
        OptionError: a text without ``=``.
    """
    found = {}
    for setting in settings:
        key, sign, text = setting.partition("=")
        if not sign or not key.strip():
            raise OptionError(f"cannot set {setting!r}: write KEY=VALUE, such as loop.epochs=3")
        try:
            found[key.strip()] = parse_toml(f"value = {text.strip()}", setting)["value"]
        except OptionError:
            found[key.strip()] = text.strip()
    return found


def as_table(options: Any) -> dict[str, Any]:
    """An options dataclass as a table that TOML can hold: no None, lists for tuples."""
    return {
        f.name: as_plain(value)
        for f in dataclasses.fields(options)
        if (value := getattr(options, f.name)) is not None
    }


def as_plain(value: Any) -> Any:
    """A value as TOML can hold it: tables for dataclasses, lists for tuples."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return as_table(value)
    if isinstance(value, Mapping):
        return {str(key): as_plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [as_plain(item) for item in value]
    return value


def to_toml(recipe: Any, comment: str = "") -> str:
    """A recipe as TOML that `recipe.read` reads back to the same."""
    lines = [f"# {line}" for line in comment.splitlines()]
    _section(as_table(recipe) if dataclasses.is_dataclass(recipe) else dict(recipe), "", lines)
    return "\n".join(lines) + "\n"


def _section(table: Mapping[str, Any], name: str, lines: list[str]) -> None:
    # TOML wants the values of a section before its inner sections.
    for key, value in table.items():
        if not isinstance(value, Mapping):
            lines.append(f"{_key(key)} = {_value(value)}")
    for key, value in table.items():
        if isinstance(value, Mapping):
            inner = f"{name}.{_key(key)}" if name else _key(key)
            lines += ["", f"[{inner}]"]
            _section(value, inner, lines)


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key, ensure_ascii=False)


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)
