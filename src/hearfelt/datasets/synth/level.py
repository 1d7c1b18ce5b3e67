"""Level, ends and ceiling of made speech: as loud as asked, no clicks, no clipping."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hearfelt.errors import AudioError
from hearfelt.types import Audio

Samples = npt.NDArray[np.float64]

SPEECH_DBFS = -26.0
"""Level of neutral speech (root mean square of its loud parts), as in telephony (ITU-T P.56 practice)."""
CEILING = 0.95
_KNEE = 0.6
_EDGE_S = 0.05
_FADE_S = 0.01


def speech_dbfs(samples: Samples) -> float:
    """Root mean square in dBFS of the 20 ms blocks that lie within 30 dB of the loudest; -inf for silence."""
    size = 320
    padded = np.pad(samples, (0, -len(samples) % size))
    power = (padded.reshape(-1, size) ** 2).mean(axis=1)
    loudest = float(power.max(initial=0.0))
    if loudest <= 0:
        return float("-inf")
    return float(10 * np.log10(power[power > loudest * 1e-3].mean()))


def trimmed(samples: Samples, rate_hz: int) -> Samples:
    """The sound without silence around it: from 50 ms before the first loud moment to 50 ms after the last.

    Raises:
        AudioError: the sound is silent throughout.
    """
    peak = float(np.abs(samples).max(initial=0.0))
    if peak < 1e-4:
        raise AudioError("the voice made no sound: give another text")
    loud = np.flatnonzero(np.abs(samples) > max(0.01 * peak, 1e-4))
    edge = round(_EDGE_S * rate_hz)
    return samples[max(0, loud[0] - edge) : loud[-1] + edge]


def finished(samples: Samples, rate_hz: int, level_dbfs: float) -> Audio:
    """Speech at a level, faded in and out over 10 ms, below a soft ceiling of 0.95."""
    gain = 10 ** ((level_dbfs - speech_dbfs(samples)) / 20)
    sound = _soft(samples * gain)
    fade = min(round(_FADE_S * rate_hz), len(sound) // 2)
    ramp = np.sin(np.linspace(0, np.pi / 2, fade)) ** 2
    sound[:fade] *= ramp
    sound[len(sound) - fade :] *= ramp[::-1]
    return Audio(sound.astype(np.float32), rate_hz)


def _soft(samples: Samples) -> Samples:
    """Peaks above 0.6 are bent smoothly so that none reaches 0.95."""
    size = np.abs(samples)
    room = CEILING - _KNEE
    bent = _KNEE + 0.999 * room * np.tanh((size - _KNEE) / room)
    return np.sign(samples) * np.where(size > _KNEE, bent, size)
