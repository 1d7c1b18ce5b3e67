"""The contracts of this room."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

Message = Mapping[str, str]
"""One turn of a chat: ``role`` (``system``, ``user`` or ``assistant``) and ``content``."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a chat model answered.

    Args:
        text: the answer.
        logprobs: ``(token, log-probability)`` where the server gives them, else None.
        usage: tokens read and written, as the server counts them.
        finish_reason: why it stopped; ``length`` means that the answer is cut off.
    """

    text: str
    logprobs: tuple[tuple[str, float], ...] | None = None
    usage: Mapping[str, int] = field(default_factory=dict)
    finish_reason: str | None = None


class ChatModel(Protocol):
    """Answers a chat.

    Attributes:
        name: the model's name.
        supports_schema: whether it binds its answer to a JSON schema.
        local: whether it runs on this machine, so that no words leave it.
        identity: all that shapes an answer beside the messages (plain JSON data), for the cache.
    """

    @property
    def name(self) -> str: ...

    @property
    def supports_schema(self) -> bool: ...

    @property
    def local(self) -> bool: ...

    @property
    def identity(self) -> Mapping[str, Any]: ...

    def chat(self, messages: Sequence[Message], *, schema: Mapping[str, Any] | None = None) -> Reply:
        """The answer to the messages, bound to a JSON schema where one is given.

        Raises:
            ChatError: the model is down, slow, or refuses.
        """
        ...
