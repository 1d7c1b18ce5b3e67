"""``python -m hearfelt.training RECIPE …``: as ``hearfelt train``, for ``accelerate launch -m``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from hearfelt.errors import HearfeltError
from hearfelt.training import command
from hearfelt.training.watch import How, say


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the stages asked for; 2 where hearfelt says no, with its sentence on standard error."""
    given = _parser().parse_args(arguments)
    stages = given.stage or ("folds", "final", *(("publish",) if given.weights else ()))
    try:
        command.train(
            command.Order(
                given.recipe,
                given.data,
                given.out,
                stages,
                given.fold,
                command.settings(given.set),
                given.weights,
                How(given.device, given.tensorboard, False, given.workers),
            ),
            say,
        )
    except HearfeltError as error:
        print(f"hearfelt: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m hearfelt.training", description=__doc__)
    parser.add_argument("recipe", help="a TOML file, see recipes/, or a corpus of your own")
    parser.add_argument("--data", help="what it learns from (default: HEARFELT_DATA, else ../shared/data)")
    parser.add_argument("--out", type=Path, help="the run's folder (default: runs/<name of the recipe>)")
    parser.add_argument("--stage", nargs="+", help="folds, final, publish (default: folds final)")
    parser.add_argument("--fold", type=int, nargs="+", default=(), help="only these folds (default: all)")
    parser.add_argument("--set", nargs="+", action="extend", default=[], help="KEY=VALUE of the recipe")
    parser.add_argument("--device", default="auto", help="auto, cpu or accelerate")
    parser.add_argument("--tensorboard", action="store_true", help="write curves")
    parser.add_argument("--workers", type=int, default=1, help="processes that measure clips")
    parser.add_argument("--weights", type=Path, help="where to publish, such as src/hearfelt/weights/base")
    return parser


if __name__ == "__main__":
    sys.exit(main())
