"""How well the models of dialogue read MELD and EmoryNLP: official splits, weighted F1 on the test part.

    HEARFELT_DATA=DATA python benchmarks/dialogue.py [--quick] [--runs FOLDER] [--json FILE]

The recipes ``recipes/measured/meld.toml`` and ``emorynlp.toml`` are learnt in ``FOLDER/meld`` and
``FOLDER/emorynlp`` (an hour of one core; what is there is not learnt again) and scored as
``hearfelt benchmark dialogue`` does: epochs, temperature and shift are chosen on the dev part, the test part
is read once. Each ``…_wf1`` is the row of its name (``meld_context_cues_wf1``: ``context+cues``).
``cped_macro_f1`` is that of a run on CPED in ``FOLDER/cped``, else the Chinese text model's as ``chinese.py``
measured it last (``cped_from`` says which). ``--quick`` learns next to nothing from 60 dialogues and is
tested on 30: it shows that everything runs, its figures mean nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
CHINESE = ROOT / "benchmarks" / "results" / "chinese.json"
sys.path.insert(0, str(ROOT / "src"))

from hearfelt.datasets.dialogue import Dialogues, grouped  # noqa: E402
from hearfelt.evaluation import metrics  # noqa: E402
from hearfelt.training import changes, kinds  # noqa: E402
from hearfelt.training.dialogue import run  # noqa: E402
from hearfelt.training.watch import say  # noqa: E402

DATA = Path(os.environ.get("HEARFELT_DATA", ROOT.parent / "shared" / "data"))
KEYS = {
    ("meld", "text"): "meld_text_wf1",
    ("meld", "context"): "meld_context_wf1",
    ("meld", "context+cues"): "meld_context_cues_wf1",
    ("meld", "fused"): "meld_fused_wf1",
    ("emorynlp", "context"): "emorynlp_context_wf1",
}
"""Corpus and row to the name of its figure."""

GAINS = {
    ("meld", "text", "context"): "meld_context_gain",
    ("meld", "context", "context+cues"): "meld_cues_gain",
    ("emorynlp", "text", "context"): "emorynlp_context_gain",
}
"""Corpus and two rows to the name of what the second has more of weighted F1."""

QUICK = {
    "text.frozen_layers": 6,
    "text.loop.epochs": 1,
    "context.members": 1,
    "context.loop.epochs": 2,
}


def cut(table: Dialogues) -> Dialogues:
    """A table with the first dialogues of each part."""
    kept = []
    for split, count in (("train", 60), ("dev", 20), ("test", 30)):
        lines = table.part(split)
        kept += [lines[i] for group in grouped(lines)[:count] for i in group]
    return replace(table, lines=tuple(kept))


def gain(table: Dialogues, folder: Path, one: str, other: str) -> tuple[float, float]:
    """Interval of a difference in weighted F1: both rows answer the same 1,000 draws of test dialogues."""
    lines = table.part("test")
    found = {}
    for name in (one, other):
        with np.load(folder / "predictions" / f"{name}.npz") as stored:
            found[name] = stored["classes"][stored["test"].argmax(axis=1)]
    gold = np.array([line.label for line in lines])
    differences = [
        metrics.f1(gold[drawn], found[other][drawn], "weighted")
        - metrics.f1(gold[drawn], found[one][drawn], "weighted")
        for drawn in metrics.redrawn([line.dialogue for line in lines], 1000, 0)
    ]
    low, high = np.quantile(differences, [0.025, 0.975])
    return round(float(low), 4), round(float(high), 4)


def measured(corpus: str, runs: Path, quick: bool) -> tuple[Dialogues, dict[str, dict[str, Any]]]:
    """A corpus and those of its rows that have a name."""
    recipe = kinds.plan(ROOT / "recipes" / "measured" / f"{corpus}.toml").recipe
    table = run.read(recipe, str(DATA))
    rows = [row for name, row in KEYS if name == corpus]
    rows += [row for name, *two in GAINS if name == corpus for row in two if row not in rows]
    if quick:
        table, recipe = cut(table), changes.changed(recipe, QUICK)
    return table, run.judged(rows, table, run.opened(recipe, table, runs / corpus, say))


def figures(runs: Path, quick: bool) -> dict[str, Any]:
    """Everything that is printed, weighted F1 in [0, 1] with its interval."""
    found: dict[str, Any] = {}
    for corpus in dict.fromkeys(name for name, _ in KEYS):
        table, rows = measured(corpus, runs, quick)
        for (name, row), key in KEYS.items():
            if name == corpus:
                found[key] = round(rows[row]["weighted_f1"], 4)
                found[f"{key}_ci95"] = [round(end, 4) for end in rows[row]["weighted_f1_ci95"]]
        for (name, one, other), key in GAINS.items():
            if name == corpus:
                found[key] = round(rows[other]["weighted_f1"] - rows[one]["weighted_f1"], 4)
                found[f"{key}_ci95"] = gain(table, runs / corpus, one, other)
    chinese = run.stored_rows(runs / "cped")
    if chinese:
        best = max(chinese.values(), key=lambda row: row.get("dev_weighted_f1", 0.0))
        found |= {"cped_macro_f1": round(best["macro_f1"], 4), "cped_from": "a run of kind dialogue"}
    elif CHINESE.is_file():
        saved = json.loads(CHINESE.read_text(encoding="utf-8"))
        found |= {"cped_macro_f1": saved["cped_macro_f1"], "cped_from": "benchmarks/chinese.py"}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="next to nothing learnt, in a minute")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where runs are kept")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    options = parser.parse_args()
    if options.quick:
        with tempfile.TemporaryDirectory() as folder:
            found = figures(Path(folder), True)
    else:
        found = figures(options.runs, False)
    line = json.dumps(found | {"quick": options.quick})
    if options.json is not None:
        options.json.write_text(line + "\n", encoding="utf-8")
    print(line)


if __name__ == "__main__":
    main()
