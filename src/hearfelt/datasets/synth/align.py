"""Which moment of one utterance belongs to which of another: by spectrum (same words) or by syllables."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hearfelt.datasets.synth import world
from hearfelt.datasets.synth.world import HOP_S, Contour, Speech
from hearfelt.errors import AudioError, unknown_name

METHODS = ("syllables", "cepstrum")
_STEP = 2
"""Frames in one step of the dynamic programming: 10 ms."""
_DIP_DB = 2.0
_MAX_TEMPO = 3.0


def pairs(neutral: Speech, source: Speech, method: str) -> tuple[Contour, Contour]:
    """Frame positions that belong together, ``(n,)`` of the neutral speech and of the source, both rising.

    Args:
        method: ``cepstrum`` for the same words in both: dynamic time warping of mel-cepstra without the level
            (H. Sakoe, S. Chiba: IEEE Trans. ASSP 26 (1978) 43-49, slope constraint 1). ``syllables`` for any
            words: the first syllable nucleus meets the first, the last the last, those between by their rank.

    Raises:
        OptionError: an unknown method.
        AudioError: one is more than three times as long as the other.
    """
    if method not in METHODS:
        raise unknown_name("alignment", method, METHODS)
    longer = max(len(neutral), len(source)) / min(len(neutral), len(source))
    if method == "cepstrum" and longer > _MAX_TEMPO:
        raise AudioError(
            f"the utterances last {len(neutral) * HOP_S:.2f} s and {len(source) * HOP_S:.2f} s, "
            "too unlike to hold the same words: align them by syllables"
        )
    return _by_cepstrum(neutral, source) if method == "cepstrum" else _by_syllables(neutral, source)


def nuclei(speech: Speech) -> npt.NDArray[np.int64]:
    """Frames of the syllable nuclei: voiced peaks of intensity, 2 dB above the dips around them.

    N. H. de Jong, T. Wempe: Behavior Research Methods 41 (2009) 385-390.
    """
    level = smooth(speech.intensity_db, 4)
    inner = (level[1:-1] >= level[:-2]) & (level[1:-1] > level[2:]) & speech.voiced[1:-1]
    found: list[int] = []
    for peak in (np.flatnonzero(inner & speech.active[1:-1]) + 1).tolist():
        if found:
            dip = level[found[-1] : peak].min()
            if min(level[found[-1]], level[peak]) - dip < _DIP_DB:
                if level[peak] > level[found[-1]]:
                    found[-1] = peak
                continue
        found.append(peak)
    return np.asarray(found, dtype=np.int64)


def smooth(values: Contour, deviation: float) -> Contour:
    """A Gaussian moving average over frames."""
    reach = int(3 * deviation)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2)
    return np.convolve(np.pad(values, reach, mode="edge"), kernel / kernel.sum(), mode="valid")


def _by_syllables(neutral: Speech, source: Speech) -> tuple[Contour, Contour]:
    """Nuclei meet by rank, ends meet ends; with fewer than two nuclei in either the ends alone."""
    here, there = nuclei(neutral), nuclei(source)
    ends = np.array([0.0, len(neutral) - 1.0]), np.array([0.0, len(source) - 1.0])
    if min(len(here), len(there)) < 2:
        return ends
    ranks = np.linspace(0, 1, max(len(here), len(there)))
    inside = tuple(np.interp(ranks, np.linspace(0, 1, len(at)), at) for at in (here, there))
    keep = np.ones(len(ranks), dtype=bool)
    for place, end in zip(inside, ends, strict=True):
        keep &= (place > 2) & (place < end[1] - 2)
    first, second = (
        np.concatenate([end[:1], place[keep], end[1:]]) for place, end in zip(inside, ends, strict=True)
    )
    return first, second


def _by_cepstrum(neutral: Speech, source: Speech) -> tuple[Contour, Contour]:
    one, other = _cepstra(neutral), _cepstra(source)
    n = len(one)
    # Both on one length first, so that the local slopes may lie evenly around the diagonal.
    stretched = other[np.round(np.linspace(0, len(other) - 1, n)).astype(np.int64)]
    cost = np.sqrt(((one[:, None, :] - stretched[None, :, :]) ** 2).sum(axis=2))
    rows, columns = _warping_path(cost)
    scale = (len(other) - 1) / max(n - 1, 1)
    return (
        np.minimum(rows * _STEP, len(neutral) - 1).astype(np.float64),
        np.minimum(columns * scale * _STEP, len(source) - 1),
    )


def _cepstra(speech: Speech) -> Contour:
    """Mel-cepstra (12, without the level) every 10 ms, each with mean 0 and deviation 1 in the utterance."""
    code = world.library().code_spectral_envelope(np.ascontiguousarray(speech.envelope), world.RATE_HZ, 13)
    level = smooth(speech.intensity_db, 2)
    features = np.concatenate([code[:, 1:], 2 * level[:, None]], axis=1)[::_STEP]
    spread = features.std(axis=0)
    return np.asarray((features - features.mean(axis=0)) / np.maximum(spread, 1e-6))


def _warping_path(cost: Contour) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The cheapest path through a square of costs by steps (1, 1), (1, 2) and (2, 1); ends meet ends."""
    n = len(cost)
    total = np.full((n + 2, n + 2), np.inf)  # two rows and columns of walls
    total[2, 2] = cost[0, 0]
    step = np.zeros((n, n), dtype=np.int8)
    padded = np.full((n + 1, n + 1), np.inf)
    padded[1:, 1:] = cost
    for row in range(1, n):
        even = total[row + 1, 1 : n + 1] + 2 * cost[row]
        wide = total[row + 1, :n] + 1.5 * (padded[row + 1, :n] + cost[row])
        tall = total[row, 1 : n + 1] + 1.5 * (padded[row, 1:] + cost[row])
        choices = np.stack([even, wide, tall])
        step[row] = choices.argmin(axis=0)
        total[row + 2, 2:] = choices.min(axis=0)
    row = column = n - 1
    path = [(row, column)]
    while row:
        down, left = ((1, 1), (1, 2), (2, 1))[step[row, column]]
        row, column = row - down, column - left
        path.append((row, column))
    rows, columns = np.array(path[::-1], dtype=np.int64).T
    return rows, columns
