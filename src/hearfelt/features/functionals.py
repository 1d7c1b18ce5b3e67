"""The 88 functionals of eGeMAPSv02, by the names the field knows, from our own frames.

F. Eyben et al.: The Geneva minimalistic acoustic parameter set (GeMAPS) for voice research and affective
computing. IEEE Trans. Affective Computing 7 (2016) 190-202. Contours are smoothed over three frames (over
the voiced ones only where the name says nz); "stddevNorm" is the standard deviation over the mean (negative
where the mean is, 0 where the mean is 0).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hearfelt.errors import FeatureError
from hearfelt.features.frames import TAIL_FRAMES, FrameFeatures, FrameOptions
from hearfelt.types import Audio, Features

SPACE = "egemaps/1"

_F0 = "F0semitoneFrom27.5Hz_sma3nz"
_CONTOUR = (
    "amean",
    "stddevNorm",
    "percentile20.0",
    "percentile50.0",
    "percentile80.0",
    "pctlrange0-2",
    "meanRisingSlope",
    "stddevRisingSlope",
    "meanFallingSlope",
    "stddevFallingSlope",
)
_ALL_FRAMES = (
    ("spectral_flux", "spectralFlux"),
    ("mfcc1", "mfcc1"),
    ("mfcc2", "mfcc2"),
    ("mfcc3", "mfcc3"),
    ("mfcc4", "mfcc4"),
)
_VOICED = (
    ("jitter", "jitterLocal"),
    ("shimmer_db", "shimmerLocaldB"),
    ("hnr_db", "HNRdBACF"),
    ("h1_h2_db", "logRelF0-H1-H2"),
    ("h1_a3_db", "logRelF0-H1-A3"),
    ("f1_hz", "F1frequency"),
    ("f1_bandwidth_hz", "F1bandwidth"),
    ("f1_level_db", "F1amplitudeLogRelF0"),
    ("f2_hz", "F2frequency"),
    ("f2_bandwidth_hz", "F2bandwidth"),
    ("f2_level_db", "F2amplitudeLogRelF0"),
    ("f3_hz", "F3frequency"),
    ("f3_bandwidth_hz", "F3bandwidth"),
    ("f3_level_db", "F3amplitudeLogRelF0"),
)
_BALANCE = (
    ("alpha_ratio_db", "alphaRatio"),
    ("hammarberg_db", "hammarbergIndex"),
    ("slope_0_500", "slope"),
    ("slope_500_1500", "slope"),
    ("spectral_flux", "spectralFlux"),
)
_RANGES = {"slope_0_500": "0-500", "slope_500_1500": "500-1500"}
_VOICED_SPECTRUM = (*_BALANCE, ("mfcc1", "mfcc1"), ("mfcc2", "mfcc2"), ("mfcc3", "mfcc3"), ("mfcc4", "mfcc4"))


def _moments(stem: str, smoothing: str) -> tuple[str, str]:
    return f"{stem}_{smoothing}_amean", f"{stem}_{smoothing}_stddevNorm"


def _names() -> tuple[str, ...]:
    names = [f"{_F0}_{what}" for what in _CONTOUR]
    names += [f"loudness_sma3_{what}" for what in _CONTOUR]
    for _, stem in _ALL_FRAMES:
        names += _moments(stem, "sma3")
    for _, stem in _VOICED:
        names += _moments(stem, "sma3nz")
    for column, stem in _VOICED_SPECTRUM:
        names += _moments(f"{stem}V{_RANGES.get(column, '')}", "sma3nz")
    names += [f"{stem}UV{_RANGES.get(column, '')}_sma3nz_amean" for column, stem in _BALANCE]
    names += ["loudnessPeaksPerSec", "VoicedSegmentsPerSec", "MeanVoicedSegmentLengthSec"]
    names += ["StddevVoicedSegmentLengthSec", "MeanUnvoicedSegmentLength", "StddevUnvoicedSegmentLength"]
    return (*names, "equivalentSoundLevel_dBp")


NAMES = _names()
"""The 88 names in openSMILE's order."""

Contour = npt.NDArray[np.float64]


