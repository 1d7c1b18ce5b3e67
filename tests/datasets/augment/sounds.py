"""Made sounds whose pitch and formants are known, and how to measure them."""

from __future__ import annotations

import numpy as np

from hearfelt.features.frames import FrameFeatures
from hearfelt.types import Audio

RATE = 16000


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def tone(frequency_hz: float, seconds: float = 1.0, rate: int = RATE, level: float = 0.3) -> np.ndarray:
    time = np.arange(round(seconds * rate)) / rate
    return (level * np.sin(2 * np.pi * frequency_hz * time)).astype(np.float32)


def vowel(
    f0_hz: float = 120.0, formants_hz: tuple[float, ...] = (600, 1300, 2500), seconds: float = 1.5
) -> np.ndarray:
    """A pulse train through resonators: a steady voice of that F0 and those formants."""
    count = round(seconds * RATE)
    sound = np.zeros(count)
    phase = np.arange(count) * f0_hz / RATE
    sound[np.flatnonzero(np.diff(np.floor(phase), prepend=-1))] = 1.0
    spectrum, z = np.fft.rfft(sound), np.exp(-2j * np.pi * np.arange(count // 2 + 1) / count)
    for formant in formants_hz:
        radius = np.exp(-np.pi * 80 / RATE)
        spectrum /= 1 - 2 * radius * np.cos(2 * np.pi * formant / RATE) * z + radius**2 * z**2
    spectrum /= 1 - 0.95 * z  # the slope of a glottal source
    sound = np.fft.irfft(spectrum, count)
    sound = sound / np.abs(sound).max() * 0.4 + 1e-4 * rng(9).standard_normal(count)
    return sound.astype(np.float32)


def pitch(samples: np.ndarray) -> float:
    """Median F0 of the voiced frames, in Hz."""
    f0 = FrameFeatures()(Audio(np.asarray(samples, dtype=np.float32), RATE))["f0_hz"]
    return float(np.median(f0[f0 > 0]))


def power_db(samples: np.ndarray, low_hz: float, high_hz: float, rate: int = RATE) -> float:
    """Power between two frequencies, in dB."""
    spectrum = np.abs(np.fft.rfft(np.asarray(samples, dtype=np.float64))) ** 2
    frequency = np.fft.rfftfreq(len(samples), 1 / rate)
    inside = (frequency >= low_hz) & (frequency < high_hz)
    return float(10 * np.log10(spectrum[inside].sum() + 1e-20))


def peaks(samples: np.ndarray, f0_hz: float, near_hz: tuple[float, ...]) -> np.ndarray:
    """Formants of a steady voice of known F0, from the amplitudes of its harmonics near these frequencies."""
    spectrum = np.abs(np.fft.rfft(samples.astype(np.float64) * np.hanning(len(samples))))
    frequency = np.fft.rfftfreq(len(samples), 1 / RATE)
    number = np.arange(1, int(6000 / f0_hz))
    level = np.array([np.log(spectrum[np.abs(frequency - k * f0_hz) < f0_hz / 3].max()) for k in number])
    found = []
    for centre in near_hz:
        inside = np.flatnonzero((number * f0_hz > centre * 0.72) & (number * f0_hz < centre * 1.35))
        i = min(max(int(inside[level[inside].argmax()]), 1), len(level) - 2)
        left, middle, right = level[i - 1 : i + 2]
        found.append((number[i] + 0.5 * (left - right) / (left - 2 * middle + right)) * f0_hz)
    return np.array(found)
