"""Noise at an SNR: made (white, pink, brown, hum, babble of other clips) or from a folder of recordings.

The SNR is the power of the speech over the power of the noise: of the speech the frames within 35 dB of the
loudest count, so that pauses do not make it look weaker; of the noise all that is added.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from hearfelt import audio
from hearfelt.datasets.augment.base import Change, Range, Samples, check_range, draw, speech_power
from hearfelt.errors import OptionError, unknown_name

NOISES = ("white", "pink", "brown", "hum", "babble", "folder")
"""What `AddNoise` can add."""

_LOWEST_HZ = 20.0
_HARMONICS = 8
_LONGEST_S = 120.0


@dataclass(frozen=True)
class AddNoise(Change):
    """One kind of noise, each as likely, at an SNR drawn from its range. Silence stays silence.

    Args:
        snr_db: speech over noise.
        noises: which of `NOISES`: white (equal power a hertz), pink (falling by 3 dB an octave), brown
            (6 dB), hum (of the mains, with harmonics), babble (other people at once), folder (your own).
        folder: recordings of noise for ``folder``; a piece is taken from a random place of the first two
            minutes of one, short ones repeat.
        hum_hz: frequency of the mains, 50 or 60.
        voices: how many people babble.
        clips: recordings of speech that babble is made of; `copies` fills in those of other speakers.
    """

    snr_db: Range = (5.0, 30.0)
    noises: tuple[str, ...] = ("white", "pink", "brown")
    folder: str | None = None
    hum_hz: float = 50.0
    voices: int = 6
    clips: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_range("snr_db", self.snr_db, -60, 120, " dB")
        check_range("hum_hz", self.hum_hz, 10, 1000, " Hz")
        check_range("voices", self.voices, 1, 100, " people")
        if not self.noises:
            raise OptionError(f"noises is empty: give at least one of {', '.join(NOISES)}")
        for name in self.noises:
            if name not in NOISES:
                raise unknown_name("noise", name, NOISES)
        if ("folder" in self.noises) != (self.folder is not None):
            raise OptionError('noises from a folder need both: folder = "PATH" and "folder" among the noises')

    def with_clips(self, clips: Sequence[str]) -> AddNoise:
        return replace(self, clips=tuple(clips)) if "babble" in self.noises and not self.clips else self

    def change(self, sound: Samples, rate: int, random: np.random.Generator) -> Samples:
        kind = self.noises[int(random.integers(len(self.noises)))]
        snr_db = draw(self.snr_db, random)
        speech = speech_power(sound, rate)
        if not speech:
            return sound
        added = self._noise(kind, len(sound), rate, random)
        power = float(np.mean(added**2))
        if not power:
            return sound
        noisy: Samples = sound + added * np.sqrt(speech / power) * 10 ** (-snr_db / 20)
        return noisy

    def _noise(self, kind: str, length: int, rate: int, random: np.random.Generator) -> Samples:
        if kind == "hum":
            return _hum(length, rate, self.hum_hz, random)
        if kind == "babble":
            return self._babble(length, rate, random)
        if kind == "folder":
            files = recordings(str(self.folder))
            return piece(load(files[int(random.integers(len(files)))], rate), length, random)
        return coloured(length, rate, {"white": 0.0, "pink": 1.0, "brown": 2.0}[kind], random)

    def _babble(self, length: int, rate: int, random: np.random.Generator) -> Samples:
        if not self.clips:
            raise OptionError(
                "babble is made of other clips and none were given: use it through copies of a table, "
                "or set clips"
            )
        total = np.zeros(length)
        for i in random.choice(len(self.clips), self.voices, replace=len(self.clips) < self.voices):
            voice = load(self.clips[i], rate)
            power = speech_power(voice, rate)
            if power:
                total += piece(voice, length, random) / np.sqrt(power)
        return total


def coloured(length: int, rate: int, slope: float, random: np.random.Generator) -> Samples:
    """Gaussian noise whose power falls as 1 / f to the ``slope``, flat below 20 Hz; shape ``(length,)``."""
    if not slope:
        return random.standard_normal(length)
    size = 1 << max(1, length - 1).bit_length()  # other lengths take longer to transform
    spectrum = np.fft.rfft(random.standard_normal(size))
    spectrum /= np.maximum(np.fft.rfftfreq(size, 1 / rate), _LOWEST_HZ) ** (slope / 2)
    noise: Samples = np.fft.irfft(spectrum, size)[:length]
    return noise


def _hum(length: int, rate: int, mains_hz: float, random: np.random.Generator) -> Samples:
    """The mains and its harmonics below half the sample rate, amplitudes falling as 1 / k, phases random."""
    time = np.arange(length) / rate
    hum = np.zeros(length)
    for k, phase in enumerate(random.uniform(0, 2 * np.pi, _HARMONICS), start=1):
        if k * mains_hz < rate / 2:
            hum += np.sin(2 * np.pi * k * mains_hz * time + phase) / k
    return hum


def piece(sound: Samples, length: int, random: np.random.Generator) -> Samples:
    """``length`` samples from a random place, going on from the start where the end is reached."""
    first = int(random.integers(len(sound)))
    taken: Samples = sound[(first + np.arange(length)) % len(sound)]
    return taken


@functools.lru_cache(maxsize=64)
def recordings(folder: str) -> tuple[str, ...]:
    """All files below a folder, sorted, hidden ones left out.

    Raises:
        OptionError: no such folder, or nothing in it.
    """
    found = sorted(
        str(path) for path in Path(folder).rglob("*") if path.is_file() and not path.name.startswith(".")
    )
    if not found:
        raise OptionError(f"there are no recordings in the folder {folder}: name one that holds sound files")
    return tuple(found)


@functools.lru_cache(maxsize=64)
def load(file: str, rate: int) -> Samples:
    """The first channel of a recording, at most its first two minutes; the last 64 are kept in memory.

    Raises:
        AudioError: it cannot be read.
    """
    with audio.open(Path(file), sample_rate_hz=rate, channels=[0]) as recording:
        samples = next(recording.blocks(_LONGEST_S))[0].samples.astype(np.float64)
    samples.setflags(write=False)
    return samples
