"""``python -m hearfelt.training.words recipes/words.toml``: the text model from its recipe.

It trains, chooses the epoch and every threshold on the development split, exports, quantises, compares with
torch, writes the weights folder and the predictions for fusion. The test split is read once, at the end, for
the card.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Sequence
from pathlib import Path

from hearfelt.training.recipe import read
from hearfelt.training.words.release import predict, release
from hearfelt.training.words.tune import TextRecipe, Words, fit, goemotions_file, load


def main(arguments: Sequence[str] | None = None) -> None:
    """``python -m hearfelt.training.words RECIPE [--run FOLDER] [--weights FOLDER] [--predict] …``."""
    parser = argparse.ArgumentParser(prog="hearfelt.training.words", description=__doc__)
    parser.add_argument("recipe", type=Path, help="a TOML file such as recipes/words.toml")
    parser.add_argument("--run", type=Path, default=Path("runs/words"), help="folder for checkpoints")
    parser.add_argument("--weights", type=Path, help="folder to release to (default: RUN/weights)")
    parser.add_argument(
        "--predict",
        action="store_true",
        help="only write RUN/dev.npz and test.npz, of the model in --weights",
    )
    parser.add_argument("--resume", action="store_true", help="do not train, release RUN/best.pt")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    recipe = read(TextRecipe, given.recipe)
    splits = load(goemotions_file())
    if given.predict:
        predict(given.weights or given.run / "weights", splits, given.run)
        return
    import torch

    torch.manual_seed(recipe.seed)
    words = Words(recipe)
    given.run.mkdir(parents=True, exist_ok=True)
    if not given.resume:
        fit(words, splits, given.run)
    words.restore(torch.load(given.run / "best.pt"))
    target = given.weights or given.run / "weights"
    print(json.dumps(release(words, splits, target, given.run, given.recipe.name)))


if __name__ == "__main__":
    main()
