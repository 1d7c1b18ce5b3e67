"""``run.json``: what repeats a run, and the check that a folder belongs to it."""

from __future__ import annotations

import dataclasses
import datetime
import json
import platform
import subprocess
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from hearfelt.errors import OptionError, RunError
from hearfelt.features.logmel import LogMel
from hearfelt.training import table
from hearfelt.training.files import write_json
from hearfelt.types import Example

LIBRARIES = ("hearfelt", "numpy", "torch", "scikit-learn", "soundfile", "soxr", "onnxruntime")
"""Libraries whose version a run notes."""


TRAINED = "trained on the ratings of the corpora with a concordance loss"
"""What the card says of the dimensions of a network that has learnt them."""


def describe(recipe: Any) -> dict[str, Any]:
    """What repeats a run: its options, seed, code and versions."""
    versions = installed()
    return {
        "recipe": dataclasses.asdict(recipe),
        "seed": recipe.seed,
        "commit": commit(),
        "torch": versions.get("torch"),
        "created": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
    }


def card(
    recipe: Any, name: str, kind: str, labels: Sequence[str], temperature: float = 1.0
) -> dict[str, Any]:
    """What is needed to run a saved network; publishing adds scores and licence.

    Args:
        kind: ``voice`` where `hearfelt.models.onnx.VoiceModel` can run it.
    """
    facts = describe(recipe)
    return {
        "name": name,
        "version": recipe.version,
        "kind": kind,
        "labels": list(labels),
        "sample_rate_hz": recipe.features.sample_rate_hz,
        "features": {"space": LogMel().space, "options": dataclasses.asdict(recipe.features)},
        "temperature": temperature,
        "corpora": list(recipe.data.corpora),
        "licence": "unpublished",
        "commercial": False,
        "commit": facts["commit"],
        "created": facts["created"],
        "recipe": facts["recipe"],
    }


def installed() -> dict[str, str]:
    """Versions of Python and of those of `LIBRARIES` that are installed."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def commit() -> str:
    """The git commit of the code, a plus where files differ from it; "uncommitted" where there is none."""
    here = Path(__file__).parent
    try:
        run = [
            subprocess.run(["git", *words], cwd=here, capture_output=True, text=True, timeout=20, check=True)
            for words in (("rev-parse", "--short=12", "HEAD"), ("status", "--porcelain", "--", "."))
        ]
    except (OSError, subprocess.SubprocessError):
        return "uncommitted"
    return run[0].stdout.strip() + ("+" if run[1].stdout.strip() else "")


def open_folder(recipe: Any, out: Path) -> None:
    """Make the run's folder, or check that it belongs to the same recipe.

    A folder in which nothing was learnt yet, such as after a mistake in the recipe, is taken over.

    Raises:
        OptionError: the folder holds a run with other options.
        RunError: the folder cannot be made, or its ``run.json`` cannot be read.
    """
    path = out / "run.json"
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(
            f"the run folder {out} cannot be made ({error.strerror or error}): give another --out"
        ) from None
    options = json.loads(json.dumps(dataclasses.asdict(recipe)))
    if path.is_file() and any(other != path for other in out.iterdir()):
        stored = stored_run(out)["recipe"]
        defaults = json.loads(json.dumps(dataclasses.asdict(type(recipe)())))
        other = differing(_filled(stored, defaults), options)
        if other:
            more = f" and {len(other) - 1} more" if len(other) > 1 else ""
            raise OptionError(
                f"{out} holds a run with other options ({other[0]}{more}): give another --out or remove that "
                "folder"
            )
    else:
        write_json(path, describe(recipe))


def differing(before: Mapping[str, Any], now: Mapping[str, Any], above: str = "") -> list[str]:
    """Dotted keys whose values differ, each with both: ``loop.epochs 30 then, 60 now``."""
    found = []
    for key in dict.fromkeys((*before, *now)):
        old, new = before.get(key), now.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            found += differing(old, new, f"{above}{key}.")
        elif old != new:
            found.append(f"{above}{key} {old} then, {new} now")
    return found


def stored_run(out: Path) -> dict[str, Any]:
    """What ``run.json`` says.

    Raises:
        RunError: there is none, or it cannot be read.
    """
    try:
        found: dict[str, Any] = json.loads((out / "run.json").read_text(encoding="utf-8"))
        found["recipe"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{out / 'run.json'} describes no run ({error}): give another --out") from None
    return found


def note_data(
    out: Path, kind: str, examples: Sequence[Example], data: Path | str, device: str = "cpu"
) -> None:
    """Add to ``run.json`` what the clips are, or check that they are the same as when the run began.

    Raises:
        OptionError: the run began on other clips.
    """
    stored, facts = stored_run(out), table.facts(examples, data)
    before = stored.get("data")
    if before is None:
        more = {"kind": kind, "versions": installed(), "machine": platform.machine(), "device": device}
        write_json(out / "run.json", stored | more | {"data": facts})
    elif before["sha256"] != facts["sha256"]:
        raise OptionError(
            f"{out} holds a run on other clips ({before['clips']} then, {facts['clips']} now, from {data}): "
            "give another --out, or the data of that run"
        )


def _filled(stored: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """A stored recipe with the options that it is too old to name: they had the default's effect."""
    sections = {
        name: defaults[name] | value
        if isinstance(value, dict) and isinstance(defaults.get(name), dict)
        else value
        for name, value in stored.items()
    }
    return defaults | sections
