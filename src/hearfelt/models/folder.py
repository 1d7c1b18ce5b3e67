"""The folder of a saved model: weights and a readable ``model.json``, whole or not there."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hearfelt.errors import ModelError
from hearfelt.models import onnx
from hearfelt.models.estimators import Fitted, Normaliser
from hearfelt.models.regressors import Regressors
from hearfelt.types import Example

FACTS = ("corpora", "licence", "trained_on")
"""Keys of the card that say what the model has learnt from."""


def facts(examples: Sequence[Example]) -> dict[str, Any]:
    """What a card says of the training clips."""
    return {
        "corpora": sorted({e.corpus for e in examples if e.corpus}),
        "licence": "; ".join(sorted({e.licence for e in examples if e.licence})) or "unknown",
        "trained_on": {
            "clips": len(examples),
            "speakers": len({(e.corpus, e.speaker) for e in examples if e.speaker}),
        },
    }


@contextlib.contextmanager
def writing(folder: Path, card: Mapping[str, Any]) -> Iterator[Path]:
    """A new folder to write weights into; with ``model.json`` it becomes ``folder`` when the block ends well.

    A folder that is there already is replaced by the new one; nothing of it is lost where writing fails.

    Raises:
        ModelError: the folder cannot be written, or is there and holds something that is no model.
    """
    if folder.exists() and not (folder.is_dir() and (_is_model(folder) or not any(folder.iterdir()))):
        raise ModelError(f"{folder} is there and holds no model: give a new folder, or an empty one")
    part = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    old = folder.with_name(f".{folder.name}.{os.getpid()}.old")
    try:
        part.mkdir(parents=True)
        yield part
        text = json.dumps(card, indent=1, ensure_ascii=False) + "\n"
        (part / "model.json").write_text(text, encoding="utf-8")
        if folder.exists():
            folder.rename(old)
        part.rename(folder)
    except OSError as error:
        raise ModelError(
            f"the model cannot be written to {folder} ({error}): free space or choose another"
        ) from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def _is_model(folder: Path) -> bool:
    return (folder / "model.json").is_file()


def read_card(folder: Path, kinds: Sequence[str]) -> dict[str, Any]:
    """What ``model.json`` says.

    Raises:
        ModelError: no such file, a broken one, or a model of another kind.
    """
    card = onnx.read_card(Path(folder), ("name", "kind", "labels"))
    if card["kind"] not in kinds:
        raise ModelError(
            f"{folder} holds a model of kind {card['kind']!r}: this reads {' or '.join(map(repr, kinds))}"
        )
    return card


def unpacked(fitted: Fitted) -> dict[str, Any]:
    """A learner as plain values that skops can write."""
    found: dict[str, Any] = {"pipeline": fitted.pipeline, "classes": fitted.classes, "normaliser": None}
    if fitted.normaliser is not None:
        one = fitted.normaliser
        found["normaliser"] = {"kind": one.kind, "mean": one.mean, "deviation": one.deviation}
    return found


def packed(values: Mapping[str, Any]) -> Fitted:
    """The learner that `unpacked` took apart."""
    normaliser = None if values["normaliser"] is None else Normaliser(**values["normaliser"])
    return Fitted(normaliser, values["pipeline"], np.asarray(values["classes"]))


def regressors(found: Regressors | None) -> dict[str, Any]:
    """The pipelines of the dimensions."""
    return {} if found is None else found.pipelines
