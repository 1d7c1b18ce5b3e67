"""What a language model may answer: its JSON schema, and the check of what comes back."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hearfelt.errors import OptionError
from hearfelt.labels import canonical

MAX_ANSWER_CHARS = 20_000
MAX_REASON_CHARS = 300
MAX_EXPLANATION_CHARS = 1500
MAX_QUOTES = 12
MAX_QUOTE_CHARS = 120

_BOUNDS = ("minimum", "maximum", "minLength", "maxLength", "maxItems")
_THOUGHT = re.compile(r"<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
_MARKUP = str.maketrans({"<": "‹", ">": "›", "`": "'"})
_HIDDEN = re.compile(
    "[\u0000-\u001f\u007f-\u009f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]+"
)


class AnswerError(ValueError):
    """An answer that cannot be used; the message says why, in words the model can act on."""


class _Judged(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", allow_inf_nan=False, frozen=True)

    probabilities: dict[str, float]
    arousal: float = Field(ge=-1, le=1)
    valence: float = Field(ge=-1, le=1)


_J = TypeVar("_J", bound=_Judged)


class Answer(_Judged):
    """A judgement as the model gives it, checked by `parse`."""

    words: list[str] = Field(default_factory=list)
    cues: list[str] = Field(default_factory=list)
    sarcasm: bool = False
    conflict: bool = False
    reason: str


class Explanation(_Judged):
    """A judgement explained to a person, checked by `parse_explanation`."""

    explanation: str


def json_schema(labels: Sequence[str]) -> dict[str, Any]:
    """The schema of an answer over a label set.

    Bounds of numbers, texts and lists stand in it for those who heed them; `plain_schema` takes them out.
    """
    flag = {"type": "boolean"}
    quotes = {
        "type": "array",
        "items": {"type": "string", "maxLength": MAX_QUOTE_CHARS},
        "maxItems": MAX_QUOTES,
    }
    return _object(
        {
            **_judged(labels),
            "words": quotes,
            "cues": quotes,
            "sarcasm": flag,
            "conflict": flag,
            "reason": {"type": "string", "minLength": 1, "maxLength": MAX_REASON_CHARS},
        }
    )


def explanation_schema(labels: Sequence[str]) -> dict[str, Any]:
    """The schema of an explanation for people: the text first, since what it says shapes the numbers."""
    text = {"type": "string", "minLength": 1, "maxLength": MAX_EXPLANATION_CHARS}
    return _object({"explanation": text, **_judged(labels)})


def plain_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A schema with what every server's strict mode knows: types, required keys, no others."""
    plain = {key: value for key, value in schema.items() if key not in _BOUNDS}
    if isinstance(plain.get("properties"), dict):
        plain["properties"] = {name: plain_schema(part) for name, part in plain["properties"].items()}
    if isinstance(plain.get("items"), dict):
        plain["items"] = plain_schema(plain["items"])
    return plain


def parse(text: str, labels: Sequence[str]) -> Answer:
    """A model's answer as an `Answer` whose probabilities cover the label set and sum to 1.

    Thoughts and code fences around the JSON are passed over; other names of a label ("angry") are understood.
    The reason and the quotes are cut to a bounded length and lose control characters and markup.

    Raises:
        AnswerError: it is too long, no JSON, of another form, or has a label, number or sum that cannot be.
    """
    answer = _validated(Answer, text)
    probabilities = _probabilities(answer.probabilities, labels)
    reason = plain(answer.reason, MAX_REASON_CHARS)
    if not reason:
        raise AnswerError("reason: it is empty, wanted one short sentence")
    return answer.model_copy(
        update={
            "probabilities": probabilities,
            "reason": reason,
            "words": [plain(word, MAX_QUOTE_CHARS) for word in answer.words[:MAX_QUOTES]],
            "cues": [plain(cue, MAX_QUOTE_CHARS) for cue in answer.cues[:MAX_QUOTES]],
        }
    )


def parse_explanation(text: str, labels: Sequence[str]) -> Explanation:
    """A model's answer as an `Explanation`, checked as `parse` checks an answer.

    Raises:
        AnswerError: as for `parse`.
    """
    answer = _validated(Explanation, text)
    explanation = plain(answer.explanation, MAX_EXPLANATION_CHARS)
    if not explanation:
        raise AnswerError("explanation: it is empty, wanted three to six sentences")
    probabilities = _probabilities(answer.probabilities, labels)
    return answer.model_copy(update={"probabilities": probabilities, "explanation": explanation})


