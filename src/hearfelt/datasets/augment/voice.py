"""Another voice or manner: tempo, speed, pitch and the length of the vocal tract."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import soxr

from hearfelt.datasets.augment.base import Change, Range, Samples, check_range, draw, of_length

_MOST = 2.0
"""Factors lie between 1 / 2 and 2."""


@dataclass(frozen=True)
class Tempo(Change):
    """Faster (factor above 1) or slower at the same pitch: ``round(n / factor)`` samples come out.

    WSOLA: windows are laid side by side at another pace, each moved to where it fits its neighbour best
    (Verhelst & Roelands, ICASSP 1993).
    """

    keeps_length: ClassVar[bool] = False

    factor: Range = (0.9, 1.1)

    def __post_init__(self) -> None:
        check_range("factor", self.factor, 1 / _MOST, _MOST)

    def change(self, sound: Samples, rate: int, random: np.random.Generator) -> Samples:
        return stretched(sound, rate, draw(self.factor, random))


@dataclass(frozen=True)
class Speed(Change):
    """Played faster or slower: tempo, pitch and formants all by the factor; ``round(n / factor)`` samples."""

    keeps_length: ClassVar[bool] = False

    factor: Range = (0.9, 1.1)

    def __post_init__(self) -> None:
        check_range("factor", self.factor, 1 / _MOST, _MOST)

    def change(self, sound: Samples, rate: int, random: np.random.Generator) -> Samples:
        return _played(sound, draw(self.factor, random))


@dataclass(frozen=True)
class Pitch(Change):
    """Higher or lower by so many semitones, as long as before.

    Played faster and stretched back; then the spectral envelope is put back where it was, so that it is the
    same speaker at another pitch (``keep_formants=False``: it is not, and sounds like another one).
    """

    semitones: Range = (-2.0, 2.0)
    keep_formants: bool = True

    def __post_init__(self) -> None:
        check_range("semitones", self.semitones, -12, 12, " semitones")

    def change(self, sound: Samples, rate: int, random: np.random.Generator) -> Samples:
        factor = 2 ** (draw(self.semitones, random) / 12)
        played = _played(sound, factor)
        shifted = of_length(stretched(played, rate, len(played) / len(sound)), len(sound))
        return warped(shifted, rate, 1 / factor) if self.keep_formants else shifted


@dataclass(frozen=True)
class VocalTract(Change):
    """Formants moved by a factor (above 1: up, a shorter vocal tract), pitch and tempo as before.

    Vocal tract length perturbation with the warp of Jaitly & Hinton (ICML workshop 2013): linear up to
    ``edge_hz``, then bent so that half the sample rate stays itself. They warp mel filters; here the
    envelope of each short-time spectrum is warped and its fine structure, the harmonics, left in place.
    """

    factor: Range = (0.9, 1.1)
    edge_hz: float = 4800.0

    def __post_init__(self) -> None:
        check_range("factor", self.factor, 1 / _MOST, _MOST)
        check_range("edge_hz", self.edge_hz, 500, 384_000, " Hz")

    def change(self, sound: Samples, rate: int, random: np.random.Generator) -> Samples:
        return warped(sound, rate, draw(self.factor, random), self.edge_hz)


def _played(sound: Samples, factor: float) -> Samples:
    """Resampled so that ``round(n / factor)`` samples, at least one, hold the whole sound."""
    length = max(1, round(len(sound) / factor))
    return of_length(np.asarray(soxr.resample(sound, factor, 1.0), dtype=np.float64), length)


_WINDOW_S, _SEARCH_S = 0.030, 0.010


def stretched(sound: Samples, rate: int, factor: float) -> Samples:
    """``round(n / factor)`` samples, at least one, of the same pitch, by WSOLA.

    Hann windows of 30 ms at half overlap; each is taken within 10 ms of where the tempo puts it, where it
    correlates best with what would have followed the one before.
    """
    length = max(1, round(len(sound) / factor))
    hop = max(1, round(_WINDOW_S * rate / 2))
    search = max(1, round(_SEARCH_S * rate))
    size = 2 * hop
    if factor == 1.0 or len(sound) < size:
        return of_length(sound, length)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)
    padded = np.pad(sound, (hop + search, size + 2 * search + hop))
    count = -(-length // hop) + 1
    result, start = np.zeros((count + 1) * hop), search
    for i in range(count):
        if i:
            start = _best(padded, round(i * hop * factor), start + hop, size, search)
        result[i * hop : i * hop + size] += padded[start : start + size] * window
    return result[hop : hop + length]


def _best(padded: Samples, first: int, follow: int, size: int, search: int) -> int:
    """The start of a window between ``first`` and ``first + 2 * search`` that is most like that at follow."""
    region = padded[first : first + size + 2 * search]
    target = padded[follow : follow + size]
    if len(region) < size or len(target) < size:
        return max(0, min(first + search, len(padded) - size))
    likeness = np.correlate(region, target, "valid")
    energy = np.cumsum(np.concatenate(([0.0], region**2)))
    norm = np.sqrt(np.maximum(energy[size:] - energy[:-size], 1e-12))
    return first + int(np.argmax(likeness / norm))


_FRAME_S, _ROUNDS = 0.032, 8
_SHORTEST_PERIOD_S, _LONGEST_PERIOD_S = 0.002, 0.0125


def warped(sound: Samples, rate: int, factor: float, edge_hz: float = 4800.0) -> Samples:
    """Spectral envelopes moved up by ``factor``; the harmonics stay. As long as before.

    The envelope is that of 32 ms spectra, as fine as the pitch allows (see `_envelopes`).
    """
    if factor == 1.0:
        return sound
    size = 1 << max(4, round(_FRAME_S * rate) - 1).bit_length()
    hop = size // 4
    window = np.sqrt(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size))
    padded = np.pad(sound, (size, size + hop))
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    spectra = np.fft.rfft(frames * window, axis=1)
    spectra *= np.exp(_moved(_envelopes(spectra, rate), rate, factor, edge_hz))
    pieces = np.fft.irfft(spectra, size, axis=1) * window / 2
    result = np.zeros(len(padded))
    for k in range(4):  # every fourth frame lies beside the one before
        part = pieces[k::4].reshape(-1)
        result[k * hop : k * hop + len(part)] += part
    return result[size : size + len(sound)]


def _envelopes(spectra: npt.NDArray[np.complex128], rate: int) -> Samples:
    """Logarithm of the magnitude of each frame, smoothed by its cepstrum so that it lies on the harmonics.

    Plain smoothing would run between the harmonics and the gaps; so the gaps are filled with what was found
    and smoothed again ("true envelope", Röbel & Rodet, DAFx 2005), up to half a pitch period (their order).
    """
    magnitude = np.abs(spectra)
    # A floor under the loudest bin: the bottom of an empty band must not be lifted into a formant.
    floor = 1e-4 * magnitude.max(axis=1, keepdims=True) + 1e-9
    level = np.log(np.maximum(magnitude, floor))
    keep = _half_period(level, rate)
    envelopes: Samples = level
    for _ in range(_ROUNDS):
        cepstra = np.fft.irfft(np.maximum(level, envelopes), axis=1)
        cepstra[:, keep + 1 : -keep] = 0.0
        envelopes = np.fft.rfft(cepstra, axis=1).real
    return envelopes


def _half_period(level: Samples, rate: int) -> int:
    """Half the pitch period in samples: the lower quartile over the loud frames, by the cepstral peak.

    The quartile, so that the envelope stays free of harmonics where the voice is high.
    """
    loud = level[level.max(axis=1) > level.max() - 2.3]  # within 20 dB
    low, high = round(_SHORTEST_PERIOD_S * rate), round(_LONGEST_PERIOD_S * rate)
    cepstra = np.fft.irfft(loud, axis=1)[:, low : high + 1]
    return max(1, round(float(np.quantile(low + cepstra.argmax(axis=1), 0.25)) / 2))


def _moved(envelopes: Samples, rate: int, factor: float, edge_hz: float) -> Samples:
    """What each bin of each frame must gain (natural logarithm) for its envelope to move by the factor."""
    bins = envelopes.shape[1]
    frequency = np.linspace(0, rate / 2, bins)
    edge = min(edge_hz, 0.8 * rate / 2) * min(factor, 1.0) / factor
    # Jaitly & Hinton, eq. 1: where each frequency goes; read backwards for where each comes from.
    goes = np.where(
        frequency <= edge,
        frequency * factor,
        rate / 2 - (rate / 2 - edge * factor) / (rate / 2 - edge) * (rate / 2 - frequency),
    )
    comes_from = np.interp(frequency, goes, np.arange(bins))
    low = np.minimum(comes_from.astype(np.int64), bins - 2)
    part = comes_from - low
    moved: Samples = envelopes[:, low] * (1 - part) + envelopes[:, low + 1] * part - envelopes
    return moved
