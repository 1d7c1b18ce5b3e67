"""How good a piece of sound is: SNR, clipping, level. Reliability of the evidence rests on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hearfelt.audio.frames import frame
from hearfelt.types import Audio, FloatArray, Segment

SILENCE_DBFS = -100.0
SNR_RANGE_DB = (-10.0, 50.0)
_CLIPPED = 0.985  # of full scale
_MIN_OUTSIDE_S = 0.25
_FRAME_S = 0.02
_SMALLEST, _NOTHING = 1e-14, 1e-20  # keep digital silence at the lowest value


@dataclass(frozen=True, slots=True)
class Quality:
    """Measures of a piece of sound.

    Args:
        snr_db: speech over noise, from -10 to 50 dB; see `snr_db`.
        clipping: share of samples in runs at full scale, in [0, 1]; see `clipping`.
        level_dbfs: power over that of a full-scale square wave, in dB; -100 for digital silence.
    """

    snr_db: float
    clipping: float
    level_dbfs: float


def measure(audio: Audio, segments: Sequence[Segment] = ()) -> Quality:
    """SNR, clipping and level of a sound; the last two of its segments where some are given."""
    samples = _inside(audio, segments) if segments else audio.samples
    return Quality(snr_db(audio, segments), clipping(samples), level_dbfs(samples))


def level_dbfs(samples: FloatArray) -> float:
    """Power in dB over a full-scale square wave (a full-scale sine has -3.01); -100 for digital silence."""
    power = float(np.mean(np.square(samples, dtype=np.float64))) if len(samples) else 0.0
    return max(SILENCE_DBFS, 10 * float(np.log10(power + 1e-20)))


def clipping(samples: FloatArray) -> float:
    """Share of samples in runs of at least two neighbours within 1.5 % of full scale.

    A single sample there is a peak, not clipping.
    """
    if not len(samples):
        return 0.0
    high = np.abs(samples) >= _CLIPPED
    same = np.sign(samples[1:]) == np.sign(samples[:-1])
    pairs = high[1:] & high[:-1] & same
    run = np.zeros(len(samples), bool)
    run[1:] |= pairs
    run[:-1] |= pairs
    return float(run.mean())


def snr_db(audio: Audio, segments: Sequence[Segment] = ()) -> float:
    """Speech over noise in dB, from -10 to 50: total power less the noise's, over the noise's.

    With segments that leave at least 0.25 s outside, the noise is what is outside. Without, it is the mean
    power of the quietest tenth of the 20 ms frames, the pauses between words and syllables: the energy
    percentile method, by which no speech is told from noise beforehand. (The amplitude-distribution method
    WADA, Kim & Stern, Interspeech 2008, was tried and was off by twice as much on real speech.)
    Digital silence, and sounds shorter than 20 ms, have the lowest value.
    """
    samples = audio.samples
    noise: float | None = None
    if segments:
        mask = _mask(audio, segments)
        samples, outside = samples[mask], samples[~mask]
        if len(outside) >= _MIN_OUTSIDE_S * audio.sample_rate_hz:
            noise = float(np.mean(np.square(outside, dtype=np.float64)))
    size = round(_FRAME_S * audio.sample_rate_hz)
    powers = np.sort(np.mean(np.square(frame(samples, size, size), dtype=np.float64), axis=1))
    if not len(powers):
        return SNR_RANGE_DB[0]
    if noise is None:
        noise = float(powers[: max(1, len(powers) // 10)].mean())
    speech = max(float(powers.mean()) - noise, 0.0)
    return float(np.clip(10 * np.log10((speech + _NOTHING) / (noise + _SMALLEST)), *SNR_RANGE_DB))


def _inside(audio: Audio, segments: Sequence[Segment]) -> FloatArray:
    return audio.samples[_mask(audio, segments)]


def _mask(audio: Audio, segments: Sequence[Segment]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    mask = np.zeros(len(audio.samples), bool)
    for segment in segments:
        first = max(0, round((segment.start_s - audio.start_s) * audio.sample_rate_hz))
        last = max(0, round((segment.end_s - audio.start_s) * audio.sample_rate_hz))
        mask[first:last] = True
    return mask
