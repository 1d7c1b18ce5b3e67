"""A run of the kind ``causal``: adapters learnt on dialogues, the test lines asked once, scores, the model.

``out/checkpoint.pt`` is gone on from, ``out/final`` holds the adapters, ``out/scores.json`` and
``out/table.md`` how good they are beside the majority of the training lines.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hearfelt.datasets.dialogue import Dialogues, Line
from hearfelt.training import runfolder
from hearfelt.training.causal.model import CausalModel
from hearfelt.training.causal.recipe import CausalRecipe
from hearfelt.training.dialogue import report
from hearfelt.training.dialogue.base import DialogueModel, Setting
from hearfelt.training.dialogue.models import Majority
from hearfelt.training.dialogue.options import DialogueRecipe
from hearfelt.training.dialogue.run import read, told
from hearfelt.training.files import atomic, write_json
from hearfelt.training.watch import How, Report


def train(recipe: CausalRecipe, source: str, out: Path, tell: Report, how: How) -> None:
    """Learn, score, save; see the module.

    Raises:
        HearfeltError: a recipe, a base, data, a disk or a loss that does not hold together; what was done
            stays.
    """
    table = read(recipe, source)
    runfolder.open_folder(recipe, out)
    facts = runfolder.describe(recipe) | {
        "version": recipe.version,
        "corpora": [table.name],
        "licence": f"that of the base and of the words ({table.licence})",
        "protocol": table.protocol,
    }
    model = CausalModel(
        table.labels, recipe.model, out, name=recipe.name, seed=recipe.seed, report=tell, how=how, card=facts
    )
    setting = Setting(DialogueRecipe(), table.labels, table.measures, out, tell, how)
    rows = {"majority": judged(Majority(setting), table), recipe.name: judged(model, table)}
    if recipe.model.speaker_weight:
        asked, hits = model.speakers_found(table.part("test"))
        rows[recipe.name]["speaker"] = {"asked": asked, "right": hits}
        tell(f"who speaks: {hits} of {asked} test turns right")
    model.card["scores"] = rows[recipe.name]
    model.save(out / "final")
    write_json(out / "scores.json", {"corpus": table.name, "models": rows})
    with atomic(out / "table.md") as part:
        part.write_text("\n".join(told(table, rows)) + "\n", encoding="utf-8")


def judged(model: DialogueModel, table: Dialogues) -> dict[str, Any]:
    """A model learnt, asked and scored; what its training cost is told beside."""
    began = time.monotonic()
    model.fit(table.part("train") + table.part("dev"))
    fit_s = time.monotonic() - began
    dev: tuple[Sequence[Line], Any] = (table.part("dev"), model.predict_proba(table.part("dev")))
    began = time.monotonic()
    test = (table.part("test"), model.predict_proba(table.part("test")))
    row = report.scores(model.classes_, dev, test)
    return row | {"fit_s": fit_s, "predict_s": time.monotonic() - began, "protocol": "whole test part"}


def row(setting: Setting) -> DialogueModel:
    """The row ``causal`` of the table of dialogue models, by ``[causal]`` of its recipe."""
    return CausalModel(
        setting.labels,
        setting.recipe.causal,
        setting.folder / "causal",
        seed=setting.recipe.seed,
        report=setting.report,
        how=setting.how,
    )
