"""Level, band and loss: what microphones, wires and networks do to a sound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from hearfelt.audio.resample import check_rate, resample
from hearfelt.datasets.augment.base import Change, Range, Samples, check_range, draw, of_length
from hearfelt.errors import OptionError


@dataclass(frozen=True)
class Gain(Change):
    """Louder or softer by so many dB, exactly, unless that would exceed full scale (then to full scale)."""

    gain_db: Range = (-12.0, 6.0)

    def __post_init__(self) -> None:
        check_range("gain_db", self.gain_db, -120, 120, " dB")

    def change(self, sound: Samples, rate: int, random: np.random.Generator) -> Samples:
        louder: Samples = sound * 10 ** (draw(self.gain_db, random) / 20)
        return louder


@dataclass(frozen=True)
class Clip(Change):
    """Clipping: the loudest share of the samples is cut to one level, as an overdriven input does."""

    share: Range = (0.001, 0.05)

    def __post_init__(self) -> None:
        check_range("share", self.share, 0, 1)

    def change(self, sound: Samples, rate: int, random: np.random.Generator) -> Samples:
        count = round(draw(self.share, random) * len(sound))
        if not count:
            return sound
        level = np.partition(np.abs(sound), -count)[-count]
        return np.clip(sound, -level, level)


@dataclass(frozen=True)
class BandLimit(Change):
    """Only the band from ``low_hz`` to ``high_hz`` passes: 300 to 3400 is a telephone, 50 to 7000 wideband.

    Zero phase; each edge falls by a raised cosine within a tenth of its frequency (at least 50 Hz) outside
    the band. A ``high_hz`` above half the sample rate cuts nothing there.
    """

    low_hz: Range = 300.0
    high_hz: Range = 3400.0

    def __post_init__(self) -> None:
        check_range("low_hz", self.low_hz, 0, 384_000, " Hz")
        check_range("high_hz", self.high_hz, 1, 384_000, " Hz")
        if _ends(self.low_hz)[1] >= _ends(self.high_hz)[0]:
            raise OptionError(f"low_hz={self.low_hz} is not below high_hz={self.high_hz}: nothing would pass")

    def change(self, sound: Samples, rate: int, random: np.random.Generator) -> Samples:
        low, high = draw(self.low_hz, random), draw(self.high_hz, random)
        size = 1 << (len(sound) + rate // 10).bit_length()  # room for what the edges ring
        frequency = np.linspace(0.0, rate / 2, size // 2 + 1)
        passed = _rise(-frequency, -high, max(50.0, high / 10))
        if low:
            passed *= _rise(frequency, low, max(50.0, low / 10))
        limited: Samples = np.fft.irfft(np.fft.rfft(sound, size) * passed, size)[: len(sound)]
        return limited


def _ends(value: Range) -> tuple[float, float]:
    return value if isinstance(value, tuple) else (value, value)


def _rise(frequency: Samples, edge: float, width: float) -> Samples:
    """1 from the edge on, 0 below ``edge - width``, a raised cosine between."""
    at = np.clip((frequency - edge + width) / width, 0.0, 1.0)
    rising: Samples = 0.5 - 0.5 * np.cos(np.pi * at)
    return rising


@dataclass(frozen=True)
class DCOffset(Change):
    """A constant added, as a cheap converter adds it."""

    offset: Range = (-0.05, 0.05)

    def __post_init__(self) -> None:
        check_range("offset", self.offset, -1, 1)

    def change(self, sound: Samples, rate: int, random: np.random.Generator) -> Samples:
        return sound + draw(self.offset, random)


@dataclass(frozen=True)
class Polarity(Change):
    """The sign of every sample turned, as a wrongly wired microphone does."""

    def change(self, sound: Samples, rate: int, random: np.random.Generator) -> Samples:
        return -sound


@dataclass(frozen=True)
class TimeShift(Change):
    """Later (or earlier, where negative) by so many seconds; what leaves is lost, zeros come in."""

    shift_s: Range = (-0.1, 0.1)

    def __post_init__(self) -> None:
        check_range("shift_s", self.shift_s, -60, 60, " s")

    def change(self, sound: Samples, rate: int, random: np.random.Generator) -> Samples:
        by = round(draw(self.shift_s, random) * rate)
        moved = np.zeros(len(sound))
        if by >= 0:
            moved[by:] = sound[: max(0, len(sound) - by)]
        else:
            moved[:by] = sound[-by:]
        return moved


@dataclass(frozen=True)
class Pad(Change):
    """Silence before and after: nothing is said in it, and a cut of another length begins and ends so."""

    keeps_length: ClassVar[bool] = False

    before_s: Range = (0.0, 0.5)
    after_s: Range = (0.0, 0.5)

    def __post_init__(self) -> None:
        check_range("before_s", self.before_s, 0, 60, " s")
        check_range("after_s", self.after_s, 0, 60, " s")

    def change(self, sound: Samples, rate: int, random: np.random.Generator) -> Samples:
        before, after = (round(draw(length, random) * rate) for length in (self.before_s, self.after_s))
        return np.pad(sound, (before, after))


@dataclass(frozen=True)
class Dropouts(Change):
    """Lost packets: stretches of ``packet_ms`` that are silent, or repeat the last packet that came.

    Losses come in bursts by a two-state chain (E. N. Gilbert, Bell System Technical Journal 39, 1960).

    Args:
        loss: share of packets lost, in the long run.
        packet_ms: length of a packet.
        burst: mean number of packets lost in a row.
        repeat: play the last packet again, as simple receivers do, instead of silence.
    """

    loss: Range = (0.01, 0.1)
    packet_ms: float = 20.0
    burst: float = 1.5
    repeat: bool = False

    def __post_init__(self) -> None:
        check_range("loss", self.loss, 0, 0.9)
        check_range("packet_ms", self.packet_ms, 1, 1000, " ms")
        check_range("burst", self.burst, 1, 1000, " packets")

    def change(self, sound: Samples, rate: int, random: np.random.Generator) -> Samples:
        size = max(1, round(self.packet_ms / 1000 * rate))
        loss = draw(self.loss, random)
        lost = _lost(-(-len(sound) // size), loss, self.burst, random)
        packets = of_length(sound, len(lost) * size).reshape(-1, size).copy()
        packets[lost] = 0.0
        if self.repeat:
            last = np.maximum.accumulate(np.where(lost, -1, np.arange(len(lost))))
            packets = np.where((last >= 0)[:, None], packets[last], 0.0)
        kept: Samples = packets.reshape(-1)[: len(sound)]
        return kept


def _lost(count: int, loss: float, burst: float, random: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Which packets are lost: the chain leaves its bad state with 1 / burst, and is in it for the share."""
    leave = 1 / burst
    enter = min(1.0, leave * loss / (1 - loss))
    chance = random.random(count)
    lost = np.zeros(count, dtype=bool)
    bad = chance[0] < loss
    for i in range(count):
        if i:
            bad = chance[i] >= leave if bad else chance[i] < enter
        lost[i] = bad
    return lost


@dataclass(frozen=True)
class Resample(Change):
    """Through one of these sample rates and back: what lies above half of it is lost."""

    rates_hz: tuple[int, ...] = (8000, 11025, 12000)

    def __post_init__(self) -> None:
        if not self.rates_hz:
            raise OptionError("rates_hz is empty: give at least one sample rate, such as 8000")
        for rate in self.rates_hz:
            check_rate(rate)

    def change(self, sound: Samples, rate: int, random: np.random.Generator) -> Samples:
        other = self.rates_hz[int(random.integers(len(self.rates_hz)))]
        through = resample(resample(sound.astype(np.float32), rate, other), other, rate)
        return of_length(through.astype(np.float64), len(sound))