class Functionals:
    """The 88 eGeMAPS functionals of a sound: `Functionals()(audio) -> Features` of shape (1, 88).

    Every value is finite. Where a sound has no voiced (or no unvoiced) frame, what would be measured there
    is 0, as openSMILE has it.

    Raises:
        FeatureError: a sound that is too short (20 ms), not at 16 kHz, or holds NaN.
    """

    space = SPACE

    def __init__(self, options: FrameOptions | None = None) -> None:
        self.frames = FrameFeatures(options)
        self.options = self.frames.options

    def __call__(self, audio: Audio) -> Features:
        return self.measure(self.frames(audio))

    @staticmethod
    def measure(frames: Features) -> Features:
        """The functionals of frames that `FrameFeatures` has measured already.

        Raises:
            FeatureError: the frames lack a column, or there are none.
        """
        if len(frames.values) == 0:
            raise FeatureError("there are no frames to summarise: give at least 20 ms of sound")
        table = _Table(frames)
        values = [
            *table.contour("f0_semitones", voiced=True),
            *table.contour("loudness", voiced=False),
            *table.moments([column for column, _ in _ALL_FRAMES], "all"),
            *table.moments([column for column, _ in _VOICED], "voiced"),
            *table.moments([column for column, _ in _VOICED_SPECTRUM], "voiced spectrum"),
            *table.moments([column for column, _ in _BALANCE], "unvoiced spectrum")[::2],
            *table.rhythm(),
            10 * np.log10(max(float(frames["energy"].mean(dtype=np.float64)), 1e-12)),
        ]
        row = np.nan_to_num(np.asarray([values], dtype=np.float32))
        return Features(row, NAMES, len(frames.values) * frames.hop_s, SPACE)


class _Table:
    """Frames by name, smoothed on demand."""

    def __init__(self, frames: Features) -> None:
        names = frames.names or ()
        self._column = {name: index for index, name in enumerate(names)}
        needed = {"f0_semitones", "loudness", "energy"}
        needed |= {column for column, _ in (*_ALL_FRAMES, *_VOICED, *_VOICED_SPECTRUM)}
        if missing := sorted(needed - set(names)):
            raise FeatureError(
                f"frames of {frames.space} lack {', '.join(missing)}: "
                "measure them with FrameFeatures(FrameOptions(mfcc=4))"
            )
        self._values = frames.values
        self._hop_s = frames.hop_s
        # The last frames are too late for a 60 ms window: neither voiced nor unvoiced.
        self._pitched = max(0, len(frames.values) - TAIL_FRAMES)
        self._voiced = self._values[: self._pitched, self._column["f0_semitones"]] > 0

    def _get(self, columns: list[str]) -> Contour:
        return self._values[:, [self._column[name] for name in columns]].astype(np.float64)

    def moments(self, columns: list[str], which: str) -> list[float]:
        """Mean and relative deviation of each column, interleaved."""
        values = self._get(columns)
        if which == "all":
            smooth, use = _smooth(values), np.ones(values.shape, dtype=bool)
        else:
            values = values[: self._pitched]
            if which == "voiced spectrum":
                values = np.where(self._voiced[:, None], values, 0.0)
            elif which == "unvoiced spectrum":
                values = np.where(self._voiced[:, None], 0.0, values)
            smooth = _smooth_nonzero(values)
            use = smooth != 0
        count = np.maximum(use.sum(axis=0), 1)
        mean = np.where(use, smooth, 0).sum(axis=0) / count
        deviation = np.sqrt(np.where(use, (smooth - mean) ** 2, 0).sum(axis=0) / count)
        known = np.abs(mean) > 1e-9
        relative = np.where(known, deviation / np.where(known, mean, 1.0), 0.0)
        return [float(v) for pair in zip(mean, relative, strict=True) for v in pair]

    def contour(self, column: str, voiced: bool) -> list[float]:
        """Mean, relative deviation, percentiles and slopes of a contour, of its voiced frames or of all."""
        values = self._get([column])
        if voiced:
            smooth = _smooth_nonzero(values[: self._pitched])[:, 0]
            smooth = smooth[smooth != 0]
        else:
            smooth = _smooth(values)[:, 0]
        if len(smooth) == 0:
            return [0.0] * len(_CONTOUR)
        mean = float(smooth.mean())
        low, middle, high = (float(v) for v in np.percentile(smooth, (20, 50, 80)))
        _, rising, falling = _extremes(smooth, self._hop_s)
        relative = float(smooth.std()) / mean if abs(mean) > 1e-9 else 0.0
        return [mean, relative, low, middle, high, high - low, *_mean_std(rising), *_mean_std(-falling)]

    def rhythm(self) -> list[float]:
        """Loudness peaks a second, voiced segments a second, and the lengths of voiced and unvoiced ones."""
        loudness = _smooth(self._get(["loudness"]))[:, 0]
        peaks, _, _ = _extremes(loudness, self._hop_s)
        seconds = len(loudness) * self._hop_s
        voiced, unvoiced = _runs(self._voiced)
        pitched_s = max(self._pitched, 1) * self._hop_s
        return [
            peaks / seconds,
            len(voiced) / pitched_s,
            *_mean_std(voiced * self._hop_s),
            *_mean_std(unvoiced * self._hop_s),
        ]


