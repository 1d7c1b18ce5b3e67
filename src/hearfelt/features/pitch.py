"""Fundamental frequency: subharmonic summation, then the cheapest path through its candidates.

D. J. Hermes: Measurement of pitch by subharmonic summation. JASA 83 (1988) 257-264, gives the spectrum
its peaks back, puts it on a logarithmic axis, weighs it as the ear does and adds up its compressed copies.
The path (Viterbi) charges for jumps between frames and for switching voice on and off, so that a single
frame one octave off does not win. The set-up is that of F. Eyben et al.: The Geneva minimalistic acoustic
parameter set (GeMAPS) for voice research and affective computing. IEEE Trans. Affective Computing 7
(2016) 190-202: 60 ms Gaussian window, 15 harmonics compressed by 0.85, 55 to 1000 Hz.

The path is decided `LAG_FRAMES` frames late and in blocks that stand at fixed places, so the answer does
not depend on how the sound was cut.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from hearfelt.types import FloatArray

FRAME = 960
FFT_SIZE = 1024
SAMPLE_RATE_HZ = 16000
BINS = FFT_SIZE // 2 + 1
LOWEST_AXIS_HZ = 25.0
HARMONICS = 15
COMPRESSION = 0.85
CANDIDATES = 6
LAG_FRAMES = 40
BLOCK_FRAMES = 32
"""Frames that the path search takes in one step; blocks begin at multiples of this."""

IntArray = npt.NDArray[np.intp]


@dataclass(frozen=True)
class PitchOptions:
    """Where the pitch may lie and what the path charges.

    Args:
        min_hz, max_hz: range of the fundamental frequency.
        min_voicing: a candidate below this (0 to 1) is charged for being called voiced.
        jump_cost: for one octave between neighbouring frames.
        switch_cost: for switching from voiced to unvoiced or back.
        voicing_cost: times what a candidate lacks to `min_voicing`, or has above it where unvoiced.
        local_cost: times 1 - voicing of the chosen candidate.
        octave_cost: an octave above the middle of the range.
        min_rms: a frame below this is unvoiced, however periodic (the sound lies in [-1, 1]).
    """

    min_hz: float = 55.0
    max_hz: float = 1000.0
    min_voicing: float = 0.61
    jump_cost: float = 2.5
    switch_cost: float = 0.5
    voicing_cost: float = 8.0
    local_cost: float = 2.0
    octave_cost: float = 0.0
    min_rms: float = 0.001


@lru_cache(maxsize=1)
def long_window() -> npt.NDArray[np.float64]:
    """The Gaussian window (960,) of 60 ms; its deviation is 0.4 of its half."""
    middle = (FRAME - 1) / 2
    window: npt.NDArray[np.float64] = np.exp(-0.5 * ((np.arange(FRAME) - middle) / (0.4 * middle)) ** 2)
    return window


@lru_cache(maxsize=1)
def _axis_hz() -> npt.NDArray[np.float64]:
    octaves = np.linspace(np.log2(LOWEST_AXIS_HZ), np.log2(SAMPLE_RATE_HZ / 2), BINS)
    axis: npt.NDArray[np.float64] = 2.0**octaves
    return axis


@lru_cache(maxsize=1)
def _to_octaves() -> FloatArray:
    """Matrix (BINS, BINS): natural cubic spline from the linear to the logarithmic axis, weighted by the ear.

    A spline is linear in the values it goes through, so it is one matrix. The weight rises as an
    arctangent of the octaves above 31.5 Hz (Hermes 1988, section I.B).
    """
    count = BINS
    second = np.zeros((count, count))
    inner = np.arange(1, count - 1)
    system = np.eye(count)
    system[inner, inner - 1], system[inner, inner], system[inner, inner + 1] = 1.0, 4.0, 1.0
    second[inner, inner - 1], second[inner, inner], second[inner, inner + 1] = 6.0, -12.0, 6.0
    curvature = np.linalg.solve(system, second)
    position = _axis_hz() * FFT_SIZE / SAMPLE_RATE_HZ
    left = np.minimum(position.astype(int), count - 2)
    part = (position - left)[:, None]
    value = np.eye(count)
    matrix = (1 - part) * value[left] + part * value[left + 1]
    matrix += ((1 - part) ** 3 - (1 - part)) / 6 * curvature[left]
    matrix += (part**3 - part) / 6 * curvature[left + 1]
    ear = 0.5 + np.arctan(3 * np.log2(_axis_hz() / (LOWEST_AXIS_HZ * 2 ** (1 / 3)))) / np.pi
    return np.ascontiguousarray((matrix * ear[:, None]).T, dtype=np.float32)


@lru_cache(maxsize=1)
def _shifts() -> tuple[int, ...]:
    step = np.log2(SAMPLE_RATE_HZ / 2 / LOWEST_AXIS_HZ) / BINS
    return tuple(int(np.log2(harmonic) / step) for harmonic in range(1, HARMONICS + 1))


def _peaks_only(magnitude: FloatArray) -> FloatArray:
    """Spectra (n, BINS) with all but the peaks and two bins around them set to 0, smoothed (1, 2, 1)."""
    peak = np.zeros(magnitude.shape, dtype=bool)
    np.greater(magnitude[:, 1:-1], magnitude[:, :-2], out=peak[:, 1:-1])
    peak[:, 1:-1] &= magnitude[:, 1:-1] >= magnitude[:, 2:]
    keep = peak.copy()
    keep[:, 1:] |= peak[:, :-1]
    keep[:, :-1] |= peak[:, 1:]
    keep[:, 2:] |= peak[:, :-2]
    keep[:, :-2] |= peak[:, 2:]
    kept: FloatArray = magnitude * keep
    smooth: FloatArray = kept.copy()
    smooth[:, 1:-1] *= 0.5
    smooth[:, 1:-1] += np.float32(0.25) * (kept[:, :-2] + kept[:, 2:])
    return smooth


def candidates(magnitude: FloatArray, options: PitchOptions) -> tuple[FloatArray, FloatArray]:
    """The likeliest fundamental frequencies of each frame.

    Args:
        magnitude: float32 magnitude spectra, shape ``(n_frames, 513)``.

    Returns:
        Frequencies in Hz and voicing in [0, 1], both ``(n_frames, 6)``, most summed energy first; 0 where
        there are fewer.
    """
    octaves = _peaks_only(magnitude) @ _to_octaves()
    np.maximum(octaves, 0, out=octaves)
    shifts = _shifts()
    axis = _axis_hz()
    first = int(np.searchsorted(axis, options.min_hz)) - 1
    last = int(np.searchsorted(axis, options.max_hz)) + 1
    weights = np.zeros(BINS, dtype=np.float32)
    total = octaves[:, first:last].copy()
    weights += 1
    for harmonic, shift in enumerate(shifts[1:], start=2):
        weight = np.float32(COMPRESSION ** (harmonic - 1))
        weights[shift:] += weight
        end = min(last + shift, BINS)
        total[:, : end - first - shift] += weight * octaves[:, first + shift : end]
    mean = octaves @ (weights / np.float32(BINS))
    return _pick(total, mean, first)


def _pick(total: FloatArray, mean: FloatArray, first: int) -> tuple[FloatArray, FloatArray]:
    """The highest peaks of the summed spectra, refined by a parabola."""
    n_frames = len(total)
    frequency = np.zeros((n_frames, CANDIDATES), dtype=np.float32)
    voicing = np.zeros((n_frames, CANDIDATES), dtype=np.float32)
    middle = total[:, 1:-1]
    peak = (middle > total[:, :-2]) & (middle > total[:, 2:]) & (middle > mean[:, None])
    row, column = np.nonzero(peak)
    if not len(row):
        return frequency, voicing
    left, top, right = total[row, column], total[row, column + 1], total[row, column + 2]
    bend = left - 2 * top + right
    offset = 0.5 * (left - right) / bend
    height = top - 0.25 * (left - right) * offset
    order = np.lexsort((-height, row))
    row, column, offset, height = row[order], column[order], offset[order], height[order]
    start = np.searchsorted(row, np.arange(n_frames))
    rank = np.arange(len(row)) - start[row]
    best = rank < CANDIDATES
    row, rank, column, offset, height = row[best], rank[best], column[best], offset[best], height[best]
    step = np.log2(SAMPLE_RATE_HZ / 2 / LOWEST_AXIS_HZ) / (BINS - 1)
    frequency[row, rank] = LOWEST_AXIS_HZ * 2 ** ((first + 1 + column + offset) * step)
    voicing[row, rank] = 1 - mean[row] / height
    return frequency, voicing


class PitchPath:
    """Chooses one candidate a frame, or none (unvoiced), as frames arrive.

    `take` adds whole blocks of `BLOCK_FRAMES` frames (any number before `close`); `decided` and `close` give
    the fundamental frequency in Hz (0 where unvoiced) of the frames that can be decided by then, each once.
    """

    def __init__(self, options: PitchOptions) -> None:
        self.options = options
        self._cost: npt.NDArray[np.float64] | None = None
        self._frequency = np.zeros((0, CANDIDATES + 1), dtype=np.float32)
        self._back = np.zeros((0, CANDIDATES + 1), dtype=np.intp)
        self._best = np.zeros(0, dtype=np.intp)

    def decided(self) -> FloatArray:
        """Frequencies (n,) in Hz of the frames that lie `LAG_FRAMES` or more before the last one taken."""
        return self._decide(max(0, len(self._best) - LAG_FRAMES))

    def close(self) -> FloatArray:
        """What is left, decided with all that was heard."""
        return self._decide(len(self._best))

    def take(self, frequency: FloatArray, voicing: FloatArray, rms: FloatArray) -> None:
        """Add frames: candidates (n, 6) from `candidates` and the level (n,) of each frame."""
        silent = rms < self.options.min_rms
        states = np.concatenate([frequency, np.zeros((len(frequency), 1), np.float32)], axis=1)
        local = self._local_cost(frequency, voicing, silent)
        before = self._frequency[-1:] if len(self._frequency) else np.zeros((1, CANDIDATES + 1), np.float32)
        move = self._move_cost(np.concatenate([before, states]))
        step = move + local[:, None, :]
        if self._cost is None:
            self._cost = np.full(CANDIDATES + 1, 1e9)
            self._cost[-1] = 0.0
        cost = self._forward(step)
        reached = cost[:-1, :, None] + step
        back = reached.argmin(axis=1)
        self._cost = cost[-1] - cost[-1].min()
        self._frequency = np.concatenate([self._frequency, states])
        self._back = np.concatenate([self._back, back])
        self._best = np.concatenate([self._best, cost[1:].argmin(axis=1)])

    def _local_cost(
        self, frequency: FloatArray, voicing: FloatArray, silent: npt.NDArray[np.bool_]
    ) -> npt.NDArray[np.float64]:
        o = self.options
        real = frequency > 0
        voiced = o.local_cost * (1.0 - voicing) + o.voicing_cost * np.maximum(0.0, o.min_voicing - voicing)
        voiced = voiced + o.octave_cost * np.abs(np.log2(np.maximum(frequency, o.min_hz) / 200.0))
        voiced[~real | silent[:, None]] = 1e6
        best = np.where(silent, 0.0, voicing.max(axis=1))
        unvoiced = o.voicing_cost * np.maximum(0.0, best - o.min_voicing)
        local: npt.NDArray[np.float64] = np.concatenate([voiced, unvoiced[:, None]], axis=1).astype(
            np.float64
        )
        return local

    def _move_cost(self, states: FloatArray) -> npt.NDArray[np.float64]:
        """Cost (n, 7, 7) of going from each state of a frame to each of the next, from states (n + 1, 7)."""
        o = self.options
        octave = np.log2(np.where(states > 0, states, 1.0)).astype(np.float64)
        move = o.jump_cost * np.abs(octave[:-1, :, None] - octave[1:, None, :])
        move[:, -1, :] = o.switch_cost
        move[:, :, -1] = o.switch_cost
        move[:, -1, -1] = 0.0
        return move

    def _forward(self, step: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Least cost (n + 1, 7) of reaching each state, all blocks side by side (min-plus products)."""
        assert self._cost is not None
        n, size = len(step), CANDIDATES + 1
        blocks = -(-n // BLOCK_FRAMES)
        padded = np.zeros((blocks * BLOCK_FRAMES, size, size))
        padded[:n] = step
        moves = padded.reshape(blocks, BLOCK_FRAMES, size, size)
        within = np.empty_like(moves)
        within[:, 0] = moves[:, 0]
        for frame in range(1, BLOCK_FRAMES):
            within[:, frame] = (within[:, frame - 1, :, :, None] + moves[:, frame, None]).min(axis=2)
        cost = np.empty((blocks * BLOCK_FRAMES + 1, size))
        cost[0] = self._cost
        for block in range(blocks):
            begin = cost[block * BLOCK_FRAMES]
            reached = (begin[:, None] + within[block]).min(axis=1)
            cost[block * BLOCK_FRAMES + 1 : (block + 1) * BLOCK_FRAMES + 1] = reached
        return cost[: n + 1]

    def _decide(self, count: int) -> FloatArray:
        """Trace each of the first `count` pending frames back from the best state `LAG_FRAMES` later."""
        if count == 0:
            return np.zeros(0, dtype=np.float32)
        last = len(self._best) - 1
        ahead = np.minimum(np.arange(count) + LAG_FRAMES, last)
        state = self._best[ahead]
        for step in range(LAG_FRAMES, 0, -1):
            here = np.arange(count) + step
            known = here <= last
            state = np.where(known, self._back[np.minimum(here, last), state], state)
        frequency = self._frequency[np.arange(count), state]
        self._frequency = self._frequency[count:]
        self._back, self._best = self._back[count:], self._best[count:]
        return frequency
