"""The contract of this room."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from hearfelt.types import Audio, Word


class Transcriber(Protocol):
    """Hears words in a sound.

    Attributes:
        name: who heard it, such as ``whisper/small``; goes into `Transcript.transcriber`.
        language: ISO 639-1 code of the speech; None until it is known.
        reliability: how far its words may be trusted before their own confidence counts, in [0, 1].
        languages: what it understands; empty where it understands many or does not listen.
    """

    @property
    def name(self) -> str: ...

    @property
    def language(self) -> str | None: ...

    @property
    def reliability(self) -> float: ...

    @property
    def languages(self) -> tuple[str, ...]: ...

    def transcribe(self, audio: Audio) -> Iterator[Word]:
        """Yields the words of one channel as they are found, their times counted in the recording."""
        ...
