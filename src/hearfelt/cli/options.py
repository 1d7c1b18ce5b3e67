"""Options that several verbs share, alone and in groups, each declared once."""

from __future__ import annotations

import functools
import inspect
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hearfelt.errors import OptionError

if TYPE_CHECKING:
    from hearfelt.language.chat.backends import BackendOptions
    from hearfelt.pipeline.options import RecognizerOptions

Folder = Annotated[
    Path | None, typer.Option(help="Folder that holds audio/ of known corpora. [default: HEARFELT_DATA]")
]
Renames = Annotated[
    list[str] | None, typer.Option("--map", help="Rename a gold label: calm=neutral; may be given again.")
]
Drop = Annotated[str | None, typer.Option(help="Leave clips with these gold labels out: a,b.")]
OwnLabels = Annotated[bool, typer.Option(help="Take labels that hearfelt does not know as they are.")]
Setting = Annotated[
    list[str] | None,
    typer.Option("--set", help="Set a key of the recipe: loop.epochs=3; may be given again."),
]
Device = Annotated[str, typer.Option(help="auto, cpu or accelerate (GPUs, several processes).")]
Workers = Annotated[int, typer.Option(help="Processes that measure clips.", min=1)]

_BACKEND = (
    ("llm_url", str, "Its OpenAI-style server. [default: http://localhost:8080/v1]"),
    ("llm_key_env", str, "Environment variable with its key. [default: OPENAI_API_KEY]"),
    ("llm_key_file", str, "File with its key."),
    ("llm_timeout_s", float, "Seconds that one of its answers may take. [default: 60]"),
    ("llm_requests_per_minute", int, "Requests that its server allows. [default: no limit]"),
    ("llm_stream", bool, "Let its server answer piece by piece."),
    ("llm_device", str, "Where transformers:FOLDER runs: auto, cpu or cuda. [default: auto]"),
    ("llm_download", bool, "Allow the download of transformers:NAME from the hub."),
)
_WORDINGS = (
    ("prompts", int, "Ask it in so many wordings, 1 to 3, and say how far the answers differ. [default: 1]"),
    ("examples", str, "Labelled utterances (CSV, Parquet, JSONL); show it those that are alike."),
    ("shots", int, "How many of them. [default: 4]"),
    ("balanced_shots", bool, "Show one of each label before a second of any."),
)
_RECOGNIZER = (
    ("voice", str, "Voice model: a shipped name, a folder, or none. [default: base; commercial: open]"),
    (
        "voice_precision",
        str,
        "float32, or int8: the quantised file of a weights folder. [default: float32]",
    ),
    ("words", str, "Text model: auto (by language), a shipped name, a folder, or none. [default: auto]"),
    ("transcriber", str, "Who writes down the words: auto, whisper, sphinx or none. [default: auto]"),
    ("transcriber_model", str, "Model name or folder for whisper."),
    ("speech_language", str, "Language spoken, as en, de or zh. [default: found out]"),
    ("llm", str, "Ask this language model as well: a name on its server, or transformers:FOLDER."),
    (
        "llm_mode",
        str,
        "How to ask it: schema, score (likelihoods) or explain (for people). [default: schema]",
    ),
    *_BACKEND,
    ("llm_no_cache", bool, "Keep none of its answers on disk, and ask anew."),
    *_WORDINGS,
    ("llm_concurrency", int, "Questions under way at once; the report stays the same. [default: 4]"),
    ("llm_max_requests", int, "Questions that one recording may cost. [default: no limit]"),
    ("llm_max_tokens", int, "Tokens that one recording may cost. [default: no limit]"),
    ("llm_max_seconds", float, "Seconds of its time that one recording may cost. [default: no limit]"),
    ("llm_mask", str, "Mask personal data: remote (for another machine), always or never. [default: remote]"),
    ("ask", str, "Whom to ask it about: always, uncertain or never. [default: always]"),
    ("ask_below", float, "Confidence below which a verdict is uncertain. [default: the shipped one]"),
    ("replay", bool, "Take its answers from the disk alone, and ask no model."),
    ("denoise", bool, "Suppress steady noise first."),
    ("language", str, "Language of reasons and reports: en or zh. [default: en]"),
    ("profile", str, "research, or commercial: only weights that products may use. [default: research]"),
    ("coverage", float, "How often the label set holds the true label: 0.5 to 0.99. [default: 0.9]"),
    ("max_risk", float, "Largest share of wrong answers; above it the answer is uncertain."),
    ("neutral_prior", float, "Share of neutral speech to expect, as 0.5 for calls. [default: labels alike]"),
)


