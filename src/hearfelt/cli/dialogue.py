"""``hearfelt benchmark dialogue``: models of dialogue and language models beside published results."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hearfelt.cli.options import BACKEND, Setting, with_groups
from hearfelt.errors import ChatError, OptionError

if TYPE_CHECKING:
    from hearfelt.datasets.dialogue import Dialogues
    from hearfelt.language.chat.backends import BackendOptions
    from hearfelt.language.judge import Judge


@with_groups(backend=BACKEND)
def dialogue(
    corpus: Annotated[str, typer.Option(help="meld, emorynlp, cped, or a table (.csv, .parquet).")],
    model: Annotated[
        str | None,
        typer.Option(
            help="Rows, such as majority,cues,text,context,context+cues,fused. [default: the recipe's]"
        ),
    ] = None,
    recipe: Annotated[
        Path | None, typer.Option(help="A recipe of kind dialogue (.toml) for the models.")
    ] = None,
    setting: Setting = None,
    llm: Annotated[
        str | None, typer.Option(help="Ask this language model as one more row; also transformers:FOLDER.")
    ] = None,
    *,
    backend: BackendOptions,
    llm_mode: Annotated[str, typer.Option(help="How it is asked: schema or score.")] = "schema",
    llm_cues: Annotated[bool, typer.Option("--llm-cues", help="Tell it the measures in words.")] = False,
    limit: Annotated[
        int | None,
        typer.Option(help="Ask it of so many test lines, in whole dialogues. [default: all]", min=1),
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(help="Folder that holds text/ of known corpora. [default: HEARFELT_DATA]")
    ] = None,
    published: Annotated[
        Path | None,
        typer.Option(help="Published results (.csv). [default: FOLDER/text/published_results.csv if there]"),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Run folder; a run that was stopped goes on. [default: runs/NAME]")
    ] = None,
    json: Annotated[Path | None, typer.Option("--json", help="Write everything to this .json file.")] = None,
    md: Annotated[Path | None, typer.Option("--md", help="Write the table to this .md file.")] = None,
) -> int:
    """Dialogues: learn from the training part, choose on the dev part, read the test part once."""
    from hearfelt.cli import sources
    from hearfelt.datasets import dialogue as dialogues
    from hearfelt.evaluation import dialogues as known
    from hearfelt.training.watch import How, say

    where = sources.data_folder(folder)
    options = _options(
        corpus, recipe, setting or [], None if model is None else sources.names(model, "--model")
    )
    if llm_cues and llm is None:
        raise OptionError("--llm-cues tells a language model what was heard: name one by --llm")
    if llm is None:
        _refuse_alone(backend, llm_mode, limit)
    table = dialogues.read(corpus, where, seed=options.data.seed)
    if llm_cues and not table.measures:
        raise OptionError(f"--llm-cues: {table.name} has no vocal measures to tell of; leave it out")
    judge = (
        None if llm is None else _judge(llm, backend, llm_mode, table)
    )  # what it lacks is said before hours
    place = out or Path("runs") / options.name
    rows: dict[str, dict[str, Any]] = {}
    if options.models:
        from hearfelt.training import kinds

        runner = kinds.KINDS["dialogue"].module()
        opened = runner.opened(options, table, place, say, How(bars=sys.stderr.isatty()))
        rows |= runner.judged(options.models, table, opened)
    failed: ChatError | None = None
    if judge is not None:
        try:
            rows |= _asked(table, judge, limit, llm_cues)
        except ChatError as error:
            failed = error
    others = _published(published, where, table.name)
    lines = _lines(table, rows)
    if others:
        lines += ["", *known.lines_of(others)]
    print("\n".join(lines))
    _write(json, md, table, rows, others, lines)
    if failed is not None:
        raise ChatError(f"{failed}; the table stands without the language model")
    return 0


def _options(corpus: str, recipe: Path | None, settings: list[str], models: list[str] | None) -> Any:
    """The options of a run on the corpus."""
    from hearfelt.training import changes, kinds

    given = changes.parse(settings)
    if recipe is not None:
        plan = kinds.plan(recipe, given)
        if plan.kind != "dialogue":
            raise OptionError(f"the recipe {recipe} is of kind {plan.kind}: give one of kind dialogue")
        found = plan.recipe
    else:
        found = changes.changed(kinds.KINDS["dialogue"].options(name=Path(corpus).stem), given)
    return found if models is None else changes.changed(found, {"models": models})


def _refuse_alone(backend: BackendOptions, mode: str, limit: int | None) -> None:
    """Refuses what is for a language model where none is named."""
    from dataclasses import asdict

    from hearfelt.language.chat.backends import BackendOptions

    plain = asdict(BackendOptions())
    given = [
        f"--llm-{name.replace('_', '-')}" for name, value in asdict(backend).items() if value != plain[name]
    ]
    given += ["--llm-mode"] * (mode != "schema") + ["--limit"] * (limit is not None)
    if given:
        raise OptionError(f"{given[0]} is for a language model: name one by --llm")


def _judge(llm: str, backend: BackendOptions, mode: str, table: Dialogues) -> Judge:
    from hearfelt.language.chat.backends import make
    from hearfelt.language.judge import Judge, JudgeOptions

    return Judge(make(llm, backend), JudgeOptions(labels=table.labels, mode=mode))


def _asked(table: Dialogues, judge: Judge, limit: int | None, cues: bool) -> dict[str, dict[str, Any]]:
    from hearfelt.training.dialogue import asked
    from hearfelt.training.watch import say

    name = f"{judge.source}{' + cues' if cues else ''}"
    return {name: asked.row(table, judge, limit, say, cues=cues)}


def _published(given: Path | None, where: Path, corpus: str) -> list[Any]:
    from hearfelt.evaluation import dialogues as known

    path = given or where / "text" / "published_results.csv"
    return known.published(path, corpus) if given is not None or path.is_file() else []


def _lines(table: Dialogues, rows: dict[str, dict[str, Any]]) -> list[str]:
    from hearfelt.training.dialogue import run

    return run.told(table, rows)


def _write(
    json_path: Path | None,
    md: Path | None,
    table: Dialogues,
    rows: dict[str, dict[str, Any]],
    others: list[Any],
    lines: list[str],
) -> None:
    import json
    from dataclasses import asdict

    from hearfelt.datasets import files

    if md is not None:
        files.write_text(md, "\n".join(lines) + "\n")
    if json_path is not None:
        found = {
            "corpus": table.name,
            "protocol": table.protocol,
            "models": rows,
            "published": [asdict(one) for one in others],
        }
        files.write_text(json_path, json.dumps(found, indent=1, ensure_ascii=False) + "\n")
