"""How much of a dialogue is told: less and less where a model cannot read it all."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from hearfelt.errors import ChatError, ContextError
from hearfelt.language.judge.question import QuestionOptions

T = TypeVar("T")

LEAST_CHARS = 100
"""A question with less of the recording than this makes no sense."""


class Window:
    """Tells as much as `QuestionOptions` say, and half of it whenever that is too long for the model.

    What was too long once is not tried again, so that a long recording costs a few refusals and not a few an
    utterance. Turns and characters are halved together; the utterance itself is cut last, by its characters.

    Attributes:
        options: what is told at present.
    """

    def __init__(self, options: QuestionOptions) -> None:
        self._whole = options
        self._lock = threading.Lock()
        self.options = options

    @property
    def shrunk(self) -> bool:
        """Whether less is told than was wished."""
        return self.options != self._whole

    def ask(self, put: Callable[[QuestionOptions], T]) -> tuple[T, QuestionOptions]:
        """The answer of ``put``, and how much was told to get it.

        Raises:
            ChatError: even next to nothing is too long, or ``put`` failed in another way.
        """
        options = self.options
        while True:
            try:
                return put(options), options
            except ContextError as error:
                smaller = _half(options)
                if smaller is None:
                    raise ChatError(f"{error}; even the utterance alone is too long for it") from None
                options = smaller
                with self._lock:
                    if _size(options) < _size(self.options):
                        self.options = options

    def reset(self) -> None:
        """Tells everything again."""
        self.options = self._whole


def _half(options: QuestionOptions) -> QuestionOptions | None:
    if options.max_chars // 2 < LEAST_CHARS:
        return None
    return replace(
        options, max_history_turns=options.max_history_turns // 2, max_chars=options.max_chars // 2
    )


def _size(options: QuestionOptions) -> tuple[int, int]:
    return options.max_chars, options.max_history_turns
