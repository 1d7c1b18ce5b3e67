"""The best transcriber that is already on this machine. It looks at folders and never at the network."""

from __future__ import annotations

from importlib.util import find_spec

from hearfelt.transcribers.base import Transcriber
from hearfelt.transcribers.whisper import cached

WHISPER_ORDER = (
    "large-v3-turbo",
    "large-v3",
    "large-v2",
    "distil-large-v3",
    "medium",
    "medium.en",
    "small",
    "small.en",
    "base",
    "base.en",
    "tiny",
    "tiny.en",
)
"""Published models, the one to prefer first."""

_GET_WHISPER = "pip install 'hearfelt[whisper]', then once with the network: --transcriber whisper"


def choose(language: str | None = None) -> tuple[Transcriber, str]:
    """A transcriber that works here and now, and one sentence on which it is and what would be better.

    Whisper where faster-whisper is installed and one of its models lies in the local cache; else PocketSphinx
    where it is installed and the language is English or not known; else none.
    """
    installed = find_spec("faster_whisper") is not None
    model = _whisper_model(language) if installed else None
    if model is not None:
        from hearfelt.transcribers.whisper import Whisper, WhisperOptions

        return Whisper(WhisperOptions(model=model, language=language, download=False)), _whisper_message(
            model
        )
    better = "run once with the network: --transcriber whisper" if installed else _GET_WHISPER
    if language in (None, "en") and find_spec("pocketsphinx") is not None:
        from hearfelt.transcribers.sphinx import NOTE, Sphinx

        return Sphinx(), f"words by sphinx (English only, {NOTE}); better: {better}"
    from hearfelt.transcribers.none import Silent

    why = f"no transcriber for {language!r}" if language not in (None, "en") else "no transcriber"
    return Silent(), f"no words: {why} is on this machine; to have words: {better}; or give --transcript FILE"


def _whisper_model(language: str | None) -> str | None:
    for model in WHISPER_ORDER:
        if model.endswith(".en") and language not in (None, "en"):
            continue
        if cached(model) is not None:
            return model
    return None


def _whisper_message(model: str) -> str:
    if model in ("large-v3-turbo", "large-v3"):
        return f"words by whisper/{model}"
    better = f"--transcriber whisper --transcriber-model {WHISPER_ORDER[0]}"
    return f"words by whisper/{model}; better, once with the network: {better}"
