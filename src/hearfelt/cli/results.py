"""What the benchmarks of models have in common: models and results as they are named, tables as they come."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hearfelt.cli.options import Group
from hearfelt.errors import OptionError

if TYPE_CHECKING:
    from hearfelt.datasets.splits import Split
    from hearfelt.types import Example

Models = Annotated[
    str,
    typer.Option(
        help="Models to judge, such as svm,mlp@mel,average:svm+forest,voice,weights:FOLDER (docs/models.md)."
    ),
]


@dataclass(frozen=True, slots=True)
class Results:
    """Where results go, and what is drawn for them.

    Args:
        json, html, md: files to write, None for none.
        out: the run folder; None keeps no folds.
        samples: draws of speakers for an interval.
        seed: of the models that take one; None leaves them their own.
    """

    json: Path | None = None
    html: Path | None = None
    md: Path | None = None
    out: Path | None = None
    samples: int = 1000
    seed: int | None = None


RESULTS = Group(
    (
        ("json", Path, "Write everything to this .json file."),
        ("html", Path, "Write a page with plots to this .html file."),
        ("md", Path, "Write the tables to this .md file."),
        ("out", Path, "Run folder: keeps each fold; a run that was stopped goes on there."),
        ("samples", int, "Draws of speakers for an interval. [default: 1000]"),
        ("seed", int, "Seed of the models that take one. [default: their own]"),
    ),
    lambda given: Results(**given),
)
"""The options that are `Results`."""


def judged(
    systems: Mapping[str, Callable[[], Any]],
    examples: Sequence[Example],
    parts: Sequence[Split],
    kind: str,
    wanted: Results,
    *,
    part: str = "",
    options: Mapping[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """One table; its folds are kept in the run folder, below ``part``."""
    from hearfelt.datasets import splits
    from hearfelt.evaluation import benchmark, tables
    from hearfelt.training.watch import say

    place = None if wanted.out is None else wanted.out / part / "folds"
    options = {"seed": wanted.seed, **(options or {})}
    results = benchmark.run(systems, examples, parts, folder=place, report=say, options=options)
    card = splits.card(examples, parts, kind, seeds=() if wanted.seed is None else (wanted.seed,))
    return tables.table(results, card, samples=wanted.samples, **more)


def makers(models: str, wanted: Results, **options: Any) -> dict[str, Callable[[], Any]]:
    """What makes each of the models; an unknown name or option is refused before anything is measured."""
    from hearfelt.cli import sources

    if wanted.seed is not None:
        options["seed"] = wanted.seed
    found = sources.factories(models, cache=_cache(wanted.out), **options)
    for make in found.values():
        make()
    return found


def _cache(out: Path | None) -> Path:
    """Where features are kept: beside the folds, else in a folder that all runs share."""
    if out is not None:
        return out / "features"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hearfelt" / "features"


class Writer:
    """Prints each table when it is done, and keeps the files whole and up to date."""

    def __init__(self, title: str, wanted: Results, *, overview: bool = False) -> None:
        from hearfelt.evaluation import report

        self.overview = overview
        self.title, self.tables = title, list[dict[str, Any]]()
        self.paths = []
        self._command = shlex.join(["hearfelt", *sys.argv[1:]])
        for path, ending in ((wanted.json, ".json"), (wanted.html, ".html"), (wanted.md, ".md")):
            if path is None:
                continue
            if report.checked(path) != ending:
                raise OptionError(f"--{ending[1:]} {path} must end in {ending}")
            self.paths.append(path)

    def add(self, table: dict[str, Any]) -> None:
        from hearfelt.evaluation import markdown, report, tables

        self.tables.append(table)
        print("\n\n".join([f"## {table['title']}", *markdown.benchmark_table(table)]), end="\n\n", flush=True)
        found = tables.benchmark(self.title, self.tables, self._command, overview=self.overview)
        for path in self.paths:
            report.write(found, path)

    def summary(self) -> str:
        """All tables so far in one, a line a row."""
        from hearfelt.evaluation import markdown, tables

        return markdown.overview(tables.benchmark(self.title, self.tables, overview=True))
