"""Answers that cannot leave their JSON schema: what is fixed is written for the model, the rest is masked.

Keys, brackets and quotes are not the model's to choose: they are put into its context as they stand. A
number, a flag or a name out of a list is picked token by token among those that still lead to one of its
possible spellings; a text is free until its closing quote. The idea of walking a grammar beside the model:
B. T. Willard, R. Louf: Efficient guided generation for large language models. arXiv 2307.09702, 2023.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from hearfelt.errors import ChatError, OptionError

MAX_STRING_CHARS = 1000
MAX_ITEMS = 12
DECIMALS = 2
MAX_SPAN = 200
"""Numbers have two decimals, so that no spelling begins another, and span so much at most."""


class Continuation(Protocol):
    """A model amid its answer."""

    def append(self, ids: Sequence[int]) -> None:
        """Tokens that stand in the answer now."""
        ...

    def best(self, allowed: Any) -> int:
        """The likeliest next token of those allowed (bool tensor over the vocabulary)."""
        ...


class Vocabulary:
    """What the tokens of a tokenizer spell amid a text.

    Attributes:
        free: tokens that may stand within a JSON string (bool tensor).
        quotes: tokens that spell a quote.
    """

    def __init__(self, tokenizer: Any, size: int) -> None:
        import torch

        self._tokenizer = tokenizer
        # A token's text depends on what stands before it: decoders drop a leading space at the beginning.
        (anchor,) = tokenizer.encode('"', add_special_tokens=False)[-1:]
        known = min(size, len(tokenizer))
        texts = tokenizer.batch_decode([[anchor, token] for token in range(known)])
        lead = len(tokenizer.decode([anchor]))
        special = {*tokenizer.all_special_ids, *tokenizer.get_added_vocab().values()}
        self.free = torch.zeros(size, dtype=torch.bool)
        self._ids: dict[str, list[int]] = {}  # several where single bytes are tokens too
        for token, whole in enumerate(texts):
            text = whole[lead:]
            if token in special or not text:
                continue
            self._ids.setdefault(text, []).append(token)
            self.free[token] = not any(sign in '"\\' or sign < " " for sign in text)
        self.quotes = self.tokens('"')

    def tokens(self, text: str) -> list[int]:
        """The tokens that spell just this.

        Raises:
            ChatError: there is none.
        """
        if text not in self._ids:
            raise ChatError(
                f"this model has no token for {text!r}, so its answers cannot be bound to a schema; "
                "take the way 'score'"
            )
        return self._ids[text]

    def starts(self, texts: Sequence[str]) -> dict[int, str]:
        """Tokens that spell the beginning of one of the texts, with what they spell."""
        found = {}
        for text in texts:
            for end in range(1, len(text) + 1):
                found.update(dict.fromkeys(self._ids.get(text[:end], ()), text[:end]))
        return found

    def encode(self, text: str) -> list[int]:
        """A text as tokens, nothing added."""
        return list(self._tokenizer.encode(text, add_special_tokens=False))

    def decode(self, ids: Sequence[int]) -> str:
        """Tokens as a text."""
        return str(self._tokenizer.decode(list(ids)))


class Writer:
    """Writes one answer to a schema.

    Args:
        max_text_tokens: tokens of free text in the whole answer, shared equally by its texts and lists.
    """

    def __init__(self, vocabulary: Vocabulary, model: Continuation, max_text_tokens: int) -> None:
        self._vocabulary, self._model = vocabulary, model
        self._max_text_tokens = max_text_tokens
        self._share = max_text_tokens
        self._room = 0
        self._written = 0

    def answer(self, schema: Mapping[str, Any]) -> Any:
        """The whole answer, as plain JSON data.

        Raises:
            OptionError: the schema holds what cannot be written.
            ChatError: the model lacks a token for it.
        """
        self._share = self._max_text_tokens // max(1, _texts(schema))
        return self._value(schema)

    @property
    def n_tokens(self) -> int:
        """How many tokens the answer has so far."""
        return self._written

    def _value(self, schema: Mapping[str, Any]) -> Any:
        kind = schema.get("type")
        self._room = self._share
        if kind == "object":
            return self._object(schema)
        if kind == "array":
            return self._array(schema)
        if kind == "string" and "enum" in schema:
            self._force('"')
            return self._one_of([f'{name}"' for name in schema["enum"]]).removesuffix('"')
        if kind == "string":
            self._force('"')
            return self._text(schema)
        if kind == "boolean":
            return self._one_of(["true", "false"]) == "true"
        if kind == "number":
            return float(self._one_of(spellings(schema)))
        raise OptionError(
            f"a schema with the type {kind!r} cannot be written here; known: "
            "object, array of strings, string, boolean, number"
        )

    def _object(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        value = {}
        before = "{"
        for name, part in schema["properties"].items():
            self._force(f'{before}"{name}":')
            value[name] = self._value(part)
            before = ","
        self._force("}" if value else "{}")
        return value

    def _array(self, schema: Mapping[str, Any]) -> list[str]:
        item = schema.get("items", {})
        if item.get("type") != "string":
            raise OptionError("a schema with a list of anything but strings cannot be written here")
        most = int(schema.get("maxItems", MAX_ITEMS))
        value: list[str] = []
        more = '"'
        self._force("[")
        for _ in range(most):  # empty texts are left out, but count
            if self._room <= 0:
                break
            if self._one_of([more, "]"]) == "]":
                return value
            more = ',"'
            text = self._text(item)
            value += [text] if text else []
        self._force("]")
        return value

    def _text(self, schema: Mapping[str, Any]) -> str:
        """A text up to its closing quote, which is written too."""
        longest, least = int(schema.get("maxLength", MAX_STRING_CHARS)), int(schema.get("minLength", 0))
        ending = self._vocabulary.free.clone()
        ending[self._vocabulary.quotes] = True
        ids: list[int] = []
        text = ""
        while self._room > 0 and len(text) < longest:
            token = self._model.best(ending if len(text) >= least else self._vocabulary.free)
            if token in self._vocabulary.quotes:
                break
            self._append([token])
            ids.append(token)
            self._room -= 1
            text = self._vocabulary.decode(ids).replace("\ufffd", "").strip()
        self._force('"')
        return text[:longest]

    def _one_of(self, texts: Sequence[str]) -> str:
        """One of the texts, picked token by token; none may be the beginning of another."""
        import torch

        left, done = list(texts), ""
        while True:
            rests = [text[len(done) :] for text in left]
            if len(left) == 1:  # nothing left to choose
                self._force(rests[0])
                return left[0]
            starts = self._vocabulary.starts(rests)
            if not starts:
                self._vocabulary.tokens(min(rests)[:1])
            allowed = torch.zeros_like(self._vocabulary.free)
            allowed[list(starts)] = True
            token = self._model.best(allowed)
            self._append([token])
            done += starts[token]
            left = [text for text in left if text.startswith(done)]
            if done in left:
                return done

    def _force(self, text: str) -> None:
        if text:
            self._append(self._vocabulary.encode(text))

    def _append(self, ids: Sequence[int]) -> None:
        self._model.append(ids)
        self._written += len(ids)


def spellings(schema: Mapping[str, Any]) -> list[str]:
    """Every number that a schema allows, with two decimals.

    Raises:
        OptionError: it has no bounds, or they lie too far apart.
    """
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is None or high is None or not 0 <= high - low <= MAX_SPAN:
        raise OptionError(
            f"a number in a schema needs a minimum and a maximum, at most {MAX_SPAN} apart, "
            "to be written here"
        )
    scale = 10**DECIMALS
    return [f"{n / scale:.{DECIMALS}f}" for n in range(round(low * scale), round(high * scale) + 1)]


def _texts(schema: Mapping[str, Any]) -> int:
    """How many texts and lists of texts there are to write."""
    if schema.get("type") == "object":
        return sum(_texts(part) for part in schema["properties"].values())
    return int(schema.get("type") == "array" or (schema.get("type") == "string" and "enum" not in schema))


def least_tokens(schema: Mapping[str, Any], vocabulary: Vocabulary) -> int:
    """How many tokens an answer has at most whose texts are empty."""
    kind = schema.get("type")
    if kind == "object":
        names = sum(len(vocabulary.encode(f',"{name}":')) for name in schema["properties"])
        return names + 1 + sum(least_tokens(part, vocabulary) for part in schema["properties"].values())
    if kind == "array":
        return 2 + 3 * int(schema.get("maxItems", MAX_ITEMS))
    if "enum" in schema:
        return 2 + max(len(str(name)) for name in schema["enum"])
    return 6
