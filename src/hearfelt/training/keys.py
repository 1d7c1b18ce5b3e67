"""Every key of every recipe as a page: ``python -m hearfelt.training.keys > docs/recipe-keys.md``."""

from __future__ import annotations

import dataclasses
import inspect
import re
import typing
from collections.abc import Iterator
from typing import Any

from hearfelt.training import changes
from hearfelt.training.kinds import KINDS

_HEAD = """# Every key of a recipe

Written by `python -m hearfelt.training.keys`; a test holds it to the code. A key in a section is set by its
dotted name, such as `--set loop.epochs=3`. Unknown keys are refused.
"""


def page() -> str:
    """The list as Markdown."""
    lines = [_HEAD]
    for name, kind in KINDS.items():
        lines += [f'## `kind = "{name}"`: {kind.about}', "", "| key | default | |", "|---|---|---|"]
        for dotted, default, about in keys(kind.options):
            lines.append(f"| `{dotted}` | {default} | {about} |")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def keys(options: type[Any], above: str = "", plain: Any = None) -> Iterator[tuple[str, str, str]]:
    """Dotted name, default and meaning of each key of an options dataclass, sections one after another."""
    hints, about = typing.get_type_hints(options), meanings(options)
    plain = options() if plain is None else plain
    sections: list[tuple[str, type[Any], Any]] = []
    for field in dataclasses.fields(options):
        inner = hints[field.name]
        if dataclasses.is_dataclass(inner) and isinstance(inner, type):
            sections.append((field.name, inner, getattr(plain, field.name)))
            continue
        of_each = typing.get_args(inner)
        if of_each and dataclasses.is_dataclass(of_each[0]):
            yield f"{above}{field.name}", "one", f"{about.get(field.name, '')} One `[[{field.name}]]` each."
            sections.append((f"{field.name}[]", typing.cast("type[Any]", of_each[0]), None))
            continue
        yield f"{above}{field.name}", _shown(getattr(plain, field.name)), about.get(field.name, "")
    for name, section, values in sections:
        yield from keys(section, f"{above}{name}.", values)


def meanings(options: type[Any]) -> dict[str, str]:
    """What the docstring of a dataclass says of each argument."""
    found: dict[str, str] = {}
    for kind in reversed(options.__mro__[:-1]):  # a class that only changes defaults says nothing anew
        found |= _described(kind.__doc__ or "")
    return {name: _cell(text) for name, text in found.items()}


def _described(doc: str) -> dict[str, str]:
    text = inspect.cleandoc(doc)
    found: dict[str, str] = {}
    names: list[str] = []
    inside = False
    for line in text.splitlines():
        if line.strip() == "Args:":
            inside = True
            continue
        if inside and line and not line.startswith(" "):
            break
        start = re.match(r" {4}([A-Za-z_][\w, ]*): (.*)", line)
        if inside and start:
            names = [name.strip() for name in start[1].split(",")]
            found |= dict.fromkeys(names, start[2].strip())
        elif inside and line.strip():
            for name in names:
                found[name] = f"{found[name]} {line.strip()}"
    return found


def _cell(text: str) -> str:
    return text.replace("``", "`").replace("|", "\\|").strip()


def _shown(value: Any) -> str:
    if value is None:
        return ""
    text = changes.to_toml({"x": changes.as_plain(value)}).strip().removeprefix("x = ")
    return "`{}`" if text.startswith("[x]") or not text else f"`{text}`"


if __name__ == "__main__":
    print(page(), end="")
