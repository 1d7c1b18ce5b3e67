"""TOML as tables, on every Python that is supported."""

from __future__ import annotations

import sys
from typing import Any

from hearfelt.errors import MissingExtraError, OptionError


def parse_toml(text: str, what: str) -> dict[str, Any]:
    """A TOML text as a table; ``what`` names it in an error.

    Raises:
        OptionError: it is no valid TOML.
        MissingExtraError: Python 3.10 without tomli.
    """
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        try:
            import tomli as tomllib
        except ImportError:
            raise MissingExtraError("a recipe", "tomli", "train") from None
    try:
        table: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise OptionError(f"{what} is not valid TOML: {error}") from None
    return table
