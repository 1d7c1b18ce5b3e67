"""The transcriber that hears no words: the voice alone has the say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hearfelt.types import Audio, Word


@dataclass(frozen=True, slots=True)
class SilentOptions:
    """There is nothing to choose."""


class Silent:
    """Yields no words."""

    Options = SilentOptions
    name = "none"
    language: str | None = None
    reliability = 0.0
    languages: tuple[str, ...] = ()

    def __init__(self, options: SilentOptions = SilentOptions()) -> None:
        self.options = options

    def transcribe(self, audio: Audio) -> Iterator[Word]:
        """No words."""
        return iter(())
