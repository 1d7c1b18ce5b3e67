"""The sound as recognisers want it: 16,000 samples a second."""

from __future__ import annotations

import numpy as np

from hearfelt.types import Audio, FloatArray

SAMPLE_RATE_HZ = 16_000


def at_16k(audio: Audio) -> FloatArray:
    """The samples at 16 kHz, float32, shape ``(n_samples,)``, contiguous."""
    samples = np.ascontiguousarray(audio.samples, dtype=np.float32)
    if audio.sample_rate_hz == SAMPLE_RATE_HZ or not len(samples):
        return samples
    from hearfelt.audio.resample import Resampler

    resampler = Resampler(audio.sample_rate_hz, SAMPLE_RATE_HZ)
    return np.concatenate([resampler.push(samples), resampler.close()])


def pieces(samples: FloatArray, longest_s: float, search_s: float = 5.0) -> list[tuple[int, int]]:
    """Where to cut a long sound: at the quietest 100 ms of the last ``search_s`` before it gets too long.

    Returns:
        ``(first, last)`` sample of each piece, none longer than ``longest_s``; together they are the sound.
    """
    step = SAMPLE_RATE_HZ // 10
    longest, search = int(longest_s * 10) * step, int(search_s * 10) * step
    cuts = [0]
    while len(samples) - cuts[-1] > longest:
        window = samples[cuts[-1] + longest - search : cuts[-1] + longest]
        energy = np.square(window.astype(np.float64)).reshape(-1, step).sum(axis=1)
        cuts.append(cuts[-1] + longest - search + int(energy.argmin()) * step + step // 2)
    return list(zip(cuts, [*cuts[1:], len(samples)], strict=True))
