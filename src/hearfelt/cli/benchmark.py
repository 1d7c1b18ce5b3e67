"""``hearfelt benchmark``: models learnt and judged fold by fold under one protocol."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hearfelt.cli import dialogue, stress
from hearfelt.errors import OptionError, unknown_name

if TYPE_CHECKING:
    from hearfelt.datasets.splits import Split
    from hearfelt.types import Example

app = typer.Typer(
    help="Judge models on the folds of a protocol.", no_args_is_help=True, rich_markup_mode=None
)
app.command("stress")(stress.stress)
app.command("dialogue")(dialogue.dialogue)

NORMALISATIONS = ("none", "speaker", "running")

Models = Annotated[
    str,
    typer.Option(
        help="Models to judge, such as svm,mlp@mel,average:svm+forest,voice,weights:FOLDER (docs/models.md)."
    ),
]
Json = Annotated[Path | None, typer.Option("--json", help="Write everything to this .json file.")]
Html = Annotated[Path | None, typer.Option(help="Write a page with plots to this .html file.")]
Md = Annotated[Path | None, typer.Option("--md", help="Write the tables to this .md file.")]
Out = Annotated[
    Path | None, typer.Option(help="Run folder: keeps each fold; a run that was stopped goes on there.")
]
Folder = Annotated[
    Path | None, typer.Option(help="Folder that holds audio/ of known corpora. [default: HEARFELT_DATA]")
]
Samples = Annotated[int, typer.Option(help="Draws of speakers for an interval.")]
Seed = Annotated[int | None, typer.Option(help="Seed of the models that take one. [default: their own]")]


@app.command()
def emobox(
    models: Models,
    corpora: Annotated[str, typer.Option(help="Corpora, such as emodb,ravdess,savee.")],
    data: Annotated[
        Path | None,
        typer.Option(
            help="Folder that holds audio/ (or that wav names start from). [default: HEARFELT_DATA]"
        ),
    ] = None,
    folds: Annotated[
        Path | None, typer.Option(help="Folder with a folder of fold files a corpus. [default: DATA/emobox]")
    ] = None,
    published: Annotated[
        Path | None, typer.Option(help="Published results as CSV. [default: FOLDS/published.csv if there]")
    ] = None,
    json: Json = None,
    html: Html = None,
    md: Md = None,
    out: Out = None,
    samples: Samples = 1000,
    seed: Seed = None,
) -> int:
    """EmoBox's folds: mean UA, WA and macro F1 over folds, beside published results."""
    from hearfelt.cli import sources
    from hearfelt.datasets import splits
    from hearfelt.evaluation import tables

    where = sources.data_folder(data)
    lists = folds or where / "emobox"
    results = published or lists / "published.csv"
    writer = _Writer("EmoBox folds", json, html, md)
    makers = _makers(models, out, seed)
    for corpus in sources.names(corpora, "--corpora"):
        examples = _emobox_corpus(corpus, where, lists)
        parts = splits.emobox(examples, lists / corpus)
        tables.check_folds(examples, parts)
        known = tables.read_published(results, corpus) if published or results.is_file() else []
        writer.add(
            _judged(
                makers,
                examples,
                parts,
                "EmoBox folds",
                out and out / corpus,
                seed,
                title=f"{corpus}, EmoBox folds",
                protocol="Mean over EmoBox's folds (Ma et al., arXiv:2406.07162).",
                mean_over_folds=True,
                published=known,
                samples=samples,
            )
        )
    return 0


@app.command()
def loso(
    models: Models,
    data: Annotated[str, typer.Option(help="Tables (.csv, .parquet) and known corpora, with commas.")],
    folds: Annotated[
        int | None, typer.Option(help="Deal speakers to so many folds instead of one fold a speaker.")
    ] = None,
    normalise: Annotated[
        str, typer.Option(help="none; speaker: by all the speaker's clips; running: by the first 1, 3, 10.")
    ] = "none",
    mapping: Annotated[
        list[str] | None, typer.Option("--map", help="Rename a gold label: calm=neutral; may be given again.")
    ] = None,
    drop: Annotated[str | None, typer.Option(help="Leave clips with these gold labels out: a,b.")] = None,
    folder: Folder = None,
    json: Json = None,
    html: Html = None,
    md: Md = None,
    out: Out = None,
    samples: Samples = 1000,
    seed: Seed = None,
) -> int:
    """Leave one speaker out: every clip is answered by a model that never heard its speaker."""
    from hearfelt.cli import sources
    from hearfelt.datasets import splits
    from hearfelt.evaluation import running

    if normalise not in NORMALISATIONS:
        raise unknown_name("normalisation", normalise, NORMALISATIONS)
    writer = _Writer(f"Leave one speaker out: {data}", json, html, md)
    examples = sources.renamed(sources.read(data, folder), mapping or (), drop)
    if folds is None:
        kind, parts = "leave one speaker out", splits.leave_one_speaker_out(examples)
    else:
        kind, parts = f"{folds} folds of speakers", splits.speaker_folds(examples, folds)
    protocol = "UAR over all held-out answers. No normalisation by speaker."
    if normalise == "none":
        makers = _makers(models, out, seed)
    elif normalise == "speaker":
        makers = _makers(models, out, seed, normalise="own-speakers")
        protocol = (
            "UAR over all held-out answers. NORMALISED BY SPEAKER: each test speaker's features are brought "
            "to mean 0 and variance 1 over all clips of that speaker, heard before the first answer."
        )
    else:
        makers = _makers(models, out, seed, normalise="train-speakers")
        makers, parts, more = running.prepare(makers, examples, parts)
        protocol = f"UAR over all held-out answers. {more}"
    writer.add(
        _judged(
            makers,
            examples,
            parts,
            kind,
            out,
            seed,
            title=f"{data}, {kind}" + ("" if normalise == "none" else f", normalised ({normalise})"),
            protocol=protocol,
            mean_over_folds=False,
            samples=samples,
            options={"normalise": normalise},
        )
    )
    return 0