def plain(text: str, longest: int) -> str:
    """One line of bounded length without control characters, direction marks and markup."""
    clean = " ".join(_HIDDEN.sub(" ", text).translate(_MARKUP).split())
    return clean if len(clean) <= longest else clean[: longest - 1].rstrip() + "…"


def quoted_words(quotes: Sequence[str], text: str) -> tuple[list[str], list[str]]:
    """Which quotes stand in a text as whole words, and which do not (these are made up)."""
    haystack = _normal(text)
    kept: list[str] = []
    dropped: list[str] = []
    for quote in quotes:
        needle = _normal(quote)
        if not needle:
            continue
        left = r"(?<!\w)" if _spaced(needle[0]) else ""
        right = r"(?!\w)" if _spaced(needle[-1]) else ""
        found = re.search(left + re.escape(needle) + right, haystack)
        (kept if found else dropped).append(quote)
    return kept, dropped


def quoted_cues(quotes: Sequence[str], cues: Sequence[str]) -> tuple[list[str], list[str]]:
    """The given cues that quotes name, wholly or in part, and the quotes that name none."""
    normal = {cue: _normal(plain(cue, MAX_QUOTE_CHARS)) for cue in cues}
    kept: list[str] = []
    dropped = []
    for quote in quotes:
        needle = _normal(quote)
        found = [
            cue for cue, text in normal.items() if len(needle) > 1 and (needle in text or text in needle)
        ]
        if not found:
            dropped.append(quote)
        kept.extend(cue for cue in found[:1] if cue not in kept)
    return kept, dropped


def _validated(kind: type[_J], text: str) -> _J:
    if len(text) > MAX_ANSWER_CHARS:
        raise AnswerError(f"the answer has {len(text)} characters, at most {MAX_ANSWER_CHARS} are read")
    try:
        return kind.model_validate(_json_object(text))
    except ValidationError as error:
        problems = (f"{_place(item['loc'])}: {item['msg']}" for item in error.errors(include_input=False)[:3])
        raise AnswerError("; ".join(problems)) from None


def _judged(labels: Sequence[str]) -> dict[str, Any]:
    """The part of a schema that all answers share."""
    share = {"type": "number", "minimum": 0, "maximum": 1}
    level = {"type": "number", "minimum": -1, "maximum": 1}
    return {"probabilities": _object(dict.fromkeys(labels, share)), "arousal": level, "valence": level}


def _probabilities(given: dict[str, float], labels: Sequence[str]) -> dict[str, float]:
    result = dict.fromkeys(labels, 0.0)
    for name, value in given.items():
        try:
            label = name if name in result else canonical(name)
        except OptionError:
            label = ""
        if label not in result:
            raise AnswerError(f"probabilities: unknown label {plain(name, 40)!r}; known: {', '.join(labels)}")
        if value < 0:
            raise AnswerError(f"probabilities: {label} is {value:g}, below 0")
        result[label] += value
    total = sum(result.values())
    if not 0 < total < math.inf:
        raise AnswerError(f"probabilities: they sum to {total:g}, wanted 1")
    return {label: value / total for label, value in result.items()}


def _json_object(text: str) -> Any:
    """The first JSON object in a text."""
    text = _THOUGHT.sub("", text)
    start = text.find("{")
    if start < 0:
        raise AnswerError("it holds no JSON object")
    try:
        return json.JSONDecoder(parse_constant=_no_constant).raw_decode(text, start)[0]
    except (ValueError, RecursionError) as error:
        if isinstance(error, AnswerError):
            raise
        why = error.msg if isinstance(error, json.JSONDecodeError) else "nested too deep or a number too long"
        raise AnswerError(f"it is not valid JSON ({why})") from None


def _no_constant(name: str) -> NoReturn:
    raise AnswerError(f"it holds {name}, which is no number")


def _place(location: tuple[int | str, ...]) -> str:
    return plain(".".join(str(part) for part in location), 60) or "answer"


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _normal(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold().replace("’", "'")
    return " ".join(folded.split()).strip(" .,;:!?\"'…。，！？；：“”‘’「」()[]")


def _spaced(character: str) -> bool:
    """Whether words of this character's script stand apart."""
    return character.isalnum() and not "\u2e80" <= character <= "\u9fff"
