"""``hearfelt benchmark``: models learnt and judged fold by fold under one protocol."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hearfelt.cli import dialogue, stress
from hearfelt.cli.options import Drop, Folder, OwnLabels, Renames, with_groups
from hearfelt.cli.results import RESULTS, Models, Results, Writer, judged, makers
from hearfelt.errors import OptionError, unknown_name

if TYPE_CHECKING:
    from hearfelt.types import Example

app = typer.Typer(
    help="Judge models on the folds of a protocol.", no_args_is_help=True, rich_markup_mode=None
)
app.command("stress")(stress.stress)
app.command("dialogue")(dialogue.dialogue)

NORMALISATIONS = ("none", "speaker", "running")


@app.command()
@with_groups(wanted=RESULTS)
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
    *,
    wanted: Results,
) -> int:
    """EmoBox's folds: mean UA, WA and macro F1 over folds, beside published results."""
    from hearfelt.cli import sources
    from hearfelt.datasets import splits
    from hearfelt.evaluation import tables

    where = sources.data_folder(data)
    lists = folds or where / "emobox"
    results = published or lists / "published.csv"
    writer = Writer("EmoBox folds", wanted)
    systems = makers(models, wanted)
    for corpus in sources.names(corpora, "--corpora"):
        examples = _emobox_corpus(corpus, where, lists)
        parts = splits.emobox(examples, lists / corpus)
        tables.check_folds(examples, parts)
        known = tables.read_published(results, corpus) if published or results.is_file() else []
        writer.add(
            judged(
                systems,
                examples,
                parts,
                "EmoBox folds",
                wanted,
                part=corpus,
                title=f"{corpus}, EmoBox folds",
                protocol="Mean over EmoBox's folds (Ma et al., arXiv:2406.07162).",
                mean_over_folds=True,
                published=known,
            )
        )
    return 0


@app.command()
@with_groups(wanted=RESULTS)
def loso(
    models: Models,
    data: Annotated[str, typer.Option(help="Tables (.csv, .parquet) and known corpora, with commas.")],
    folds: Annotated[
        int | None, typer.Option(help="Deal speakers to so many folds instead of one fold a speaker.")
    ] = None,
    normalise: Annotated[
        str, typer.Option(help="none; speaker: by all the speaker's clips; running: by the first 1, 3, 10.")
    ] = "none",
    mapping: Renames = None,
    drop: Drop = None,
    own_labels: OwnLabels = False,
    folder: Folder = None,
    *,
    wanted: Results,
) -> int:
    """Leave one speaker out: every clip is answered by a model that never heard its speaker."""
    from hearfelt.cli import sources
    from hearfelt.datasets import splits
    from hearfelt.evaluation import running

    if normalise not in NORMALISATIONS:
        raise unknown_name("normalisation", normalise, NORMALISATIONS)
    writer = Writer(f"Leave one speaker out: {data}", wanted)
    examples = sources.renamed(sources.read(data, folder, own_labels=own_labels), mapping or (), drop)
    if folds is None:
        kind, parts = "leave one speaker out", splits.leave_one_speaker_out(examples)
    else:
        kind, parts = f"{folds} folds of speakers", splits.speaker_folds(examples, folds)
    protocol = "UAR over all held-out answers. No normalisation by speaker."
    if normalise == "none":
        systems = makers(models, wanted)
    elif normalise == "speaker":
        systems = makers(models, wanted, normalise="own-speakers")
        protocol = (
            "UAR over all held-out answers. NORMALISED BY SPEAKER: each test speaker's features are brought "
            "to mean 0 and variance 1 over all clips of that speaker, heard before the first answer."
        )
    else:
        systems = makers(models, wanted, normalise="train-speakers")
        systems, parts, more = running.prepare(systems, examples, parts)
        protocol = f"UAR over all held-out answers. {more}"
    writer.add(
        judged(
            systems,
            examples,
            parts,
            kind,
            wanted,
            title=f"{data}, {kind}" + ("" if normalise == "none" else f", normalised ({normalise})"),
            protocol=protocol,
            mean_over_folds=False,
            options={"normalise": normalise},
        )
    )
    return 0


@app.command()
@with_groups(wanted=RESULTS)
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
    own_labels: OwnLabels = False,
    folder: Folder = None,
    *,
    wanted: Results,
) -> int:
    """Learn from some corpora, be tested on others: shared labels only, nothing adapted."""
    from hearfelt.cli import sources
    from hearfelt.datasets import splits

    if [all_pairs is None, each is None, train is None or test is None].count(False) != 1:
        raise OptionError("give --train with --test, or --all-pairs, or --each: one of the three")
    writer = Writer("Cross-corpus", wanted, overview=True)
    given = all_pairs or each or f"{train},{test}"
    if len(sources.names(given, "the corpora")) < 2:
        raise OptionError(f"{'--all-pairs' if all_pairs else '--each'} {given} names one: give at least 2")
    examples, known = [], {}
    for source in sources.names(given, "the corpora"):
        part = sources.read(source, folder, own_labels=own_labels)
        known[source] = sorted({e.corpus for e in part})
        examples += part
    learn, asked = (sources.names(text or given, "the corpora") for text in (train, test))
    systems = makers(models, wanted)
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
                judged(
                    systems,
                    examples,
                    [split],
                    "cross-corpus",
                    wanted,
                    title=f"{split.name}, {len(shared)} shared labels",
                    protocol=f"Shared labels only ({', '.join(shared)}); nothing adapted to the test corpus.",
                    mean_over_folds=False,
                )
            )
    print(writer.summary())
    return 0


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
