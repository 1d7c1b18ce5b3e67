"""The options that every verb with a recognizer shares, declared once."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from hearfelt.pipeline.options import RecognizerOptions

_MODELS = "Models"
_TABLE: tuple[tuple[str, Any, str], ...] = (
    ("voice", str, "Voice model: a shipped name, a folder, or none. [default: base; commercial: open]"),
    (
        "words",
        str,
        "Text model: auto (by language), a shipped name, a folder, or none. [default: auto]",
    ),
    ("transcriber", str, "Who writes down the words: auto, whisper, sphinx or none. [default: auto]"),
    ("transcriber_model", str, "Model name or folder for whisper."),
    ("speech_language", str, "Language spoken, as en, de or zh. [default: found out]"),
    ("llm", str, "Ask this language model as well: a name on its server, or transformers:FOLDER."),
    (
        "llm_mode",
        str,
        "How to ask it: schema, score (likelihoods) or explain (for people). [default: schema]",
    ),
    ("llm_url", str, "Its OpenAI-style server. [default: http://localhost:8080/v1]"),
    ("llm_key_env", str, "Environment variable with its key. [default: OPENAI_API_KEY]"),
    ("llm_key_file", str, "File with its key."),
    ("llm_timeout_s", float, "Seconds that one of its answers may take. [default: 60]"),
    ("llm_requests_per_minute", int, "Requests that its server allows. [default: no limit]"),
    ("llm_stream", bool, "Let its server answer piece by piece."),
    ("llm_device", str, "Where transformers:FOLDER runs: auto, cpu or cuda. [default: auto]"),
    ("llm_download", bool, "Allow the download of transformers:NAME from the hub."),
    ("llm_no_cache", bool, "Keep none of its answers on disk, and ask anew."),
    ("prompts", int, "Ask it in so many wordings, 1 to 3, and say how far the answers differ. [default: 1]"),
    ("examples", str, "Labelled utterances (CSV, Parquet, JSONL); show it those that are alike."),
    ("shots", int, "How many of them. [default: 4]"),
    ("balanced_shots", bool, "Show one of each label before a second of any."),
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
    (
        "profile",
        str,
        "research, or commercial: only weights that products may use. [default: research]",
    ),
    ("coverage", float, "How often the label set holds the true label: 0.5 to 0.99. [default: 0.9]"),
    ("max_risk", float, "Largest share of wrong answers; above it the answer is uncertain."),
    ("neutral_prior", float, "Share of neutral speech to expect, as 0.5 for calls. [default: labels alike]"),
)


def with_recognizer_options(verb: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options of `_TABLE` to a verb; the verb gets them as one ``options`` argument.

    The defaults stand in `RecognizerOptions` alone: an option that is not given is not passed on, so that
    ``--help`` needs no numpy.
    """
    signature = inspect.signature(verb)
    scope = vars(sys.modules[verb.__module__])
    own = [
        p.replace(annotation=eval(p.annotation, scope))
        for p in signature.parameters.values()
        if p.name != "options"
    ]
    added = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=False if kind is bool else None,
            annotation=Annotated[
                kind if kind is bool else (kind | None),
                typer.Option("--" + name.replace("_", "-"), help=text, show_default=False),
            ],
        )
        for name, kind, text in _TABLE
    ]

    @functools.wraps(verb)
    def wrapped(**arguments: Any) -> Any:
        fields = {name: arguments.pop(name) for name, _, _ in _TABLE}
        return verb(**arguments, options=recognizer_options(fields))

    parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own] + added
    wrapped.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    wrapped.__annotations__ = {p.name: p.annotation for p in parameters}
    del wrapped.__wrapped__  # or the parser reads the signature underneath
    return wrapped


def recognizer_options(fields: dict[str, Any]) -> RecognizerOptions:
    """Options with the fields that were given; 0 is given, None and False are not."""
    from hearfelt.pipeline.options import RecognizerOptions

    given = {name: value for name, value in fields.items() if value is not None and value is not False}
    if given.pop("llm_no_cache", False):
        given["llm_cache"] = False
    return RecognizerOptions(**given)


def split_names(text: str | None) -> list[str] | None:
    """Names of a comma-separated list; None stays None."""
    return None if text is None else [name.strip() for name in text.split(",")]
