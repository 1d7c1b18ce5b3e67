"""espeak-ng through its shared library, which the wheel espeakng-loader brings (extra ``tts``)."""

from __future__ import annotations

import _ctypes
import contextlib
import ctypes
import functools
import math
import threading
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from hearfelt.audio.resample import resample
from hearfelt.datasets.synth import level, rules, speakers
from hearfelt.datasets.synth.base import checked_text
from hearfelt.errors import AudioError, MissingExtraError, ModelError
from hearfelt.types import Audio

RATE_HZ = 16000
_PITCH_PER_OCTAVE = 68
"""Steps of espeak-ng's pitch, 0 to 99 with 50 as it is, that make an octave (measured on its variants)."""
_RATE, _VOLUME, _PITCH, _RANGE, _GAP = 1, 2, 3, 4, 7
_RETRIEVE, _UTF8 = 2, 1
_GAP_MS = 10
_OWN_RATE_HZ = 22050
_LOCK = threading.Lock()
_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


@contextlib.contextmanager
def _opened() -> Iterator[ctypes.CDLL]:
    """The library, fresh: it keeps a flutter and a phase from one utterance to the next.

    Loading it anew costs 3 ms and makes a sound depend on its text and settings alone.
    """
    try:
        import espeakng_loader
    except ImportError:
        raise MissingExtraError("speech synthesis", "espeakng-loader", "tts") from None
    with _LOCK:
        library = ctypes.CDLL(espeakng_loader.get_library_path())
        try:
            data = str(espeakng_loader.get_data_path()).encode()
            rate_hz = int(library.espeak_Initialize(_RETRIEVE, 0, data, 0))
            if rate_hz != _OWN_RATE_HZ:
                raise ModelError(
                    "espeak-ng does not start: install it again with `pip install 'hearfelt[tts]'`"
                )
            yield library
            library.espeak_Terminate()
        finally:
            close = getattr(_ctypes, "dlclose", None) or getattr(_ctypes, "FreeLibrary")  # noqa: B009
            close(library._handle)


@functools.cache
def version() -> str:
    """Name and version of the library.

    Raises:
        MissingExtraError: espeakng-loader is not installed.
        ModelError: the library does not start.
    """
    with _opened() as library:
        library.espeak_Info.restype = ctypes.c_char_p
        return f"espeak-ng {library.espeak_Info(None).decode().split(' ')[0]}"


def say(
    text: str,
    voice: str,
    *,
    words_per_minute: float,
    pitch: float = 50,
    range_: float = 50,
    gap_ms: float = 0,
    seed: int = 0,
) -> Audio:
    """The text as sound at 16 kHz without silence around it.

    Args:
        voice: espeak-ng's name, with a variant after a plus sign.
        pitch, range_: espeak-ng's scales, 0 to 99.

    Raises:
        ModelError: espeak-ng has no such voice, or does not start.
        AudioError: it makes no sound of the text.
        MissingExtraError: espeakng-loader is not installed.
    """
    settings = {
        _RATE: min(max(words_per_minute, 80), 450),
        _VOLUME: 80,
        _PITCH: min(max(pitch, 0), 99),
        _RANGE: min(max(range_, 0), 99),
        _GAP: gap_ms / _GAP_MS,
    }
    parts: list[npt.NDArray[np.int16]] = []

    def collect(samples: ctypes._Pointer[ctypes.c_short], count: int, _events: int) -> int:
        if count > 0:
            parts.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    callback = _CALLBACK(collect)  # named, so that it lives as long as the library may call it
    spoken = text.encode()
    with _opened() as library:
        library.espeak_SetSynthCallback(callback)
        library.espeak_ng_SetRandSeed(seed % 2**31)
        if library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise ModelError(
                f"espeak-ng has no voice {voice!r}: install espeakng-loader again for its full data"
            )
        for parameter, value in settings.items():
            library.espeak_SetParameter(parameter, round(value), 0)
        library.espeak_Synth(spoken, len(spoken) + 1, 0, 1, 0, _UTF8, None, None)
        library.espeak_Synchronize()
    if not parts:
        raise AudioError(f"espeak-ng made no sound of {text[:40]!r}: give another text")
    samples = (np.concatenate(parts) / 32768.0).astype(np.float32)
    sound = resample(samples, _OWN_RATE_HZ, RATE_HZ).astype(np.float64)
    return Audio(level.trimmed(sound, RATE_HZ).astype(np.float32), RATE_HZ)


class Spoken:
    """A text said by espeak-ng, which has models of its own for duration: rate and pauses are its part."""

    timed = True

    def __init__(self, language: str, speaker: str = "f1") -> None:
        self.person = speakers.speaker(speaker)
        self.voice = f"{speakers.espeak_name(language)}+{self.person.variant}"
        self.speaker = f"{language}-{self.person.name}"
        self.gender: str | None = self.person.gender
        self.language: str | None = language.partition("-")[0]
        self.about_hz: float | None = self.person.variant_f0_hz
        self.f0_hz: float | None = self.person.f0_hz
        self.f0_sd_st: float | None = self.person.f0_sd_st
        self.formants = self.person.formants
        self.level_dbfs: float | None = level.SPEECH_DBFS

    def sound(self, text: str, rule: rules.Rule, seed: int) -> Audio:
        """See `ruled.Neutral`."""
        rate = self.person.words_per_minute * rule.rate
        return say(checked_text(text), self.voice, words_per_minute=rate, gap_ms=rule.pause_ms, seed=seed)

    def provenance(self) -> Mapping[str, Any]:
        """See `ruled.Neutral`."""
        return {
            "engine": "espeak+world",
            "engine_version": version(),
            "voice": self.voice,
            "speaker": asdict(self.person),
        }


class EspeakVoice:
    """espeak-ng alone: rate, pitch, range, pauses and loudness of the rules, no voice quality.

    Args:
        spoken: who speaks.
        table: the rules; those of the literature where None.
    """

    def __init__(self, spoken: Spoken, table: rules.Rules | None = None) -> None:
        self.spoken = spoken
        self.rules = table or rules.load()
        self.emotions: tuple[str, ...] | None = self.rules.emotions
        self.speaker, self.gender, self.language = spoken.speaker, spoken.gender, spoken.language

    def speak(self, text: str, emotion: str, intensity: float = 1.0, seed: int = 0) -> Audio:
        """See `base.Voice`."""
        rule = self.rules.rule(emotion, intensity, seed)
        person = self.spoken.person
        octaves = rule.pitch_st / 12 + math.log2(person.f0_hz / person.variant_f0_hz)
        sound = say(
            checked_text(text),
            self.spoken.voice,
            words_per_minute=person.words_per_minute * rule.rate,
            pitch=50 + _PITCH_PER_OCTAVE * octaves,
            range_=50 * rule.range,
            gap_ms=rule.pause_ms,
            seed=seed,
        )
        samples = sound.samples.astype(np.float64)
        return level.finished(samples, RATE_HZ, level.SPEECH_DBFS + rule.loudness_db)

    def provenance(self, emotion: str, intensity: float = 1.0, seed: int = 0) -> Mapping[str, Any]:
        """See `base.Voice`."""
        rule = self.rules.rule(emotion, intensity, seed)
        used = ("rate", "pitch_st", "range", "pause_ms", "loudness_db")
        return {
            **self.spoken.provenance(),
            "engine": "espeak",
            "rules": self.rules.version,
            "parameters": {name: getattr(rule, name) for name in used},
        }
