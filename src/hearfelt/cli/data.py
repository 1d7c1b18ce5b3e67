"""``hearfelt data``: corpora read, checked, split, and what their raters say."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hearfelt.cli import data_check, data_label
from hearfelt.cli.data_check import CacheOption, DataOption, SourceArgument
from hearfelt.cli.lines import columns
from hearfelt.cli.options import OwnLabels, split_names
from hearfelt.errors import CorpusError, OptionError, unknown_name

if TYPE_CHECKING:
    from hearfelt.datasets.splits import Split, SplitCard
    from hearfelt.types import Example

KINDS = {
    "loso": "leave one speaker out",
    "group": "leave one group of --column out",
    "kfold": "--folds folds of whole groups of --column, labels and corpora shared out",
    "official": "the column split of the corpus",
    "emobox": "the fold files in --emobox",
    "cross": "learn from --train, test on --test; each corpus in turn where neither is given",
}
"""Kind of a split to what it is."""

GOLDS = ("majority", "dawid-skene")

app = typer.Typer(
    help="Read, check and split corpora.",
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("check")(data_check.check)
app.command("label")(data_label.label)


@app.command("corpora")
def corpora(
    name: Annotated[str | None, typer.Argument(help="Tell more of this one.")] = None,
) -> int:
    """List the corpora that are known by name, with language and licence."""
    from hearfelt.datasets import corpora as known

    if name is None:
        rows = [
            (c.name, c.language or "several", c.licence, f"{c.title}: {c.about}")
            for c in known.CORPORA.values()
        ]
        print(columns([("name", "language", "licence", "what it is"), *rows]))
        return 0
    c = known.find(name)
    for title, value in (
        ("title", c.title),
        ("about", c.about),
        ("language", c.language or "several"),
        ("licence", c.licence),
        ("citation", c.citation),
        ("labels", ", ".join(c.labels)),
        ("file names", c.shape),
    ):
        print(f"{title:<11}{value}")
    return 0


@app.command("labels")
def labels(
    name: Annotated[str | None, typer.Argument(help="Show this map, by name or as a CSV file.")] = None,
) -> int:
    """List the label maps, or show one: what a label is called in another set."""
    from hearfelt.datasets import labelmap

    if name is None:
        for known in labelmap.names():
            print(f"{known:<18}{', '.join(labelmap.load(known).targets)}")
        return 0
    shown = labelmap.load(name)
    rows = [
        (source, target or "(left out)", shown.notes.get(source, ""))
        for source, target in shown.table.items()
    ]
    print(columns([("source", "target", "note"), *rows]))
    return 0


@app.command("read")
def read(
    source: SourceArgument,
    out: Annotated[Path, typer.Option(help="Table to write: .csv or .parquet.")],
    labels: Annotated[str | None, typer.Option(help="Label map: a name or a CSV file.")] = None,
    audio: Annotated[
        Path | None, typer.Option(help="Folder of the sound files, where they lie apart from the labels.")
    ] = None,
    scale: Annotated[
        str | None, typer.Option(help="What arousal, valence and dominance are given on, such as 1..5.")
    ] = None,
    part: Annotated[str | None, typer.Option(help="Fold or table of a source that has several.")] = None,
    lenient: Annotated[
        bool, typer.Option("--lenient", help="Leave out sound files that cannot be used, and say which.")
    ] = False,
    own_labels: OwnLabels = False,
    data: DataOption = None,
) -> int:
    """Write a corpus of any known format, or several together, as one table."""
    from hearfelt.cli import sources
    from hearfelt.datasets import manifest

    _table_name(out)
    problems: list[str] = []
    examples = sources.read(
        source,
        data,
        labels=labels,
        option="SOURCE",
        audio=audio,
        scale=scale,
        split=part,
        own_labels=own_labels,
        problems=problems if lenient else None,
    )
    for problem in problems:
        print(f"left out: {problem}", file=sys.stderr)
    # A table may be read from anywhere: the names in it hold from anywhere, too.
    manifest.write([dataclasses.replace(e, file=str(Path(e.file).resolve())) for e in examples], out)
    print(f"{out}: {len(examples)} examples, {len({e.gold for e in examples if e.gold})} labels")
    return 0


@app.command("split")
def split(
    source: SourceArgument,
    kind: Annotated[str, typer.Option(help="; ".join(f"{name}: {what}" for name, what in KINDS.items()))],
    out: Annotated[
        Path, typer.Option(help="Folder for EmoBox-style fold files, or a table with the column split.")
    ],
    column: Annotated[
        str, typer.Option(help="Groups to hold out: speaker, text, gender, language, corpus …")
    ] = "speaker",
    folds: Annotated[int, typer.Option(help="Folds of kfold.")] = 5,
    seed: Annotated[int, typer.Option(help="Which of the equally even kfold splits.")] = 0,
    emobox: Annotated[Path | None, typer.Option(help="Folder of EmoBox's fold files.")] = None,
    train: Annotated[str | None, typer.Option(help="Corpora to learn from, comma-separated.")] = None,
    test: Annotated[str | None, typer.Option(help="Corpora to test on, comma-separated.")] = None,
    seen: Annotated[
        str | None, typer.Option(help="Corpora that pretrained weights learnt from, comma-separated.")
    ] = None,
    fast: Annotated[
        bool, typer.Option("--fast", help="Look for no duplicates, which reads all sound.")
    ] = False,
    own_labels: OwnLabels = False,
    data: DataOption = None,
    cache: CacheOption = None,
) -> int:
    """Split a corpus, and say what its parts share."""
    from hearfelt.cli import sources
    from hearfelt.cli.progress import Progress
    from hearfelt.datasets import splits

    if kind not in KINDS:
        raise unknown_name("kind of split", kind, KINDS)
    if out.suffix:
        _table_name(out)
    examples = sources.read(source, data, option="SOURCE", own_labels=own_labels)
    made = _made(examples, kind, column, folds, seed, emobox, split_names(train), split_names(test))
    splits.check(examples, made)
    hashes: list[str | None] | None = None
    if not fast:
        with Progress(len(examples)) as progress:
            measured = data_check.measure(examples, data_check.cache_folder(cache), progress)
        hashes = [m.hash for m in measured]
    card = splits.card(
        examples,
        made,
        _named(kind, column, folds),
        seeds=(seed,) if kind == "kfold" else (),
        seen=split_names(seen) or (),
        hashes=hashes,
    )
    _write(examples, made, card, out)
    print("\n".join([card.statement, *card.sentences(), f"written: {out}"]))
    return 0


@app.command("votes")
def votes(
    source: SourceArgument,
    out: Annotated[Path | None, typer.Option(help="Table to write, with gold and soft labels.")] = None,
    gold: Annotated[
        str, typer.Option(help="majority, or dawid-skene: raters weighed by how reliable they are.")
    ] = "majority",
    above: Annotated[float, typer.Option(help="Share of the votes that a majority must exceed.")] = 0.0,
    replace: Annotated[
        bool, typer.Option("--replace", help="Take the raters' label instead of one that is there.")
    ] = False,
    raters: Annotated[int, typer.Option(help="How many of the least reliable raters to list.", min=0)] = 5,
    own_labels: OwnLabels = False,
    data: DataOption = None,
) -> int:
    """Say how far raters agree and which of them to believe; write gold and soft labels."""
    from hearfelt.cli import sources
    from hearfelt.datasets import manifest

    if gold not in GOLDS:
        raise unknown_name("way to a gold label", gold, GOLDS)
    if out is not None:
        _table_name(out)
    examples = sources.read(source, data, option="SOURCE", own_labels=own_labels)
    answered = _believed(source, examples, gold, above, replace, raters)
    if out is not None:
        manifest.write([dataclasses.replace(e, file=str(Path(e.file).resolve())) for e in answered], out)
        print(f"written: {out}")
    return 0


def _believed(
    source: str, examples: Sequence[Example], gold: str, above: float, replace: bool, raters: int
) -> list[Example]:
    """Prints what the votes are worth; the examples with the labels that follow from them.

    Raises:
        CorpusError: no votes, votes of which nothing can be said, or votes without raters that need some.
    """
    from hearfelt.datasets import votes as said

    voted = [e for e in examples if e.votes]
    if not voted:
        raise CorpusError(f"{source} has no votes: give a table with the column votes (ana=anger|ben=fear)")
    named = {rater for e in voted for rater in e.raters}
    if not named and gold == "dawid-skene":
        raise CorpusError(f"{source} does not name its raters: --gold dawid-skene needs them; use majority")
    agreement = said.agreement(examples)
    print(
        f"{source}: {len(voted)} of {len(examples)} examples have {sum(len(e.votes) for e in voted)} votes"
        + (f" of {len(named)} raters" if named else "; raters have no names")
    )
    print(
        f"Krippendorff's alpha {agreement.alpha:.3f} [{agreement.low:.3f}, {agreement.high:.3f}] "
        f"(nominal, 95 % bootstrap interval over {agreement.items} examples with 2 votes or more)"
    )
    fit = said.dawid_skene(examples) if named else None
    if fit is not None and raters:
        _print_raters(said.rater_agreement(examples), fit.reliability, raters)
    if gold == "dawid-skene" and fit is not None:
        answered = [
            a if replace else dataclasses.replace(a, gold=e.gold or a.gold)
            for a, e in zip(fit.label(examples), examples, strict=True)
        ]
    else:
        answered = said.label(examples, above=above, replace=replace)
    print(_gold_line(examples, said.label(voted, above=above, replace=True), answered))
    return answered


def _print_raters(agrees: Mapping[str, tuple[float, int]], right: Mapping[str, float], most: int) -> None:
    rows = [
        (
            name,
            f"{value:.2f}",
            f"{agrees[name][0]:.2f}" if name in agrees else "-",
            agrees.get(name, (0, 0))[1],
        )
        for name, value in list(right.items())[:most]
    ]
    print(columns([("least reliable", "right (Dawid-Skene)", "agrees with others", "votes"), *rows]))


def _gold_line(before: Sequence[Example], majority: Sequence[Example], after: Sequence[Example]) -> str:
    given = [e for e in before if e.votes and e.gold]
    line = (
        f"majority: {sum(e.gold is not None for e in majority)} of {len(majority)} have one; "
        f"gold labels now: {sum(e.gold is not None for e in after)} of {len(after)}"
    )
    if given:
        same = sum(e.votes.count(str(e.gold)) for e in given) / sum(len(e.votes) for e in given)
        line += f"; {same:.1%} of the votes say the gold label that was there"
    return line


def _made(
    examples: Sequence[Example],
    kind: str,
    column: str,
    folds: int,
    seed: int,
    emobox: Path | None,
    train: Sequence[str] | None,
    test: Sequence[str] | None,
) -> list[Split]:
    from hearfelt.datasets import splits

    if kind == "loso":
        return splits.leave_one_speaker_out(examples)
    if kind == "group":
        return splits.leave_one_group_out(examples, column)
    if kind == "kfold":
        return splits.group_folds(examples, folds, column, seed)
    if kind == "official":
        return splits.official(examples)
    if kind == "emobox":
        if emobox is None:
            raise OptionError("--kind emobox needs --emobox, the folder of the corpus's fold files")
        return splits.emobox(examples, emobox)
    if (train is None) != (test is None):
        raise OptionError("--kind cross needs both --train and --test, or neither for each corpus in turn")
    if train is None or test is None:
        return splits.leave_one_corpus_out(examples)
    return [splits.cross_corpus(examples, train, test)]


def _named(kind: str, column: str, folds: int) -> str:
    return {
        "loso": "leave one speaker out",
        "group": f"leave one {column} out",
        "kfold": f"{folds} folds of whole groups ({column})",
        "official": "official split",
        "emobox": "EmoBox folds",
        "cross": "cross-corpus",
    }[kind]


def _write(examples: Sequence[Example], made: Sequence[Split], card: SplitCard, out: Path) -> None:
    """Fold files and ``card.json`` in a folder, or one table and the card beside it."""
    from hearfelt import datasets
    from hearfelt.datasets import manifest, splits

    if out.suffix.lower() in (".csv", ".parquet"):
        parts: dict[int, str] = {}
        for split in made:
            if len(made) == 1:
                parts |= dict.fromkeys(split.train, "train") | dict.fromkeys(split.dev, "dev")
            parts |= dict.fromkeys(split.test, "test" if len(made) == 1 else split.name)
        kept = [
            dataclasses.replace(e, split=parts[i], file=str(Path(e.file).resolve()))
            for i, e in enumerate(examples)
            if i in parts
        ]
        manifest.write(kept, out)
        data_check.write(out.with_suffix(".card.json"), data_check.as_json(card.to_dict()))
        return
    whole = [dataclasses.replace(e, file=str(Path(e.file).resolve())) for e in examples]
    if all(e.gold and e.segment is None for e in whole):
        datasets.write(whole, out, format="emobox")  # the list and label map that belong to fold files
    splits.write_emobox(whole, made, out, out.name)
    data_check.write(out / "card.json", data_check.as_json(card.to_dict()))


def _table_name(out: Path) -> None:
    """Refuse a table that cannot be written before anything is read."""
    if out.suffix.lower() not in (".csv", ".parquet"):
        raise OptionError(f"--out {out} ends in {out.suffix!r}; write a .csv or a .parquet file")
    data_check.writable(out)
