"""``hearfelt evaluate``: the scores of anybody's predictions, or of a model on a table."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hearfelt.cli.options import Drop, Folder, OwnLabels, Renames
from hearfelt.errors import OptionError

if TYPE_CHECKING:
    from hearfelt.evaluation.answers import Answers
    from hearfelt.types import Example


def evaluate(
    predictions: Annotated[
        Path | None, typer.Argument(help="CSV: file, (start, end), label or a column a label.")
    ] = None,
    gold: Annotated[
        str | None, typer.Option(help="Gold labels of the predictions: a table, or a known corpus.")
    ] = None,
    against: Annotated[
        Path | None, typer.Option(help="Predictions of another system for the same clips, to test the two.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Judge this instead: a shipped model, a weights folder, a system.")
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="What --model is judged on: tables, known corpora.")
    ] = None,
    folder: Folder = None,
    out: Annotated[
        list[Path] | None, typer.Option(help="Report to write: .html, .md or .json; may be given again.")
    ] = None,
    mapping: Renames = None,
    drop: Drop = None,
    own_labels: OwnLabels = False,
    by: Annotated[str, typer.Option(help="Columns to give scores by.")] = "corpus,gender,language,intensity",
    samples: Annotated[int, typer.Option(help="Draws of speakers for an interval.")] = 1000,
    coverage: Annotated[float, typer.Option(help="What label sets promise to hold.")] = 0.9,
) -> int:
    """Score predictions against gold labels: recalls, calibration, label sets, groups, intervals."""
    from hearfelt.cli import sources
    from hearfelt.evaluation import judge, markdown, report
    from hearfelt.evaluation import predictions as reading

    paths = out or []
    for path in paths:
        report.checked(path)
    options = judge.JudgeOptions(samples=samples, groups=tuple(sources.names(by, "--by")), coverage=coverage)
    card: Any = None
    if predictions is not None:
        if model is not None or data is not None or gold is None:
            raise OptionError("predictions need --gold, and neither --model nor --data: give the gold table")
        examples = sources.renamed(sources.read(gold, folder, own_labels=own_labels), mapping or (), drop)
        answers, name = reading.read(predictions, examples), predictions.name
    else:
        if model is None or data is None or gold is not None:
            raise OptionError("give PREDICTIONS.csv with --gold, or --model with --data")
        examples = sources.renamed(sources.read(data, folder, own_labels=own_labels), mapping or (), drop)
        answers, card = _asked(model, examples)
        name = f"{model} on {data}"
    found = judge.judge(answers, options, name=name, card=card)
    if against is not None:
        tested = judge.against(answers, reading.read(against, examples), options)
        found["against"] = {"name": against.name, **tested}
    print(markdown.summary(found), end="")
    for path in paths:
        report.write(found, path)
        print(f"hearfelt: {path} is written", file=sys.stderr)
    return 0


def _asked(model: str, examples: list[Example]) -> tuple[Answers, Any]:
    """What a model that has learnt already says of a table, and a card that says what it learnt from."""
    from hearfelt.datasets.splits import Split, card
    from hearfelt.evaluation.answers import answered
    from hearfelt.training import systems

    known = model in systems.SYSTEMS or model.partition(":")[0] in systems.PREFIXES
    system: Any = systems.make(model if known or not Path(model).is_dir() else f"weights:{model}")
    if not getattr(system, "classes_", ()):
        raise OptionError(
            f"{model} has learnt nothing yet: name a weights folder, or judge it with hearfelt benchmark"
        )
    answers = answered(examples, system.classes_, system.predict_proba(examples), who=model)
    whole = Split("all", (), tuple(range(len(examples))))
    seen = tuple(getattr(system, "corpora", ()))
    return answers, card(examples, [whole], "a model that had learnt before", seen=seen)
