"""Make the example call: call.flac (agent left, customer right) and call.srt from script.csv.

    python examples/call/make.py [FOLDER]

Everything here is made: the script is ours, the voices are espeak-ng's (by the espeakng-loader wheel, extra
`tts`). Moods are pitch, range, tempo, loudness and how bright the voice is. The same script gives the same
call. Writes to the folder of this file where none is given.
"""

from __future__ import annotations

import csv
import ctypes
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

HERE = Path(__file__).resolve().parent
RATE_HZ = 16000
NOISE_DBFS = -66.0
SPEECH_DBFS = -26.0
END_S = 0.6
SEED = 7

Samples = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Mood:
    """How a mood sounds, as changes to a speaker's own voice.

    Args:
        pitch, range: added to espeak's 0 to 100 scales.
        tempo: times the speaker's words a minute.
        gain_db: added to the speaker's level.
        bright: share of the sound's own slope that is added: more high frequencies, as in a raised voice.
    """

    pitch: int = 0
    range: int = 0
    tempo: float = 1.0
    gain_db: float = 0.0
    bright: float = 0.0


@dataclass(frozen=True)
class Speaker:
    """One side of the call: espeak-ng's voice and where it lies at rest."""

    channel: int
    voice: str
    pitch: int
    range: int
    words_per_minute: int


MOODS = {
    "neutral": Mood(),
    "calm": Mood(pitch=-4, range=-5, tempo=0.93, gain_db=-2),
    "friendly": Mood(pitch=8, range=20, tempo=1.02, gain_db=1, bright=0.3),
    "irritated": Mood(pitch=12, range=15, tempo=1.12, gain_db=4, bright=0.8),
    "angry": Mood(pitch=30, range=35, tempo=1.22, gain_db=9, bright=2.0),
    "happy": Mood(pitch=28, range=50, tempo=1.1, gain_db=4, bright=0.8),
}
SPEAKERS = {
    "agent": Speaker(0, "en-us+f3", pitch=50, range=45, words_per_minute=178),
    "customer": Speaker(1, "en-us+m3", pitch=35, range=40, words_per_minute=172),
}


@dataclass(frozen=True)
class Turn:
    """One line of the script; ``gap_s`` after the end of the turn before, negative where it interrupts."""

    speaker: str
    mood: str
    gap_s: float
    text: str


class Voice:
    """espeak-ng: text to sound."""

    _RETRIEVE, _RATE, _VOLUME, _PITCH, _RANGE, _UTF8 = 2, 1, 2, 3, 4, 1

    def __init__(self) -> None:
        import espeakng_loader

        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        data = str(espeakng_loader.get_data_path()).encode()
        self.rate_hz = int(self._library.espeak_Initialize(self._RETRIEVE, 0, data, 0))
        if self.rate_hz <= 0:
            raise SystemExit("espeak-ng does not start: install it again with `pip install 'hearfelt[tts]'`")
        self._parts: list[npt.NDArray[np.int16]] = []
        kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
        self._callback = kind(self._collect)
        self._library.espeak_SetSynthCallback(self._callback)

    def _collect(self, samples: ctypes._Pointer[ctypes.c_short], count: int, _events: int) -> int:
        if count > 0:
            self._parts.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    def say(self, text: str, speaker: Speaker, mood: Mood) -> Samples:
        """The text as sound at `RATE_HZ`, without silence around it, at -26 dBFS plus the mood's gain."""
        self._parts = []
        self._library.espeak_ng_SetRandSeed(SEED)  # its breath and flutter are random
        self._library.espeak_SetVoiceByName(speaker.voice.encode())
        for parameter, value in (
            (self._RATE, round(speaker.words_per_minute * mood.tempo)),
            (self._VOLUME, 80),
            (self._PITCH, speaker.pitch + mood.pitch),
            (self._RANGE, speaker.range + mood.range),
        ):
            self._library.espeak_SetParameter(parameter, min(max(value, 0), 400), 0)
        spoken = text.encode()
        self._library.espeak_Synth(spoken, len(spoken) + 1, 0, 1, 0, self._UTF8, None, None)
        self._library.espeak_Synchronize()
        return shape(np.concatenate(self._parts) / 32768.0, self.rate_hz, mood)


def shape(sound: Samples, rate_hz: int, mood: Mood) -> Samples:
    """Trim, brighten, resample and level one turn."""
    loud = np.flatnonzero(np.abs(sound) > 0.003)
    sound = sound[loud[0] : loud[-1] + 1]
    sound = sound + mood.bright * np.diff(sound, prepend=0.0)
    sound = np.asarray(soxr.resample(sound, rate_hz, RATE_HZ), np.float64)
    power = float(np.mean(sound[np.abs(sound) > 0.01 * np.abs(sound).max()] ** 2))
    sound *= 10 ** ((SPEECH_DBFS + mood.gain_db) / 20) / np.sqrt(power)
    return np.tanh(sound)  # a soft ceiling: peaks stay below full scale


def script(path: Path) -> Iterator[Turn]:
    """The turns of a script file."""
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield Turn(row["speaker"], row["mood"], float(row["gap_s"]), row["text"])


def room(length: int) -> Samples:
    """Low noise of a room, falling with frequency, shape ``(length, 2)``."""
    random = np.random.default_rng(SEED)
    spectrum = np.fft.rfft(random.standard_normal((length, 2)), axis=0)
    frequency = np.fft.rfftfreq(length, 1 / RATE_HZ)
    noise = np.fft.irfft(spectrum / np.sqrt(np.maximum(frequency, 40.0))[:, None], length, axis=0)
    return np.asarray(noise / np.sqrt(np.mean(noise**2, axis=0)) * 10 ** (NOISE_DBFS / 20))


def time_stamp(seconds: float) -> str:
    """Seconds as SRT writes them."""
    ms = round(seconds * 1000)
    return f"{ms // 3600000:02}:{ms // 60000 % 60:02}:{ms // 1000 % 60:02},{ms % 1000:03}"


def make(folder: Path) -> None:
    """Write call.flac and call.srt."""
    voice = Voice()
    placed: list[tuple[int, Turn, Samples]] = []
    end = 0
    for turn in script(HERE / "script.csv"):
        sound = voice.say(turn.text, SPEAKERS[turn.speaker], MOODS[turn.mood])
        start = max(0, end + round(turn.gap_s * RATE_HZ))
        placed.append((start, turn, sound))
        end = start + len(sound)
    call = room(end + round(END_S * RATE_HZ))
    cues = []
    for number, (start, turn, sound) in enumerate(placed, 1):
        call[start : start + len(sound), SPEAKERS[turn.speaker].channel] += sound
        times = f"{time_stamp(start / RATE_HZ)} --> {time_stamp((start + len(sound)) / RATE_HZ)}"
        cues.append(f"{number}\n{times}\n{turn.speaker.capitalize()}: {turn.text}\n")
    folder.mkdir(parents=True, exist_ok=True)
    soundfile.write(folder / "call.flac", call, RATE_HZ, subtype="PCM_16")
    (folder / "call.srt").write_text("\n".join(cues), encoding="utf-8")


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
