"""PocketSphinx: English, rough, small, offline. Its model comes with the library.

D. Huggins-Daines et al.: PocketSphinx: a free, real-time continuous speech recognition system for hand-held
devices. ICASSP 2006.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

from hearfelt.errors import MissingExtraError, ModelError, OptionError
from hearfelt.transcribers.sound import SAMPLE_RATE_HZ, at_16k, pieces
from hearfelt.types import Audio, FloatArray, Word

_NO_WORD = re.compile(r"^(?:<.*>|\[.*\]|\+\+.*\+\+)$")
_VARIANT = re.compile(r"\(\d+\)$")

NOTE = "rough: expect many wrong words; its reliability is low"
"""What to tell whoever reads its words."""


@dataclass(frozen=True, slots=True)
class SphinxOptions:
    """Options of `Sphinx`.

    Args:
        language: it knows ``en`` only.
        longest_s: longer sounds are cut at quiet places into pieces of at most this length.
    """

    language: str = "en"
    longest_s: float = 20.0


class Sphinx:
    """Hears English words with the model that the library brings; loaded at the first sound."""

    Options = SphinxOptions
    name = "sphinx"
    language = "en"
    reliability = 0.3
    languages = ("en",)
    note = NOTE

    def __init__(self, options: SphinxOptions = SphinxOptions()) -> None:
        if find_spec("pocketsphinx") is None:
            raise MissingExtraError("The transcriber 'sphinx'", "pocketsphinx", "sphinx")
        if options.language != "en":
            raise OptionError(
                f"the transcriber 'sphinx' does not know the language {options.language!r}; known: en; "
                "the transcriber 'whisper' knows many"
            )
        if options.longest_s < 6:
            raise OptionError(f"longest_s is {options.longest_s}; accepted: 6 or more")
        self.options = options
        self._decoder: Any = None

    def transcribe(self, audio: Audio) -> Iterator[Word]:
        """Yields the words of one channel, piece by piece; ``confidence`` is the decoder's posterior."""
        samples = at_16k(audio)
        if len(samples) < SAMPLE_RATE_HZ // 10 or not float(np.abs(samples).max()):
            return  # too short for a word, or nothing but zeros
        decoder = self._load()
        for first, last in pieces(samples, self.options.longest_s):
            offset_s = audio.start_s + first / SAMPLE_RATE_HZ
            for text, start, end, sure in _decode(decoder, samples[first:last]):
                stop = min(offset_s + end, audio.end_s)
                yield Word(text, min(offset_s + start, stop), stop, sure, None, audio.channel)

    def _load(self) -> Any:
        if self._decoder is None:
            from pocketsphinx import Decoder

            try:
                self._decoder = Decoder(samprate=SAMPLE_RATE_HZ, loglevel="FATAL")
            except RuntimeError as error:
                raise ModelError(f"the English model of pocketsphinx cannot be loaded: {error}") from error
        return self._decoder


def _decode(decoder: Any, samples: FloatArray) -> list[tuple[str, float, float, float]]:
    """Word, start and end in seconds from the first sample, posterior in [0, 1]."""
    sound = (np.clip(_with_floor(samples), -1, 1) * 32767).astype("<i2").tobytes()
    decoder.start_utt()
    decoder.process_raw(sound, full_utt=True)
    decoder.end_utt()
    frame_s = 1 / decoder.config["frate"]
    found = []
    for segment in decoder.seg() or ():
        if _NO_WORD.match(segment.word):
            continue
        found.append(
            (
                _VARIANT.sub("", segment.word),
                segment.start_frame * frame_s,
                (segment.end_frame + 1) * frame_s,
                min(1.0, max(0.0, float(segment.prob))),
            )
        )
    return found


def _with_floor(samples: FloatArray) -> FloatArray:
    """Digital silence filled with faint noise, 54 dB below the peak: its log energies upset the decoder."""
    if np.count_nonzero(samples) > 0.95 * len(samples):
        return samples
    noise = np.random.default_rng(0).standard_normal(len(samples), dtype=np.float32)
    filled: FloatArray = samples + noise * np.float32(0.002 * np.abs(samples).max())
    return filled
