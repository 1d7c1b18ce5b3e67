"""``python -m hearfelt.training.words.chinese_run recipes/words-zh.toml``: the Chinese text model.

It learns once a fold, holding some series out, and once from all lines to learn from; it chooses the map to
seven classes, the temperature and the balance of labels on what the folds said of series they had not heard,
exports, and scores the test part once, at the end, for the card.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hearfelt.errors import HearfeltError
from hearfelt.language.words.cped import LABELS
from hearfelt.training import runfolder
from hearfelt.training.recipe import read
from hearfelt.training.watch import How, Report, say
from hearfelt.training.words import chinese, packed
from hearfelt.training.words.chinese import Above, Below, ChineseRecipe, Lines
from hearfelt.training.words.chinese_release import release

Array = npt.NDArray[Any]


def learned(
    recipe: ChineseRecipe, below: Below, lines: Lines, run: Path, report: Report, how: How
) -> tuple[Above, Array]:
    """The model that has learnt all lines, and held-out logits ``(n_lines, 13)`` of the folds' models.

    What is done already in the folder is not done again.
    """
    states = below.states(lines.texts, report)
    held_out = np.zeros((len(lines.texts), len(LABELS)), np.float32)
    for number, (train, test) in enumerate(chinese.parts(lines, recipe.folds)):
        report(f"fold {number + 1} of {len(recipe.folds)}: series {', '.join(recipe.folds[number])} held out")
        model = chinese.learn(
            recipe,
            below.encoder,
            [states[i] for i in train],
            lines.labels[train],
            run / f"fold{number}",
            report,
            how,
        )
        held_out[test] = model.logits([states[i] for i in test])
    report("all series")
    whole = chinese.learn(recipe, below.encoder, states, lines.labels, run / "all", report, how)
    return whole, held_out


def main(arguments: Sequence[str] | None = None) -> int:
    """``… RECIPE [--data FOLDER] [--run FOLDER] [--weights FOLDER]``."""
    parser = argparse.ArgumentParser(prog="hearfelt.training.words.chinese_run", description=__doc__)
    parser.add_argument("recipe", type=Path, help="a TOML file such as recipes/words-zh.toml")
    parser.add_argument("--data", type=Path, help="folder that holds text/ (else HEARFELT_DATA)")
    parser.add_argument("--run", type=Path, default=Path("runs/words-zh"), help="run folder; gone on from")
    parser.add_argument("--weights", type=Path, help="folder to release to (default: RUN/weights)")
    given = parser.parse_args(arguments)
    try:
        recipe = read(ChineseRecipe, given.recipe)
        data = given.data or Path(os.environ.get("HEARFELT_DATA", "../shared/data"))
        runfolder.open_folder(recipe, given.run)
        lines = chinese.read(data)
        file = Path(recipe.base) if recipe.base else packed.packaged()
        below = Below(recipe, packed.read(file, layers=recipe.frozen + recipe.tuned))
        model, held_out = learned(recipe, below, lines["learn"], given.run, say, How(device="cpu"))
        np.save(given.run / "held_out.npy", held_out)
        weights = given.weights or given.run / "weights"
        card = release(recipe, given.recipe.name, below, model, held_out, lines, weights, say)
    except HearfeltError as error:
        print(f"hearfelt: {error}", file=sys.stderr)
        return 2
    print(json.dumps({"model_mb": card["scores"]["model_mb"], **card["scores"]["test"]}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
