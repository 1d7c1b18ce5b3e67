"""The contracts of this room."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

Message = Mapping[str, str]
"""One turn of a chat: ``role`` (``system``, ``user`` or ``assistant``) and ``content``."""

Score = tuple[float, int]
"""The natural log-likelihood of a text, and of how many tokens it is made."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a chat model answered.

    Args:
        text: the answer; where choices were given, the most likely of them.
        logprobs: ``(token, log-probability)`` where the server gives them, else None.
        usage: tokens read and written, as the server counts them.
        finish_reason: why it stopped; ``length`` means that the answer is cut off.
        scores: how likely each of the given choices is, in their order; None where none were given.
    """

    text: str
    logprobs: tuple[tuple[str, float], ...] | None = None
    usage: Mapping[str, int] = field(default_factory=dict)
    finish_reason: str | None = None
    scores: tuple[Score, ...] | None = None


class ChatModel(Protocol):
    """Answers a chat.

    Attributes:
        name: the model's name.
        supports_schema: whether it binds its answer to a JSON schema. One that does not is asked in words.
        supports_score: whether it tells how likely any given texts are as its answer (``choices``).
        supports_logprobs: whether it tells how likely its first tokens are, so that ``choices`` of one
            letter each can be told apart.
        local: whether it runs on this machine, so that no words leave it.
        max_context_tokens: how much it can read and write together; None where nobody has said.
        identity: all that shapes an answer beside the messages (plain JSON data), for the cache.
    """

    @property
    def name(self) -> str: ...

    @property
    def supports_schema(self) -> bool: ...

    @property
    def supports_score(self) -> bool: ...

    @property
    def supports_logprobs(self) -> bool: ...

    @property
    def local(self) -> bool: ...

    @property
    def max_context_tokens(self) -> int | None: ...

    @property
    def identity(self) -> Mapping[str, Any]: ...

    def chat(
        self,
        messages: Sequence[Message],
        *,
        schema: Mapping[str, Any] | None = None,
        choices: Sequence[str] | None = None,
    ) -> Reply:
        """The answer to the messages.

        Args:
            schema: a JSON schema that binds the answer.
            choices: texts of which each is scored as the answer (``Reply.scores``) instead of writing one.
                Without ``supports_score`` they must be single letters.

        Raises:
            ContextError: the messages are longer than what the model can read.
            ChatError: the model is down, slow, or refuses, or cannot score.
        """
        ...
