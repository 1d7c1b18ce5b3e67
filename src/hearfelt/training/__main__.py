"""``python -m hearfelt.training RECIPE --data FOLDER --out RUN``: train, judge and publish a recipe."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from hearfelt.errors import HearfeltError, MissingExtraError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the stages asked for; 2 where hearfelt says no, with its sentence on standard error."""
    options = _parser().parse_args(arguments)
    try:
        _run(options)
    except HearfeltError as error:
        print(f"hearfelt: {error}", file=sys.stderr)
        return 2
    return 0


def _run(options: argparse.Namespace) -> None:
    try:
        import torch  # noqa: F401
    except ImportError:
        raise MissingExtraError("training", "torch", "train") from None
    from hearfelt.training import inputs, publish, recipe, run

    chosen = recipe.load(options.recipe)
    out = options.out or Path("runs") / chosen.name
    run.open_folder(chosen, out)
    if {"folds", "final"} & set(options.stage):
        clips = inputs.load(chosen, options.data, out.parent / "cache", report)
        if "folds" in options.stage and chosen.protocol.kind != "none":
            folds = run.protocol_splits(chosen, clips, options.data)
            run.run_folds(chosen, clips, folds, out, report, options.fold)
        if "final" in options.stage:
            run.run_final(chosen, clips, out, report)
    if "publish" in options.stage:
        if options.weights is None:
            report("no --weights folder given: nothing is published")
        else:
            publish.publish(chosen, out, options.weights)


def report(line: str) -> None:
    """One line of progress on standard error."""
    print(time.strftime("%H:%M:%S"), line, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m hearfelt.training", description=__doc__)
    parser.add_argument("recipe", type=Path, help="a TOML file, see recipes/")
    parser.add_argument(
        "--data",
        type=Path,
        default=Path(os.environ.get("HEARFELT_DATA", "../shared/data")),
        help="folder that holds audio/ and emobox/ (default: HEARFELT_DATA, else ../shared/data)",
    )
    parser.add_argument("--out", type=Path, help="the run's folder (default: runs/<name of the recipe>)")
    parser.add_argument(
        "--stage",
        nargs="+",
        choices=("folds", "final", "publish"),
        default=("folds", "final", "publish"),
        help="what to do; finished folds are not done again, an interrupted one goes on (default: all)",
    )
    parser.add_argument("--fold", type=int, nargs="+", default=(), help="only these folds (default: all)")
    parser.add_argument("--weights", type=Path, help="where to publish, such as src/hearfelt/weights/base")
    return parser


if __name__ == "__main__":
    sys.exit(main())
