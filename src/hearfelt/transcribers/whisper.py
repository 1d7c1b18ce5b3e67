"""Whisper through faster-whisper: many languages, word times, word confidence.

A. Radford et al.: Robust speech recognition via large-scale weak supervision. ICML 2023.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from hearfelt.errors import MissingExtraError, ModelError, OptionError
from hearfelt.transcribers.sound import at_16k
from hearfelt.types import Audio, Word

_NEEDED = ("model.bin", "config.json", "tokenizer.json")

SIZES = (
    "tiny", "tiny.en", "base", "base.en", "small", "small.en", "medium", "medium.en", "large-v1", "large-v2",
    "large-v3", "large-v3-turbo", "distil-small.en", "distil-medium.en", "distil-large-v2", "distil-large-v3",
)  # fmt: skip
"""Names of the published models; a folder or a full ``owner/name`` does as well."""


@dataclass(frozen=True, slots=True)
class WhisperOptions:
    """Options of `Whisper`.

    Args:
        model: one of `SIZES`, the ``owner/name`` of a converted model, or the folder of one.
        language: ISO 639-1 code of the speech; found out from the sound where None.
        compute_type: how the weights are computed with; ``int8`` is the fastest on a CPU.
        device: ``cpu``, ``cuda`` or ``auto``.
        threads: threads to compute with; 0 leaves it to the library.
        beam_size: how many readings are followed at once.
        download: whether a model that is not on the machine may be fetched.
    """

    model: str | Path = "small"
    language: str | None = None
    compute_type: str = "int8"
    device: str = "cpu"
    threads: int = 0
    beam_size: int = 5
    download: bool = True


class Whisper:
    """Hears words with a Whisper model; the model is loaded at the first sound."""

    Options = WhisperOptions
    reliability = 0.9
    languages: tuple[str, ...] = ()

    def __init__(self, options: WhisperOptions = WhisperOptions()) -> None:
        if find_spec("faster_whisper") is None:
            raise MissingExtraError("The transcriber 'whisper'", "faster-whisper", "whisper")
        self.options = options
        model = str(options.model)
        self.name = f"whisper/{Path(model).name if Path(model).is_dir() else model}"
        self.language = options.language
        if self.language is None and model.endswith(".en"):
            self.language = "en"
        self._model: Any = None

    def transcribe(self, audio: Audio) -> Iterator[Word]:
        """Yields the words of one channel, segment by segment, with times and confidence.

        Raises:
            ModelError: the model is not on the machine and cannot be fetched, or it cannot be loaded.
            OptionError: the model does not know the language.
        """
        samples = at_16k(audio)
        if len(samples) < 400 or not float(np.abs(samples).max()):
            return  # less than one analysis window, or nothing but zeros: Whisper would make words up
        model = self._load()
        if self.options.language and self.options.language not in model.supported_languages:
            known = ", ".join(sorted(model.supported_languages))
            raise OptionError(
                f"the Whisper model does not know the language {self.options.language!r}; known: {known}"
            )
        segments, info = model.transcribe(
            samples,
            language=self.options.language,
            beam_size=self.options.beam_size,
            word_timestamps=True,
            condition_on_previous_text=False,
        )
        self.language = info.language
        for segment in segments:
            for word in segment.words or ():
                found = _word(word, audio)
                if found is not None:
                    yield found

    def _load(self) -> Any:
        if self._model is None:
            folder = self._folder()
            from faster_whisper import WhisperModel

            try:
                self._model = WhisperModel(
                    str(folder),
                    device=self.options.device,
                    compute_type=self.options.compute_type,
                    cpu_threads=self.options.threads,
                    local_files_only=True,
                )
            except (RuntimeError, ValueError, OSError) as error:
                raise ModelError(f"the Whisper model in {folder} cannot be loaded: {error}") from error
        return self._model

    def _folder(self) -> Path:
        """Where the model lies; fetched where it is not here and may be."""
        model = str(self.options.model)
        folder = Path(model)
        if folder.is_dir():
            missing = [name for name in _NEEDED if not (folder / name).is_file()]
            if missing:
                raise ModelError(
                    f"{folder} is no converted Whisper model, it lacks {', '.join(missing)}; make one with "
                    "ct2-transformers-converter --copy_files tokenizer.json preprocessor_config.json"
                )
            return folder
        found = cached(model)
        if found is not None:
            return found
        if not _may_be_a_name(model):
            raise ModelError(f"no Whisper model {model!r}: name a folder, or one of {', '.join(SIZES)}")
        if not self.options.download or _told_offline():
            raise ModelError(
                f"the Whisper model {model!r} is not on this machine and nothing may be fetched; run once "
                "with the network, or name the folder of a converted model"
            )
        return _fetch(model)


def cached(model: str) -> Path | None:
    """The folder of a published model in the local cache, complete, or None. No network."""
    owners = ("Systran", "mobiuslabsgmbh", "distil-whisper")
    if "/" in model:
        names = ["models--" + model.replace("/", "--")]
    else:
        short = (
            f"distil-whisper-{model.removeprefix('distil-')}"
            if model.startswith("distil-")
            else f"whisper-{model}"
        )
        names = [f"models--{owner}--faster-{short}" for owner in owners]
    for name in names:
        for snapshot in sorted((cache_folder() / name / "snapshots").glob("*")):
            if all((snapshot / needed).is_file() for needed in _NEEDED):
                return snapshot
    return None


def cache_folder(environment: Mapping[str, str] | None = None) -> Path:
    """Where faster-whisper keeps fetched models: the cache of its hub client."""
    env = os.environ if environment is None else environment
    for key in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if env.get(key):
            return Path(env[key]).expanduser()
    home = env.get("HF_HOME") or str(Path(env.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface")
    return Path(home).expanduser() / "hub"


def _told_offline() -> bool:
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")


def _may_be_a_name(model: str) -> bool:
    return model in SIZES or (model.count("/") == 1 and not model.startswith((".", "/", "~")))


def _fetch(model: str) -> Path:
    from faster_whisper import download_model

    try:
        return Path(download_model(model))
    except Exception as error:  # the hub client raises a dozen kinds, by version
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(
            f"the Whisper model {model!r} is not on this machine and could not be fetched ({reason[:160]}); "
            "run once with the network, or name the folder of a converted model"
        ) from error


def _word(word: Any, audio: Audio) -> Word | None:
    text = word.word.strip()
    if not text:
        return None
    start_s = min(max(float(word.start), 0.0), audio.duration_s)
    end_s = min(max(float(word.end), start_s), audio.duration_s)
    sure = min(1.0, max(0.0, float(word.probability)))
    return Word(text, audio.start_s + start_s, audio.start_s + end_s, sure, None, audio.channel)