@dataclass(frozen=True, slots=True)
class Group:
    """Options that belong together.

    Args:
        table: name of each option's parameter, its type, and its line in ``--help``.
        make: what a verb gets of those that were given. The defaults stand where they are read, so that
            ``--help`` needs no numpy.
    """

    table: tuple[tuple[str, Any, str], ...]
    make: Callable[[dict[str, Any]], Any]

    def parameters(self) -> list[inspect.Parameter]:
        """The options as the parser reads them."""
        return [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=False if kind is bool else None,
                annotation=Annotated[
                    kind if kind is bool else (kind | None),
                    typer.Option("--" + name.replace("_", "-"), help=text, show_default=False),
                ],
            )
            for name, kind, text in self.table
        ]

    def taken(self, arguments: dict[str, Any]) -> Any:
        """What is made of the options of this group, which leave the arguments; 0 is given, None is not."""
        fields = {name: arguments.pop(name) for name, _, _ in self.table}
        return self.make({name: x for name, x in fields.items() if x is not None and x is not False})


def with_groups(**groups: Group) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Puts the options of groups in place of the parameters of a verb that carry their names."""

    def decorate(verb: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(verb)
        scope = vars(sys.modules[verb.__module__])
        parameters: list[inspect.Parameter] = []
        for p in signature.parameters.values():
            if p.name in groups:
                parameters += groups[p.name].parameters()
            else:
                annotation = eval(p.annotation, scope)
                parameters.append(p.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=annotation))

        @functools.wraps(verb)
        def wrapped(**arguments: Any) -> Any:
            made = {name: group.taken(arguments) for name, group in groups.items()}
            return verb(**arguments, **made)

        wrapped.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        wrapped.__annotations__ = {p.name: p.annotation for p in parameters}
        del wrapped.__wrapped__  # or the parser reads the signature underneath
        return wrapped

    return decorate


def recognizer_options(given: dict[str, Any]) -> RecognizerOptions:
    """Options with the fields that were given."""
    from hearfelt.pipeline.options import RecognizerOptions

    fields = dict(given)
    if fields.pop("llm_no_cache", False):
        fields["llm_cache"] = False
    return RecognizerOptions(**fields)


def backend_options(given: dict[str, Any]) -> BackendOptions:
    """How a language model is reached, with what was given.

    Raises:
        OptionError: no time for an answer.
    """
    from hearfelt.language.chat.backends import BackendOptions

    fields = {name.removeprefix("llm_"): value for name, value in given.items()}
    timeout_s = fields.get("timeout_s", 60.0)
    if not (timeout_s > 0 and math.isfinite(timeout_s)):
        raise OptionError(f"--llm-timeout-s is {timeout_s}; it must be above 0, such as 60")
    if "key_file" in fields:
        fields["key_file"] = Path(fields["key_file"])
    return BackendOptions(**fields)


@dataclass(frozen=True, slots=True)
class Wordings:
    """In how many wordings a language model is asked, and which labelled utterances it is shown."""

    prompts: int = 1
    examples: str | None = None
    shots: int = 4
    balanced_shots: bool = False


def wordings(given: dict[str, Any]) -> Wordings:
    """The wordings that were asked for.

    Raises:
        OptionError: how examples are shown, but none to show.
    """
    for name in ("shots", "balanced_shots"):
        if name in given and "examples" not in given:
            raise OptionError(
                f"--{name.replace('_', '-')} is for labelled examples: name a table of them by --examples"
            )
    return Wordings(**given)


RECOGNIZER = Group(_RECOGNIZER, recognizer_options)
"""What a recognizer is made of."""
BACKEND = Group(_BACKEND, backend_options)
"""How a language model is reached."""
WORDINGS = Group(_WORDINGS, wordings)
"""In how many wordings it is asked, and with which examples."""


def split_names(text: str | None) -> list[str] | None:
    """Names of a comma-separated list; None stays None."""
    return None if text is None else [name.strip() for name in text.split(",")]