def _smooth(values: Contour) -> Contour:
    """Moving average over three frames of (n, columns); at the ends over what is there."""
    n = len(values)
    if n < 2:
        return values
    total = values.copy()
    total[1:] += values[:-1]
    total[:-1] += values[1:]
    count = np.full((n, 1), 3.0)
    count[0] = count[-1] = 2.0
    smooth: Contour = total / count
    return smooth


def _smooth_nonzero(values: Contour) -> Contour:
    """The same over values that are not 0; a 0 stays 0."""
    there = (values != 0).astype(np.float64)
    if len(values) < 2:
        return values
    total, count = values.copy(), there.copy()
    total[1:] += values[:-1]
    total[:-1] += values[1:]
    count[1:] += there[:-1]
    count[:-1] += there[1:]
    smooth: Contour = np.where(there > 0, total / np.maximum(count, 1.0), 0.0)
    return smooth


def _mean_std(values: Contour) -> tuple[float, float]:
    return (float(values.mean()), float(values.std())) if len(values) else (0.0, 0.0)


def _runs(flags: npt.NDArray[np.bool_]) -> tuple[Contour, Contour]:
    """Lengths in frames of the runs of True and of False."""
    if not len(flags):
        return np.zeros(0), np.zeros(0)
    edges = np.flatnonzero(np.diff(flags)) + 1
    bounds = np.concatenate([[0], edges, [len(flags)]])
    lengths = np.diff(bounds).astype(np.float64)
    first = bool(flags[0])
    return (lengths[0::2], lengths[1::2]) if first else (lengths[1::2], lengths[0::2])


def _extremes(contour: Contour, hop_s: float) -> tuple[int, Contour, Contour]:
    """Number of peaks, rising slopes and falling slopes (per second) of a contour.

    A turn counts when it differs from the one before it by a tenth of the contour's range.
    """
    if len(contour) < 3:
        return 0, np.zeros(0), np.zeros(0)
    threshold = 0.1 * float(np.ptp(contour))
    step = np.sign(np.diff(contour))
    turn = np.flatnonzero(step[1:] * step[:-1] < 0) + 1
    at = np.concatenate([[0], turn, [len(contour) - 1]])
    value = contour[at].tolist()
    kept = _zigzag(value, threshold)
    if len(kept) < 2:
        return 0, np.zeros(0), np.zeros(0)
    where = at[kept]
    slope = np.diff(contour[where]) / (np.diff(where) * hop_s)
    level = contour[where]
    peaks = int(np.count_nonzero((level[1:-1] > level[:-2]) & (level[1:-1] > level[2:])))
    return peaks, slope[slope > 0], slope[slope < 0]


def _zigzag(value: list[float], threshold: float) -> list[int]:
    """Indices of the alternating highs and lows that differ from their neighbours by the threshold."""
    kept = [0]
    direction = 0
    for index in range(1, len(value)):
        change = value[index] - value[kept[-1]]
        if direction != 0 and change * direction > 0:
            kept[-1] = index
        elif abs(change) > threshold:
            kept.append(index)
            direction = 1 if change > 0 else -1
    return kept