@app.command()
def cross(
    models: Models,
    train: Annotated[str | None, typer.Option(help="Corpora or tables to learn from.")] = None,
    test: Annotated[
        str | None, typer.Option(help="Corpora or tables to be tested on, each for itself.")
    ] = None,
    all_pairs: Annotated[
        str | None, typer.Option(help="Instead: learn from each of these and be tested on each other one.")
    ] = None,
    each: Annotated[
        str | None, typer.Option(help="Instead: be tested on each of these, learnt from all the others.")
    ] = None,
    folder: Folder = None,
    json: Json = None,
    html: Html = None,
    md: Md = None,
    out: Out = None,
    samples: Samples = 1000,
    seed: Seed = None,
) -> int:
    """Learn from some corpora, be tested on others: shared labels only, nothing adapted."""
    from hearfelt.cli import sources
    from hearfelt.datasets import splits

    if [all_pairs is None, each is None, train is None or test is None].count(False) != 1:
        raise OptionError("give --train with --test, or --all-pairs, or --each: one of the three")
    writer = _Writer("Cross-corpus", json, html, md, overview=True)
    given = all_pairs or each or f"{train},{test}"
    if len(sources.names(given, "the corpora")) < 2:
        raise OptionError(f"{'--all-pairs' if all_pairs else '--each'} {given} names one: give at least 2")
    examples, known = [], {}
    for source in sources.names(given, "the corpora"):
        part = sources.read(source, folder)
        known[source] = sorted({e.corpus for e in part})
        examples += part
    learn, asked = (sources.names(text or given, "the corpora") for text in (train, test))
    makers = _makers(models, out, seed)
    for goal in asked:
        if all_pairs:
            sides = [[name] for name in learn if name != goal]
        elif each:
            sides = [[name for name in learn if name != goal]]
        else:
            sides = [learn]
        for side in sides:
            names = [corpus for name in side for corpus in known[name]]
            split = splits.cross_corpus(examples, names, known[goal])
            shared = sorted({str(examples[i].gold) for i in split.test})
            writer.add(
                _judged(
                    makers,
                    examples,
                    [split],
                    "cross-corpus",
                    out,
                    seed,
                    title=f"{split.name}, {len(shared)} shared labels",
                    protocol=f"Shared labels only ({', '.join(shared)}); nothing adapted to the test corpus.",
                    mean_over_folds=False,
                    samples=samples,
                )
            )
    print(writer.summary())
    return 0


def _judged(
    makers: Mapping[str, Callable[[], Any]],
    examples: Sequence[Example],
    parts: Sequence[Split],
    kind: str,
    folder: Path | None,
    seed: int | None,
    *,
    options: Mapping[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """One table; its folds are kept in ``folder``."""
    from hearfelt.datasets import splits
    from hearfelt.evaluation import benchmark, tables
    from hearfelt.training.watch import say

    place = None if folder is None else folder / "folds"
    results = benchmark.run(
        makers, examples, parts, folder=place, report=say, options={"seed": seed, **(options or {})}
    )
    seeds = () if seed is None else (seed,)
    return tables.table(results, splits.card(examples, parts, kind, seeds=seeds), **more)


def _makers(models: str, out: Path | None, seed: int | None, **options: Any) -> dict[str, Callable[[], Any]]:
    from hearfelt.cli import sources

    if seed is not None:
        options["seed"] = seed
    makers = sources.factories(models, cache=_cache(out), **options)
    for make in makers.values():
        make()  # an unknown name or option is refused before anything is measured
    return makers


def _cache(out: Path | None) -> Path:
    """Where features are kept: beside the folds, else in a folder that all runs share."""
    if out is not None:
        return out / "features"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hearfelt" / "features"


class _Writer:
    """Prints each table when it is done, and keeps the files whole and up to date."""

    def __init__(
        self, title: str, json: Path | None, html: Path | None, md: Path | None, *, overview: bool = False
    ) -> None:
        from hearfelt.evaluation import report

        self.overview = overview
        self.title, self.tables = title, list[dict[str, Any]]()
        self.paths = []
        self._command = shlex.join(["hearfelt", *sys.argv[1:]])
        for path, ending in ((json, ".json"), (html, ".html"), (md, ".md")):
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


def _emobox_corpus(corpus: str, data: Path, folds: Path) -> list[Example]:
    """The examples of a known corpus whose folder is there, else of EmoBox's own table beside the folds."""
    import hearfelt.datasets as datasets
    from hearfelt.datasets import corpora

    if corpus in corpora.CORPORA and (data / "audio" / corpus).is_dir():
        return corpora.read(corpus, data)
    if not (folds / corpus).is_dir():
        there = sorted(path.name for path in folds.iterdir() if path.is_dir()) if folds.is_dir() else []
        raise OptionError(
            f"no fold files of the corpus {corpus!r} in {folds}; there are: {', '.join(there) or 'none'}"
        )
    read = datasets.read(folds / corpus, format="emobox", audio=data)
    return [e if e.corpus else replace(e, corpus=corpus) for e in read]
