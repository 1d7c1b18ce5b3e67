"""A run on dialogues: each model learnt, asked for its test lines once, and scored.

``out/run.json`` repeats it, ``out/encoder0 …`` and ``out/NAME/member0 …`` hold checkpoints and logs,
``out/predictions/NAME.npz`` what each model said of the dev and test lines, ``out/scores.json`` and
``out/table.md`` how good that was. What is there is not done again.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from hearfelt.datasets import dialogue
from hearfelt.datasets.dialogue import Dialogues
from hearfelt.errors import OptionError
from hearfelt.training import runfolder
from hearfelt.training.dialogue import models, report
from hearfelt.training.dialogue.base import DialogueModel, Setting
from hearfelt.training.dialogue.options import DialogueData, DialogueRecipe
from hearfelt.training.files import atomic, write_json
from hearfelt.training.watch import How, Report


class OfDialogue(Protocol):
    """A recipe of any kind that learns from dialogues."""

    @property
    def data(self) -> DialogueData:
        """What is learnt."""
        ...


def read(recipe: OfDialogue, source: str) -> Dialogues:
    """The table to learn from.

    Args:
        source: the folder that holds ``text/`` where the recipe names a corpus; else a known corpus (found
            under HEARFELT_DATA) or a table.

    Raises:
        OptionError, CorpusError: see `hearfelt.datasets.dialogue.read`.
    """
    if recipe.data.corpora:
        return dialogue.read(recipe.data.corpora[0], Path(source))
    root = Path(os.environ.get("HEARFELT_DATA", "../shared/data"))
    return dialogue.read(source, root, seed=recipe.data.seed)


def train(recipe: DialogueRecipe, source: str, out: Path, tell: Report, how: How) -> None:
    """Learn and score the models of a recipe; see the module.

    Raises:
        HearfeltError: a recipe, data, a disk or a loss that does not hold together; what was done stays.
    """
    table = read(recipe, source)
    setting = opened(recipe, table, out, tell, how)
    judged(recipe.models, table, setting)


def opened(
    recipe: DialogueRecipe, table: Dialogues, out: Path, tell: Report, how: How | None = None
) -> Setting:
    """The run's folder, made or found to belong to the same recipe and the same lines.

    Raises:
        OptionError: it holds a run with other options or other lines.
        RunError: it cannot be made.
    """
    # Which rows are asked for is no part of what a row learns: one folder serves any of them.
    runfolder.open_folder(replace(recipe, models=()), out)
    stored, facts = runfolder.stored_run(out), _facts(table)
    if "data" not in stored:
        more = {"kind": "dialogue", "versions": runfolder.installed(), "data": facts}
        write_json(out / "run.json", stored | more)
    elif stored["data"] != facts:
        raise OptionError(
            f"{out} holds a run on other lines ({stored['data']['name']} then, {table.name} now): "
            "give another --out, or the data of that run"
        )
    return Setting.of(recipe, table, out, report=tell, how=how or How())


def _facts(table: Dialogues) -> dict[str, Any]:
    packed = json.dumps([asdict(line) for line in table.lines], ensure_ascii=False).encode()
    counts = {part: len(table.part(part)) for part in dialogue.SPLITS}
    return {"name": table.name, "lines": counts, "sha256": hashlib.sha256(packed).hexdigest()}


def judged(names: Sequence[str], table: Dialogues, setting: Setting) -> dict[str, dict[str, Any]]:
    """Name of each model to its figures, in the order given; written to ``scores.json`` after each.

    Raises:
        OptionError: an unknown model, or one that needs measures the table has not; before any learns.
    """
    built = {name: models.build(name, setting) for name in names}
    known = stored_rows(setting.folder)
    for name, model in built.items():
        if name in known and _place(setting, name).is_file() and _same(model, known[name]):
            continue
        setting.report(f"{name}: begins")
        known[name] = _judged(name, model, table, setting)
        write_json(setting.folder / "scores.json", {"corpus": table.name, "models": known})
        with atomic(setting.folder / "table.md") as part:
            part.write_text("\n".join(told(table, known)) + "\n", encoding="utf-8")
    return {name: known[name] for name in names}


def _judged(name: str, model: DialogueModel, table: Dialogues, setting: Setting) -> dict[str, Any]:
    """One model: learnt, asked, its probabilities kept, scored."""
    lines, test_lines = table.part("dev"), table.part("test")
    began, setting.encoders.spared_s = time.monotonic(), 0.0
    model.fit(table.part("train") + lines)
    fit_s = time.monotonic() - began + setting.encoders.spared_s
    dev = model.predict_proba(lines)
    began, setting.encoders.spared_s = time.monotonic(), 0.0
    test = model.predict_proba(test_lines)
    predict_s = time.monotonic() - began + setting.encoders.spared_s
    place = _place(setting, name)
    place.parent.mkdir(exist_ok=True)
    with atomic(place) as part, part.open("wb") as stream:
        np.savez(stream, dev=dev, test=test, classes=np.array(model.classes_))
    row = report.scores(model.classes_, (lines, dev), (test_lines, test))
    row |= {"fit_s": fit_s, "predict_s": predict_s, "protocol": "whole test part"}
    if hasattr(model, "weights_"):
        row["weights"] = model.weights_
    return row


def _same(model: DialogueModel, row: dict[str, Any]) -> bool:
    """Whether a row that is there was fused from the same others."""
    others = getattr(model, "models", None)
    return others is None or set(others) == set(row["weights"])


def _place(setting: Setting, name: str) -> Path:
    """Where the probabilities of a model are kept."""
    return setting.folder / "predictions" / f"{name}.npz"


def stored_rows(folder: Path) -> dict[str, dict[str, Any]]:
    """The figures that a run has so far."""
    path = folder / "scores.json"
    if not path.is_file():
        return {}
    rows: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["models"]
    return rows


def told(table: Dialogues, rows: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The table in Markdown with its protocol above."""
    return [*report.protocol(table), "", *report.lines_of(rows)]
