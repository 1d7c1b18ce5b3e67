"""Cutting a sound into frames, whole or block by block."""

from __future__ import annotations

import numpy as np

from hearfelt.errors import AudioError
from hearfelt.types import FloatArray


def _check(size: int, hop: int) -> None:
    if size < 1 or hop < 1:
        raise AudioError(
            f"frame size {size} and hop {hop} cannot be used; give whole numbers of samples from 1"
        )


def frame(samples: FloatArray, size: int, hop: int) -> FloatArray:
    """Frames as a read-only view on the samples, shape ``(n_frames, size)``.

    Only whole frames: ``n_frames`` is ``1 + (n - size) // hop``, or 0 where the sound is shorter than a
    frame.

    Raises:
        AudioError: size or hop is less than one sample.
    """
    _check(size, hop)
    if len(samples) < size:
        return np.zeros((0, size), np.float32)
    return np.lib.stride_tricks.sliding_window_view(samples, size)[::hop]


class Framer:
    """Frames of a sound that arrives in blocks; joined they equal `frame` of the whole sound.

    Args:
        size: samples a frame.
        hop: samples from one frame's start to the next.

    Raises:
        AudioError: size or hop is less than one sample.
    """

    def __init__(self, size: int, hop: int) -> None:
        _check(size, hop)
        self.size = size
        self.hop = hop
        self.reset()

    def reset(self) -> None:
        """Forget everything: the next block is the start of a new sound."""
        self._kept = np.zeros(0, np.float32)
        self._skip = 0

    def push(self, samples: FloatArray) -> FloatArray:
        """The frames that this block completes, shape ``(n_frames, size)``."""
        if self._skip:
            dropped = min(self._skip, len(samples))
            self._skip -= dropped
            samples = samples[dropped:]
        held = np.concatenate([self._kept, samples]) if len(self._kept) else samples
        frames = frame(held, self.size, self.hop)
        used = len(frames) * self.hop
        self._skip += max(0, used - len(held))
        self._kept = held[used:].copy()
        return frames

    def close(self, pad: bool = False) -> FloatArray:
        """The end of the sound: with ``pad`` a last frame filled up with zeros, else no more frames."""
        rest = self._kept
        self.reset()
        if not pad or not len(rest):
            return np.zeros((0, self.size), np.float32)
        count = -(-len(rest) // self.hop)
        filled = np.zeros((count - 1) * self.hop + self.size, np.float32)
        filled[: len(rest)] = rest[: len(filled)]
        return frame(filled, self.size, self.hop)
