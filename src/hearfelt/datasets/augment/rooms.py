"""Rooms: made by the image-source method (extra ``augment``), or the user's own impulse responses.

What comes out is as loud as what went in (speech power), as long, and in time with it: the direct sound stays
where it was, the tail beyond the end is cut. A change of level is `Gain`'s business.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np

from hearfelt.datasets.augment.base import (
    Change,
    Range,
    Samples,
    check_range,
    draw,
    filtered,
    speech_power,
)
from hearfelt.datasets.augment.noise import load, recordings
from hearfelt.errors import FeatureError, MissingExtraError, OptionError

_FROM_WALL_M = 0.3
_SPEED_M_S = 343.0
_TAIL = 0.75
"""Images are traced for this share of the RT60, which is down to -45 dB."""


@dataclass(frozen=True)
class Room(Change):
    """A shoebox room by the image-source method (Allen & Berkley, JASA 65, 1979) of pyroomacoustics.

    The walls get the absorption that Eyring's formula asks for; as a shoebox with image sources decays more
    slowly than that, the response is then faded exponentially to the RT60 drawn (Bryan, arXiv:1909.00088).
    A room takes up to half a second to make, so each change draws from ``rooms`` of them, made when first
    needed and kept.

    Args:
        rt60_s: time in which the sound falls by 60 dB.
        distance_m: from the mouth to the microphone.
        length_m, width_m, height_m: the room.
        rooms: how many different rooms there are.
    """

    rt60_s: Range = (0.2, 0.8)
    distance_m: Range = (0.5, 3.0)
    length_m: Range = (3.0, 8.0)
    width_m: Range = (3.0, 6.0)
    height_m: Range = (2.4, 3.5)
    rooms: int = 64

    def __post_init__(self) -> None:
        check_range("rt60_s", self.rt60_s, 0.05, 3, " s")
        check_range("distance_m", self.distance_m, 0.05, 50, " m")
        check_range("rooms", self.rooms, 1, 10_000)
        for name in ("length_m", "width_m", "height_m"):
            check_range(name, getattr(self, name), 1, 50, " m")
        low = [_low(size) - 2 * _FROM_WALL_M for size in (self.length_m, self.width_m, self.height_m)]
        longest = 0.8 * math.hypot(*low)
        high = self.distance_m[1] if isinstance(self.distance_m, tuple) else self.distance_m
        if high > longest:
            raise OptionError(
                f"distance_m={self.distance_m} does not fit the smallest room: at most {longest:.1f} m do"
            )

    def change(self, sound: Samples, rate: int, random: np.random.Generator) -> Samples:
        response, onset = _made(self, int(random.integers(self.rooms)), rate)
        return _in_room(sound, response, onset, rate)


@dataclass(frozen=True)
class ImpulseResponses(Change):
    """A room, telephone or microphone from a folder of recorded impulse responses, one drawn for each sound.

    The largest sample of a response is taken for its direct sound.
    """

    folder: str

    def change(self, sound: Samples, rate: int, random: np.random.Generator) -> Samples:
        files = recordings(self.folder)
        response = load(files[int(random.integers(len(files)))], rate)
        return _in_room(sound, response, int(np.argmax(np.abs(response))), rate)


def rt60(response: Samples, rate: int) -> float:
    """Reverberation time in seconds: the slope of Schroeder's backward integral from -5 to -25 dB (T20).

    M. R. Schroeder: New method of measuring reverberation time. JASA 37, 1965; ISO 3382-1.

    Raises:
        FeatureError: the response does not decay that far.
    """
    energy = np.cumsum(response[::-1] ** 2)[::-1]
    if not len(energy) or not energy[0]:
        raise FeatureError("an empty or silent impulse response has no reverberation time")
    level = 10 * np.log10(np.maximum(energy / energy[0], 1e-20))
    inside = np.flatnonzero((level <= -5) & (level >= -25))
    if len(inside) < 2 or level[-1] > -25:
        raise FeatureError("this impulse response does not decay by 25 dB: give one that is longer")
    slope = np.polyfit(inside / rate, level[inside], 1)[0]
    return float(-60 / slope)


def _low(value: Range) -> float:
    return value[0] if isinstance(value, tuple) else value


def _in_room(sound: Samples, response: Samples, onset: int, rate: int) -> Samples:
    wet = filtered(sound, response)[onset : onset + len(sound)]
    before, after = speech_power(sound, rate), speech_power(wet, rate)
    scaled: Samples = wet * np.sqrt(before / after) if after else wet
    return scaled


@functools.lru_cache(maxsize=512)
def _made(room: Room, number: int, rate: int) -> tuple[Samples, int]:
    """The impulse response of one of the rooms, and the sample at which its direct sound stands."""
    try:
        import pyroomacoustics
    except ImportError:
        raise MissingExtraError("the change 'room'", "pyroomacoustics", "augment") from None
    random = np.random.default_rng([number, 0x5EED])
    seconds, distance = draw(room.rt60_s, random), draw(room.distance_m, random)
    size = np.array([draw(side, random) for side in (room.length_m, room.width_m, room.height_m)])
    mouth, microphone = _placed(size, distance, random)
    area = 2 * float(size[0] * size[1] + size[1] * size[2] + size[0] * size[2])
    absorption = 1 - math.exp(-24 * math.log(10) * float(size.prod()) / (_SPEED_M_S * area * seconds))
    between = min(a * b / math.hypot(a, b) for a, b in zip(size, np.roll(size, 1), strict=True))
    box = pyroomacoustics.ShoeBox(
        size,
        fs=rate,
        materials=pyroomacoustics.Material(absorption),
        max_order=math.ceil(_SPEED_M_S * _TAIL * seconds / between),
    )
    box.add_source(mouth)
    box.add_microphone(microphone)
    box.compute_rir()
    response = np.asarray(box.rir[0][0], dtype=np.float64)
    onset = round(distance / _SPEED_M_S * rate) + pyroomacoustics.constants.get("frac_delay_length") // 2
    return _faded(response, onset, seconds, rate), onset


def _faded(response: Samples, onset: int, seconds: float, rate: int) -> Samples:
    """The response with its decay set to ``seconds``; twice, as fading moves the range that is measured."""
    time = np.maximum(np.arange(len(response)) - onset, 0) / rate
    for _ in range(2):
        try:
            measured = rt60(response, rate)
        except FeatureError:  # so near and so dry that there is no tail to measure
            break
        response = response * np.exp(-3 * math.log(10) * (1 / seconds - 1 / measured) * time)
    response.setflags(write=False)
    return response


def _placed(size: Samples, distance: float, random: np.random.Generator) -> tuple[Samples, Samples]:
    """A mouth and a microphone that far apart, both away from the walls."""
    room = size - 2 * _FROM_WALL_M
    starts = random.random((1000, 3)) * room
    ways = random.standard_normal((1000, 3))
    ends = starts + distance * ways / np.linalg.norm(ways, axis=1, keepdims=True)
    good = np.flatnonzero(((ends >= 0) & (ends <= room)).all(axis=1))
    if not len(good):  # only the diagonal is long enough
        start = np.zeros(3)
        return start + _FROM_WALL_M, distance * room / np.linalg.norm(room) + _FROM_WALL_M
    return starts[good[0]] + _FROM_WALL_M, ends[good[0]] + _FROM_WALL_M
