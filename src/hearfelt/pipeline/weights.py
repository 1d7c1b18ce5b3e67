"""The shipped weights and a user's own: finding a folder by name, and what its card says."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hearfelt.errors import LicenceError, ModelError, unknown_name

SHIPPED = Path(__file__).resolve().parent.parent / "weights"


def shipped() -> dict[str, Path]:
    """Name to folder of the weights in the package."""
    return {p.parent.name: p.parent for p in sorted(SHIPPED.glob("*/model.json"))}


def find(name: str, kind: str, also: Sequence[str] = ()) -> Path:
    """The folder of a model, given a shipped name or a folder.

    Args:
        also: other kinds that do.

    Raises:
        ModelError: the folder holds no model of that kind.
        OptionError: it is neither a folder nor a shipped name.
    """
    known = shipped()
    folder = known.get(name, Path(name))
    if name not in known and not folder.exists():
        raise unknown_name(f"{kind} model", name, [*_of_kind(kind), "none", "or a folder with a model.json"])
    found = card(folder).get("kind")
    if found != kind and found not in also:
        raise ModelError(f"{name} is a model for {found!r}, but a model for {kind!r} is wanted here")
    return folder


def texts(name: str) -> list[str]:
    """The text models that a name stands for: ``auto`` is every shipped one, English first."""
    return sorted(_of_kind("words")) if name == "auto" else [name]


def card(folder: Path) -> dict[str, Any]:
    """What ``model.json`` of a weights folder says.

    Raises:
        ModelError: it is missing or is no JSON object.
    """
    path = folder / "model.json"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(f"{folder} holds no model.json; a weights folder needs one") from None
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read ({error}); publish the model again") from None
    if not isinstance(data, dict):
        raise ModelError(f"{path} is not a JSON object; publish the model again")
    return data


def allow(data: dict[str, Any], profile: str) -> None:
    """Refuses weights that a profile may not use.

    Raises:
        LicenceError: the profile is commercial and the weights are not.
    """
    if profile == "commercial" and not data.get("commercial", False):
        raise LicenceError(
            f"the weights {data.get('name')!r} ({data.get('licence')}) may not be used in the commercial "
            "profile; give weights whose model.json says commercial, or use --profile research"
        )


def _of_kind(kind: str) -> list[str]:
    return [name for name, folder in shipped().items() if card(folder).get("kind") == kind]
