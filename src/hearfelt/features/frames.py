"""Low-level descriptors every 10 ms: pitch, loudness, spectrum, formants, voice quality.

The set-up is that of eGeMAPS (Eyben et al. 2016): 20 ms Hamming windows for the spectrum and the formants,
60 ms Gaussian windows for pitch and harmonics, both beginning every 10 ms at the same sample.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from hearfelt.errors import FeatureError, OptionError, unknown_name
from hearfelt.features import formants, pitch, spectrum, voice_quality
from hearfelt.types import Audio, Features, FloatArray

SAMPLE_RATE_HZ = 16000
HOP = 160
SHORT = spectrum.FRAME
LONG = pitch.FRAME
TAIL_FRAMES = (LONG - SHORT) // HOP
"""Frames at the end that are too late for a 60 ms window: they count as unvoiced."""

UNVOICED_LEVEL_DB = -201.0
"""What the level of a formant is set to where there is no F0 to relate it to (as openSMILE does)."""

SPACE = "frames/1"

CONVENTIONS = ("standard", "opensmile")

_PIECE = 60 * SAMPLE_RATE_HZ
_PITCHED = ("f0_semitones", "f0_hz", "voicing", "jitter", "shimmer_db", "hnr_db", "h1_h2_db", "h1_a3_db")
_FORMANTS = tuple(f"f{n}_{what}" for n in (1, 2, 3) for what in ("hz", "bandwidth_hz", "level_db"))
_SPECTRAL = (
    "loudness",
    "energy",
    "alpha_ratio_db",
    "hammarberg_db",
    "slope_0_500",
    "slope_500_1500",
    "spectral_flux",
)


@dataclass(frozen=True)
class FrameOptions:
    """What `FrameFeatures` measures.

    Args:
        mfcc: how many cepstral coefficients, from the first on, 1 to 12.
        convention: "standard" measures formants, harmonic differences and spectral slopes as phonetics
            defines them; "opensmile" as openSMILE 3 computes them (docs/features.md says how they differ),
            for models that were trained on its features.
        pitch: range and costs of the pitch tracker.
    """

    mfcc: int = 4
    convention: str = "standard"
    pitch: pitch.PitchOptions = field(default_factory=pitch.PitchOptions)

    def __post_init__(self) -> None:
        if self.convention not in CONVENTIONS:
            raise unknown_name("convention", self.convention, CONVENTIONS)
        if not 1 <= self.mfcc <= 12:
            raise OptionError(f"mfcc={self.mfcc} coefficients cannot be measured: use 1 to 12")


def check(audio: Audio) -> None:
    """Refuse a sound that cannot be measured.

    Raises:
        FeatureError: not one channel of float samples at 16 kHz, not finite, or shorter than 20 ms.
    """
    samples = audio.samples
    if samples.ndim != 1:
        raise FeatureError(
            f"features need one channel, got samples of shape {samples.shape}: give one Audio a channel"
        )
    if audio.sample_rate_hz != SAMPLE_RATE_HZ:
        raise FeatureError(
            f"features are measured at {SAMPLE_RATE_HZ} Hz, got {audio.sample_rate_hz} Hz: "
            "read the sound with sample_rate_hz=16000"
        )
    if not np.isfinite(samples).all():
        bad = int(np.count_nonzero(~np.isfinite(samples)))
        raise FeatureError(
            f"{bad} of {len(samples)} samples are not finite numbers: repair the recording first"
        )


class FrameFeatures:
    """Measures a sound every 10 ms: `extractor(audio)` in one go, or `push` and `close` as it arrives.

    Columns (`names`): f0_semitones (from 27.5 Hz), f0_hz, voicing, jitter, shimmer_db, hnr_db, h1_h2_db,
    h1_a3_db; f1_hz, f1_bandwidth_hz, f1_level_db … f3_level_db; loudness, energy, alpha_ratio_db,
    hammarberg_db, slope_0_500, slope_500_1500 (dB/Hz), spectral_flux; mfcc1 … In unvoiced frames all of
    the first two groups are 0, the formants' levels -201. Frame t begins t * 10 ms into the sound.

    No value is ever NaN or infinite. However a sound is cut between pushes, the
    numbers agree with those of one push within 1e-3 (made sound) and 1e-2 (recordings).
    """

    def __init__(self, options: FrameOptions | None = None) -> None:
        self.options = options or FrameOptions()
        self._as_opensmile = self.options.convention == "opensmile"
        self.names = (
            *_PITCHED,
            *_FORMANTS,
            *_SPECTRAL,
            *(f"mfcc{order}" for order in range(1, self.options.mfcc + 1)),
        )
        self.reset()

    def reset(self) -> None:
        """Forget the sound so far."""
        self._samples = np.zeros(0, dtype=np.float32)
        self._next = 0  # the frame that the first sample of the buffer of unread frames belongs to
        self._first_sample = 0
        self._magnitude: FloatArray | None = None
        self._path = pitch.PitchPath(self.options.pitch)
        self._pending = np.zeros((0, len(self.names)), dtype=np.float32)
        self._autocorrelation = np.zeros((0, spectrum.LPC_ORDER + 1))
        self._power = np.zeros((0, pitch.BINS), dtype=np.float32)
        self._frequency = np.zeros((0, pitch.CANDIDATES), dtype=np.float32)
        self._voicing = np.zeros((0, pitch.CANDIDATES), dtype=np.float32)
        self._done = 0

    def __call__(self, audio: Audio) -> Features:
        """All frames of a sound.

        Raises:
            FeatureError: see `check`; also where the sound is shorter than 20 ms.
        """
        check(audio)
        if len(audio.samples) < SHORT:
            raise FeatureError(
                f"a sound of {len(audio.samples)} samples is too short to measure: "
                f"it needs at least {SHORT} (20 ms)"
            )
        fresh = FrameFeatures(self.options)
        samples = np.ascontiguousarray(audio.samples, dtype=np.float32)
        parts = []
        for begin in range(0, len(samples), _PIECE):
            last = begin + _PIECE >= len(samples)
            parts.append(fresh._advance(samples[begin : begin + _PIECE], last))
        return self._features(np.concatenate(parts))

    def push(self, audio: Audio) -> Features:
        """The frames that are certain by now; the last 0.4 to 0.8 s wait for what follows.

        Raises:
            FeatureError: see `check`.
        """
        check(audio)
        return self._features(self._advance(np.asarray(audio.samples, dtype=np.float32), False))

    def close(self) -> Features:
        """The frames that are left; the extractor is then ready for the next sound."""
        rest = self._features(self._advance(np.zeros(0, dtype=np.float32), True))
        self.reset()
        return rest

    def _features(self, values: FloatArray) -> Features:
        return Features(values, self.names, HOP / SAMPLE_RATE_HZ, SPACE)

    def _advance(self, samples: FloatArray, last: bool) -> FloatArray:
        """Take samples in; give the rows that are final."""
        self._samples = np.concatenate([self._samples, samples])
        offset = self._next * HOP - self._first_sample
        unread = len(self._samples) - offset
        n_long = max(0, (unread - LONG) // HOP + 1)
        if not last:
            n_long -= n_long % pitch.BLOCK_FRAMES
        n_short = max(0, (unread - SHORT) // HOP + 1) if last else n_long
        if n_short:
            self._take(offset, n_long, n_short)
        f0 = self._path.close() if last else self._path.decided()
        if last:
            f0 = np.concatenate([f0, np.zeros(len(self._pending) - len(f0), dtype=np.float32)])
        rows = self._finish(f0)
        self._next += n_short
        self._done += len(rows)
        keep = self._done * HOP - self._first_sample
        self._samples, self._first_sample = self._samples[keep:], self._first_sample + keep
        return rows

    def _take(self, offset: int, n_long: int, n_short: int) -> None:
        """Measure frames that do not depend on the pitch, and their pitch candidates."""
        short = _frames(self._samples[offset:], SHORT, n_short)
        measures, self._magnitude = spectrum.measure(
            short, self._magnitude, self.options.mfcc, self._as_opensmile
        )
        rows = np.zeros((n_short, len(self.names)), dtype=np.float32)
        column = len(_PITCHED) + len(_FORMANTS)
        for values in (
            measures.loudness,
            measures.energy,
            measures.alpha_ratio,
            measures.hammarberg,
            measures.slope_low,
            measures.slope_high,
            measures.flux,
        ):
            rows[:, column] = values
            column += 1
        rows[:, column:] = measures.mfcc
        self._pending = np.concatenate([self._pending, rows])
        self._autocorrelation = np.concatenate([self._autocorrelation, measures.autocorrelation])
        if n_long == 0:
            return
        long = _frames(self._samples[offset:], LONG, n_long)
        # Without its mean: a microphone's offset would leak into the harmonics.
        windowed = (long - long.mean(axis=1, keepdims=True)) * pitch.long_window()
        # numpy's float32 transform of this length is several times slower than the float64 one.
        transformed = np.fft.rfft(windowed, pitch.FFT_SIZE)
        power = (transformed.real**2 + transformed.imag**2).astype(np.float32)
        frequency, voicing = pitch.candidates(np.sqrt(power), self.options.pitch)
        rms = np.sqrt(np.einsum("ij,ij->i", windowed, windowed) / LONG).astype(np.float32)
        self._path.take(frequency, voicing, rms)
        self._power = np.concatenate([self._power, power])
        self._frequency = np.concatenate([self._frequency, frequency])
        self._voicing = np.concatenate([self._voicing, voicing])

    def _finish(self, f0_hz: FloatArray) -> FloatArray:
        """Fill in what depends on the pitch for the next len(f0_hz) frames and hand them over."""
        n = len(f0_hz)
        rows, self._pending = self._pending[:n], self._pending[n:]
        level = [len(_PITCHED) + 3 * number + 2 for number in range(3)]
        rows[:, level] = UNVOICED_LEVEL_DB
        voiced = np.flatnonzero(f0_hz > 0)
        if len(voiced):
            self._voiced(rows, voiced, f0_hz[voiced], level)
        self._autocorrelation = self._autocorrelation[n:]
        self._power, self._frequency = self._power[n:], self._frequency[n:]
        self._voicing = self._voicing[n:]
        return rows

    def _voiced(
        self, rows: FloatArray, voiced: voice_quality.IntArray, f0: FloatArray, level: list[int]
    ) -> None:
        power = self._power[voiced]
        match = np.abs(self._frequency[voiced] - f0[:, None]).argmin(axis=1)
        coefficients = formants.predictor(self._autocorrelation[voiced])
        # openSMILE 3 solves the predictor's polynomial with the opposite sign.
        hz, width = formants.resonances(-coefficients if self._as_opensmile else coefficients)
        start = (self._done + voiced) * HOP - self._first_sample
        jitter, shimmer = voice_quality.perturbation(self._samples, start, f0)
        h1_h2, h1_a3, levels = voice_quality.harmonic_levels(power, f0, hz, self._as_opensmile)
        rows[voiced, 0] = 12 * np.log2(f0 / np.float32(27.5))
        rows[voiced, 1] = f0
        rows[voiced, 2] = self._voicing[voiced, match]
        rows[voiced, 3], rows[voiced, 4] = jitter, shimmer
        rows[voiced, 5] = voice_quality.harmonics_to_noise(power, f0, self._as_opensmile)
        rows[voiced, 6], rows[voiced, 7] = h1_h2, h1_a3
        for number in range(3):
            rows[voiced, level[number] - 2] = hz[:, number]
            rows[voiced, level[number] - 1] = width[:, number]
            rows[voiced, level[number]] = levels[:, number]


def _frames(samples: FloatArray, size: int, count: int) -> FloatArray:
    """View (count, size) of frames that begin every 10 ms."""
    step = samples.strides[0]
    return np.lib.stride_tricks.as_strided(samples, (count, size), (HOP * step, step), writeable=False)
