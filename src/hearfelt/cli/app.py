"""The verbs together, and what happens to an error."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

import hearfelt
from hearfelt.cli import (
    analyze,
    augment,
    benchmark,
    compare,
    data,
    doctor,
    evaluate,
    features,
    models,
    search,
    synth,
    train,
)
from hearfelt.errors import HearfeltError

app = typer.Typer(
    name="hearfelt",
    help="Hears what people feel: who felt what, when, how sure that is, and on what evidence.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("analyze")(analyze.analyze)
app.command("features")(features.features)
app.command("train")(train.train)
app.command("search")(search.search)
app.command("evaluate")(evaluate.evaluate)
app.command("compare")(compare.compare)
app.add_typer(benchmark.app, name="benchmark")
app.add_typer(models.app, name="models")
app.command("doctor")(doctor.doctor)
app.command("synth")(synth.synth)
app.command("augment")(augment.augment)
app.add_typer(data.app, name="data")


_INTERRUPTED = 130
_GOES_ON = "that are done are kept, and the same command goes on from there"
_KEPT = {
    "augment": f": the copies {_GOES_ON}",
    "benchmark": ": the folds that are done are kept where --out names a folder",
    "search": f": the trials {_GOES_ON}",
    "synth": f": the sounds of a table {_GOES_ON}",
    "train": ": what was learnt is kept, and the same command goes on from there",
}
"""What an interrupt leaves; `analyze` and `data label` say it themselves."""


def _version(show: bool) -> None:
    if show:
        print(f"hearfelt {hearfelt.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    pass


def run(arguments: Sequence[str]) -> int:
    """Runs one command.

    Returns:
        0 where all went well, 1 where ``compare`` finds a difference or ``data check --strict`` an error,
        2 where an input, an option or a model did not fit, 130 after an interrupt.
    """
    try:
        code = app(list(arguments), standalone_mode=False)
        if code == _INTERRUPTED:  # what the parser makes of Ctrl-C
            return _interrupted(arguments)
        return code if isinstance(code, int) else 0
    except HearfeltError as error:
        print(f"hearfelt: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # Whoever read our output has gone (`| head`): point stdout elsewhere so that closing it stays quiet.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return _interrupted(arguments)
    except Exception as error:
        if hasattr(error, "format_message") and hasattr(error, "exit_code"):  # a usage error of the parser
            print(f"hearfelt: {error.format_message()} (see hearfelt --help)", file=sys.stderr)
            return 2
        if type(error).__name__ in ("Abort", "Exit"):
            return int(getattr(error, "exit_code", _INTERRUPTED))
        raise


def _interrupted(arguments: Sequence[str]) -> int:
    kept = _KEPT.get(arguments[0], "") if arguments else ""
    print(f"hearfelt: interrupted{kept}", file=sys.stderr)
    return _INTERRUPTED
