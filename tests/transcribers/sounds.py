"""Spoken sounds made on the spot with espeak-ng."""

from __future__ import annotations

import _ctypes
import ctypes

import espeakng_loader
import numpy as np
import soxr

from hearfelt.types import Audio

_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
_SYNCHRONOUS, _CHARS_UTF8, _RATE = 1, 1, 1
_USUAL = {2: 100, 3: 50, 4: 50, 7: 0}
"""espeak's volume, pitch, range and gap between words, as it has them by itself."""


def say(text: str, *, words_per_minute: int = 130, voice: str = "en-us") -> Audio:
    """A sentence at 16 kHz."""
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    pieces: list[np.ndarray] = []

    def take(samples: object, count: int, _: object) -> int:
        if samples and count > 0:
            pieces.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    callback = _CALLBACK(take)
    rate_hz = library.espeak_Initialize(_SYNCHRONOUS, 0, espeakng_loader.get_data_path().encode(), 0)
    library.espeak_SetSynthCallback(callback)
    library.espeak_SetVoiceByName(voice.encode())
    library.espeak_SetParameter(_RATE, words_per_minute, 0)
    for parameter, usual in _USUAL.items():  # whoever spoke before in this process may have changed them
        library.espeak_SetParameter(parameter, usual, 0)
    data = text.encode()
    library.espeak_Synth(data, len(data) + 1, 0, 1, 0, _CHARS_UTF8, None, None)
    library.espeak_Synchronize()
    library.espeak_Terminate()
    # Loaded anew each time: it keeps a flutter and a phase from one utterance to the next.
    close = getattr(_ctypes, "dlclose", None) or getattr(_ctypes, "FreeLibrary")  # noqa: B009
    close(library._handle)
    sound = np.concatenate(pieces).astype(np.float32) / 32768
    return Audio(soxr.resample(sound, rate_hz, 16000).astype(np.float32), 16000)
