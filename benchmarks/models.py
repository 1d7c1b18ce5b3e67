"""What each cheap model hears: one table a protocol, every classical model under the same folds.

    python benchmarks/models.py                          # the rows of ROWS on both protocols
    python benchmarks/models.py --models svm,forest      # only these
    python benchmarks/models.py --quick                  # three models, two folds of each protocol

EmoDB, leave one speaker out: UAR over all held-out answers together. RAVDESS, EmoBox's six folds (speakers
held out): mean UA over folds. Intervals are 95 %, speakers drawn again 1000 times. Nothing is normalised by
speaker, nothing is tuned, every model has its default options and seed 0. A single model is not calibrated
here, which changes no answer and saves four fits of five; the members of a joined model are, since it
averages or stacks their probabilities.

Features are measured once and kept in runs/models/features; the answers of each fold in runs/models/folds
(both git-ignored): a run that was stopped goes on there. openSMILE's sets and networks are not in ROWS: name
them in --models where they may take their time. The corpora are looked for in HEARFELT_DATA, else in
../shared/data; one that is not there is left out, which is said. The last line is JSON.
"""

# ruff: noqa: E402 - the number of threads must be set before numpy is loaded
from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from hearfelt.datasets import corpora, splits
from hearfelt.evaluation import benchmark, markdown, tables
from hearfelt.models.classical import CLASSICAL
from hearfelt.training import systems

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("HEARFELT_DATA", ROOT.parent / "shared" / "data"))
OUT = ROOT / "runs" / "models"

ROWS = (
    "knn",
    "tree",
    "logistic",
    "svm",
    "svm-mel",
    "svm-both",
    "svm-rbf",
    "svm-rbf@functionals+mel",
    "forest",
    "mlp",
    "boosting",
    "average:svm+svm-mel",
    "stacking:svm+svm-mel",
)
QUICK = ("knn", "svm", "tree")


def say(line: str) -> None:
    """Progress on standard error."""
    print(time.strftime("%H:%M:%S"), line, file=sys.stderr, flush=True)


def maker(name: str, cache: Path) -> Callable[[], Any]:
    """What makes a model anew for each fold."""
    kind = name.partition("@")[0]
    if kind in CLASSICAL:
        return partial(systems.make, name, cache=cache, report=say, calibrate="never")
    if kind.partition(":")[0] in ("average", "stacking"):
        return partial(systems.make, name, cache=cache, report=say)
    return partial(systems.make, name)


def judged(corpus: str, names: Sequence[str], out: Path, folds: int | None) -> dict[str, Any] | None:
    """The table of one protocol; None where its corpus is not there."""
    if not (DATA / "audio" / corpus).is_dir():
        say(f"{corpus} is not in {DATA}: its table is left out")
        return None
    examples = corpora.read(corpus, DATA)
    loso = corpus == "emodb"
    kind = "leave one speaker out" if loso else "EmoBox folds"
    parts = (
        splits.leave_one_speaker_out(examples) if loso else splits.emobox(examples, DATA / "emobox" / corpus)
    )
    parts = parts[:folds]
    results = benchmark.run(
        {name: maker(name, out / "features") for name in names},
        examples,
        parts,
        folder=out / "folds" / corpus,
        report=say,
        options={"calibrate": "never"},
    )
    published = DATA / "emobox" / "published.csv"
    rows = tables.read_published(published, corpus) if not loso and folds is None else []
    return tables.table(
        results,
        splits.card(examples, parts, kind, seeds=(0,)),
        title=f"{corpus}, {kind}",
        protocol="UAR over all held-out answers." if loso else "Mean over EmoBox's folds.",
        mean_over_folds=not loso,
        published=rows,
    )


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", help="names as hearfelt benchmark takes them, with commas between")
    parser.add_argument("--quick", action="store_true", help="three models, two folds of each protocol")
    parser.add_argument("--corpora", default="emodb,ravdess", help="which of the two (default: both)")
    parser.add_argument("--out", type=Path, default=OUT, help="keeps features and folds")
    options = parser.parse_args(arguments)
    names = options.models.split(",") if options.models else (QUICK if options.quick else ROWS)
    found: dict[str, Any] = {}
    for corpus, key in (("emodb", "emodb_loso_uar"), ("ravdess", "ravdess_emobox_ua")):
        if corpus not in options.corpora.split(","):
            continue
        table = judged(corpus, names, options.out, 2 if options.quick else None)
        if table is None:
            continue
        print("\n\n".join([f"## {table['title']}", *markdown.benchmark_table(table)]), end="\n\n", flush=True)
        found[f"{key}_quick" if options.quick else key] = {
            row["name"]: row["uar"]["value"] for row in table["rows"] if row["kind"] == "ours"
        }
    print(json.dumps(found))
    return found


if __name__ == "__main__":
    main()
