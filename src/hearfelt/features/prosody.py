"""Tempo, pauses and rhythm, from frames alone: no transcript is needed.

Syllable nuclei are voiced peaks of intensity that stand 2 dB above the dip before them (N. H. de Jong,
T. Wempe: Praat script to detect syllable nuclei and measure speech rate automatically. Behavior Research
Methods 41 (2009) 385-390). A pause is a stretch of 0.3 s or more that lies 25 dB below the loud parts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hearfelt.errors import FeatureError
from hearfelt.types import Features

Contour = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ProsodyOptions:
    """What counts as a syllable and as a pause.

    Args:
        min_dip_db: how far intensity must fall between two syllables.
        silence_db: frames this far below the 99th percentile of intensity are silent.
        min_pause_s: silence shorter than this belongs to a consonant.
        smooth_ms: width of the Gaussian that smooths intensity.
    """

    min_dip_db: float = 2.0
    silence_db: float = 25.0
    min_pause_s: float = 0.3
    smooth_ms: float = 20.0


@dataclass(frozen=True)
class Prosody:
    """Timing of a stretch of speech; silence before the first and after the last sound is not counted.

    Args:
        speech_s: from the first sound to the last.
        syllables: syllable nuclei heard.
        speech_rate: syllables a second, pauses included.
        articulation_rate: syllables a second without the pauses.
        pauses: how many; ``pause_share`` of `speech_s`, ``pause_s`` long on average.
        voiced_share: share of the frames from first to last sound that are voiced.
        rhythm: normalised pairwise variability of the voiced stretches (E. Grabe, E. L. Low 2002), 0 to 2.
    """

    speech_s: float
    syllables: int
    speech_rate: float
    articulation_rate: float
    pauses: int
    pause_share: float
    pause_s: float
    voiced_share: float
    rhythm: float


SILENCE = Prosody(0.0, 0, 0.0, 0.0, 0, 0.0, 0.0, 0.0, 0.0)
"""The prosody of a sound without speech."""


def measure(frames: Features, options: ProsodyOptions | None = None) -> Prosody:
    """Tempo, pauses and rhythm of frames that `FrameFeatures` has measured.

    Raises:
        FeatureError: the frames have no energy or no f0_hz.
    """
    options = options or ProsodyOptions()
    names = frames.names or ()
    if missing := [name for name in ("energy", "f0_hz") if name not in names]:
        raise FeatureError(
            f"frames of {frames.space} lack {', '.join(missing)}: measure them with FrameFeatures"
        )
    energy = frames["energy"].astype(np.float64)
    voiced = frames["f0_hz"] > 0
    if not len(energy) or energy.max() <= 1e-10:
        return SILENCE
    intensity = 10 * np.log10(_smooth(energy, options.smooth_ms / 1000 / frames.hop_s) + 1e-12)
    threshold = np.percentile(intensity, 99) - options.silence_db
    loud = np.flatnonzero(intensity > threshold)
    first, last = int(loud[0]), int(loud[-1]) + 1
    nuclei = _nuclei(intensity, voiced, float(threshold), options.min_dip_db)
    pauses = _pauses(intensity[first:last] > threshold, options.min_pause_s / frames.hop_s) * frames.hop_s
    speech_s = (last - first) * frames.hop_s
    talking_s = max(speech_s - float(pauses.sum()), frames.hop_s)
    return Prosody(
        speech_s=speech_s,
        syllables=nuclei,
        speech_rate=nuclei / speech_s,
        articulation_rate=nuclei / talking_s,
        pauses=len(pauses),
        pause_share=float(pauses.sum()) / speech_s,
        pause_s=float(pauses.mean()) if len(pauses) else 0.0,
        voiced_share=float(voiced[first:last].mean()),
        rhythm=_rhythm(voiced),
    )


def _smooth(energy: Contour, deviation: float) -> Contour:
    reach = max(1, int(3 * deviation))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2)
    smooth: Contour = np.convolve(np.pad(energy, reach, mode="edge"), kernel / kernel.sum(), mode="valid")
    return smooth


def _nuclei(intensity: Contour, voiced: npt.NDArray[np.bool_], threshold: float, min_dip_db: float) -> int:
    """Voiced peaks above the threshold, each `min_dip_db` above the lowest point since the one before."""
    rise = np.diff(intensity, prepend=-np.inf) > 0
    fall = np.diff(intensity, append=-np.inf) <= 0
    peaks = np.flatnonzero(rise & fall & (intensity > threshold))
    if not len(peaks):
        return 0
    # The dip before each peak: the minimum since the peak before it.
    bounds = np.concatenate([[0], peaks])
    dips = np.minimum.reduceat(np.append(intensity, np.inf), bounds)[: len(peaks)]
    count = 0
    top = -np.inf
    dip = np.inf
    for level, low, sounding in zip(intensity[peaks].tolist(), dips.tolist(), voiced[peaks].tolist()):
        dip = min(dip, low)
        if min(top, level) - dip >= min_dip_db or count == 0:
            if sounding:
                count += 1
                top, dip = level, np.inf
        elif level > top:
            top, dip = level, np.inf
    return count


def _pauses(loud: npt.NDArray[np.bool_], min_frames: float) -> Contour:
    """Lengths in frames of the silent stretches that are long enough."""
    edges = np.flatnonzero(np.diff(np.concatenate([[True], loud, [True]]).astype(np.int8)))
    lengths = (edges[1::2] - edges[0::2]).astype(np.float64)
    return lengths[lengths >= min_frames]


def _rhythm(voiced: npt.NDArray[np.bool_]) -> float:
    """Mean of |a - b| / ((a + b) / 2) over neighbouring voiced stretches."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], voiced, [False]]).astype(np.int8)))
    lengths = (edges[1::2] - edges[0::2]).astype(np.float64)
    if len(lengths) < 2:
        return 0.0
    return float(np.mean(np.abs(np.diff(lengths)) / (0.5 * (lengths[1:] + lengths[:-1]))))
