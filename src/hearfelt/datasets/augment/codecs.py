"""What coding costs: a sound encoded and decoded again by FFmpeg, in memory, through PyAV."""

from __future__ import annotations

import functools
import io
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from hearfelt.audio.resample import resample
from hearfelt.datasets.augment.base import Change, Range, Samples, check_range, draw, of_length
from hearfelt.errors import OptionError, unknown_name
from hearfelt.types import FloatArray


@dataclass(frozen=True)
class _Coder:
    """How FFmpeg calls an encoder, what it can hold, and the delay in samples that nobody takes out again.

    ``bitrates_kbps`` are the least and the most, or with ``steps`` the only ones.
    """

    encoder: str
    container: str
    rates_hz: tuple[int, ...]
    bitrates_kbps: tuple[float, ...] = ()
    steps: bool = False
    delay: int = 0


_AMR_KBPS = (4.75, 5.15, 5.9, 6.7, 7.4, 7.95, 10.2, 12.2)
_MPEG_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
CODECS: dict[str, _Coder] = {
    "g711_mulaw": _Coder("pcm_mulaw", "wav", (8000,)),
    "g711_alaw": _Coder("pcm_alaw", "wav", (8000,)),
    "g722": _Coder("g722", "wav", (16000,), delay=22),
    "g726": _Coder("g726", "wav", (8000,), (16, 24, 32, 40), steps=True),
    "gsm": _Coder("libgsm_ms", "wav", (8000,)),
    "amr_nb": _Coder("libopencore_amrnb", "amr", (8000,), _AMR_KBPS, steps=True, delay=40),
    "opus": _Coder("libopus", "ogg", (8000, 12000, 16000, 24000, 48000), (6, 64)),
    "mp3": _Coder("libmp3lame", "mp3", _MPEG_RATES, (8, 160)),
    "aac": _Coder("aac", "ipod", _MPEG_RATES, (8, 160)),
}
"""Name of a codec to how it is made; which of them there are depends on the FFmpeg that PyAV brings."""


@functools.lru_cache(maxsize=1)
def available() -> dict[str, bool]:
    """Each of `CODECS`, and whether the FFmpeg of the installed PyAV can encode and decode it."""
    import av

    def there(coder: _Coder) -> bool:
        try:
            av.codec.Codec(coder.encoder, "w")
        except av.codec.codec.UnknownCodecError:
            return False
        return True

    return {name: there(coder) for name, coder in CODECS.items()}


@dataclass(frozen=True)
class Codec(Change):
    """Through one of these codecs and back, each as likely.

    The sound is taken to the nearest sample rate the codec has and back; its delay is taken out. G.711 and
    GSM have 8 kHz: nothing above 4 kHz is left.

    Args:
        codecs: names from `CODECS`.
        bitrate_kbps: for those that have a choice; brought into what the codec can do.

    Raises:
        OptionError: an unknown codec, or one that this FFmpeg cannot encode.
    """

    codecs: tuple[str, ...] = ("g711_mulaw", "opus", "mp3")
    bitrate_kbps: Range = (12.0, 48.0)

    def __post_init__(self) -> None:
        check_range("bitrate_kbps", self.bitrate_kbps, 1, 512, " kbit/s")
        if not self.codecs:
            raise OptionError(f"codecs is empty: give at least one of {', '.join(CODECS)}")
        for name in self.codecs:
            if name not in CODECS:
                raise unknown_name("codec", name, CODECS)
            if not available()[name]:
                have = ", ".join(known for known, there in available().items() if there)
                raise OptionError(
                    f"the FFmpeg of the installed PyAV cannot encode {name}; it can encode {have}"
                )

    def change(self, sound: Samples, rate: int, random: np.random.Generator) -> Samples:
        name = self.codecs[int(random.integers(len(self.codecs)))]
        wanted = draw(self.bitrate_kbps, random)
        coder = CODECS[name]
        inner = min(coder.rates_hz, key=lambda known: (known < rate, abs(known - rate)))
        samples = resample(sound.astype(np.float32), rate, inner)
        # Silence after the end: encoders look ahead, and some refuse less than a frame.
        samples = np.concatenate((samples, np.zeros(inner // 10, np.float32)))
        encoded = _encoded(samples, inner, coder, _bitrate(coder, wanted))
        decoded, outer = _decoded(encoded)
        decoded = decoded[round(coder.delay * outer / inner) :]
        return of_length(resample(decoded, outer, rate).astype(np.float64), len(sound))


def _bitrate(coder: _Coder, wanted: float) -> float | None:
    """The nearest that the codec can do; None where it has no choice."""
    if not coder.bitrates_kbps:
        return None
    if coder.steps:
        return min(coder.bitrates_kbps, key=lambda step: abs(step - wanted))
    return min(max(wanted, coder.bitrates_kbps[0]), coder.bitrates_kbps[-1])


def _encoded(samples: FloatArray, rate: int, coder: _Coder, bitrate_kbps: float | None) -> io.BytesIO:
    """The sound as a file in memory."""
    import av

    memory = io.BytesIO()
    with av.open(memory, "w", format=coder.container) as container:
        stream: Any = container.add_stream(coder.encoder, rate=rate, layout="mono")
        if bitrate_kbps is not None:
            stream.bit_rate = round(bitrate_kbps * 1000)
        formats = {known.name for known in stream.codec_context.codec.audio_formats}
        if formats & {"fltp", "flt"}:
            layout, data = "fltp" if "fltp" in formats else "flt", samples
        else:
            layout, data = "s16", np.round(np.clip(samples, -1, 1) * 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(data)[None], format=layout, layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    memory.seek(0)
    return memory


def _decoded(memory: io.BytesIO) -> tuple[FloatArray, int]:
    import av

    parts, rate = [], 0
    with av.open(memory, "r") as container:
        for frame in container.decode(audio=0):
            data = frame.to_ndarray()[0]
            parts.append(data / np.float32(32768) if data.dtype == np.int16 else data)
            rate = int(frame.sample_rate)
    return np.concatenate(parts).astype(np.float32), rate
