"""Voices that several tests ask; the whole folder is skipped where the extra ``tts`` is missing."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator

import pytest

from hearfelt.datasets.synth import espeak, ruled
from hearfelt.types import Audio

from .serving import SpeechServer, speech_server

pytest.importorskip("espeakng_loader", reason="espeakng-loader is missing: pip install 'hearfelt[tts]'")

TEXTS = {
    "en": "The window was open when we came home from the market.",
    "de": "Das Fenster war offen, als wir vom Markt nach Hause kamen.",
    "pl": "Okno było otwarte, kiedy wróciliśmy do domu z rynku.",
}

Spoken = Callable[..., Audio]


@pytest.fixture(scope="session")
def spoken() -> Spoken:
    """``spoken(language, speaker, emotion, intensity=1.0, seed=0) -> Audio``, made once each."""

    @functools.cache
    def make(language: str, speaker: str, emotion: str, intensity: float = 1.0, seed: int = 0) -> Audio:
        voice = ruled.RuledVoice(espeak.Spoken(language, speaker))
        return voice.speak(TEXTS[language], emotion, intensity, seed)

    return make


@pytest.fixture(scope="session")
def server() -> Iterator[SpeechServer]:
    """The speech server that all tests ask."""
    with speech_server() as running:
        yield running


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """No key of the machine reaches a test."""
    for name in ("HEARFELT_TTS_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
