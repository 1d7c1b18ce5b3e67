"""Noise suppression for one channel, block by block. Off by default: see docs/audio.md for what it does.

Short-time spectra (square-root Hann window, half overlap); noise tracked by speech presence probability
(Gerkmann & Hendriks, IEEE TASLP 20(4), 2012, eq. 18 to 23); a-priori SNR by the decision-directed rule and
the log-spectral amplitude gain (Ephraim & Malah, IEEE TASSP 33(2), 1985, eq. 20); the gain never goes below a
floor, so that the rest of the noise stays natural.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from hearfelt.audio.frames import Framer
from hearfelt.errors import AudioError, OptionError
from hearfelt.types import Audio, FloatArray

_Array = npt.NDArray[np.float64]

_PRIOR_SNR = 10**1.5  # a-priori SNR of speech where it is present: 15 dB (Gerkmann & Hendriks)
_SMALLEST = 1e-12


@dataclass(frozen=True, slots=True)
class DenoiseOptions:
    """How noise is suppressed.

    Args:
        sample_rate_hz: rate of what is pushed.
        max_reduction_db: the most that any frequency is turned down.
        window_ms: length of a frame; frames overlap by half.
        start_ms: how long to listen before the first estimate of the noise; the output waits as long.
        smoothing: decision-directed weight of the past, in [0, 1).
    """

    sample_rate_hz: int = 16000
    max_reduction_db: float = 15.0
    window_ms: float = 32.0
    start_ms: float = 400.0
    smoothing: float = 0.98

    def __post_init__(self) -> None:
        if not 0 <= self.max_reduction_db <= 60:
            raise OptionError(f"max_reduction_db {self.max_reduction_db!r} is out of range; give 0 to 60 dB")
        if not 4 <= self.window_ms <= 200:
            raise OptionError(f"window_ms {self.window_ms!r} is out of range; give 4 to 200 ms")
        if not 0 <= self.start_ms <= 5000:
            raise OptionError(f"start_ms {self.start_ms!r} is out of range; give 0 to 5000 ms")
        if not 0 <= self.smoothing < 1:
            raise OptionError(f"smoothing {self.smoothing!r} is out of range; give a number from 0, below 1")


class Denoiser:
    """Suppresses noise in a sound that arrives in blocks; what comes out is as long and in time with it.

    The joined output does not depend on where the blocks were cut.

    Args:
        options: see `DenoiseOptions`.
    """

    def __init__(self, options: DenoiseOptions | None = None) -> None:
        self.options = o = options or DenoiseOptions()
        self._hop = max(1, round(o.window_ms / 2000 * o.sample_rate_hz))
        size = 2 * self._hop
        self._window = np.sqrt(np.hanning(size + 1)[:size])
        self._floor = 10 ** (-o.max_reduction_db / 20)
        self._wait = max(1, round(o.start_ms / 1000 * o.sample_rate_hz / self._hop))
        self._framer = Framer(size, self._hop)
        self.reset()

    def reset(self) -> None:
        """Forget everything: the next block is the start of a new sound."""
        self._framer.reset()
        self._framer.push(np.zeros(self._hop, np.float32))
        self._waiting: list[FloatArray] = []
        self._noise: _Array | None = None
        self._clean = np.zeros(self._hop + 1)
        self._presence = np.zeros(self._hop + 1)
        self._tail = np.zeros(self._hop)
        self._taken = 0
        self._given = -self._hop  # the first half frame lies before the sound

    def push(self, samples: FloatArray) -> FloatArray:
        """The cleaned samples that are ready after this block, shape ``(n,)``."""
        self._taken += len(samples)
        return self._frames(self._framer.push(samples), last=False)

    def close(self) -> FloatArray:
        """The rest of the cleaned sound. The denoiser is then ready for another one."""
        total = self._taken
        fill = -total % self._hop + self._hop
        frames = self._framer.push(np.zeros(fill, np.float32))
        rest = self._frames(frames, last=True)[: None if total else 0]
        excess = self._given - total
        self.reset()
        return rest[: len(rest) - excess] if excess > 0 else rest

    def _frames(self, frames: FloatArray, last: bool) -> FloatArray:
        if self._noise is None:
            self._waiting.extend(frames)
            if not self._waiting or (len(self._waiting) < self._wait and not last):
                return np.zeros(0, np.float32)
            frames, self._waiting = np.stack(self._waiting), []
            self._noise = self._first_noise(frames[: self._wait])
        if not len(frames):
            return np.zeros(0, np.float32)
        ready = np.concatenate([self._clean_frame(frame) for frame in frames])
        skipped = min(max(0, -self._given), len(ready))
        self._given += len(ready)
        return ready[skipped:].astype(np.float32)

    def _first_noise(self, frames: FloatArray) -> _Array:
        """Mean power of the quietest fifth of the first frames that hold any sound."""
        power = np.abs(np.fft.rfft(frames * self._window, axis=1)) ** 2
        loudness = power.sum(axis=1)
        order = [i for i in np.argsort(loudness, kind="stable") if loudness[i] > _SMALLEST]
        chosen = power[order[: max(1, len(order) // 5)]] if order else power
        noise: _Array = np.maximum(chosen.mean(axis=0), _SMALLEST)
        return noise

    def _clean_frame(self, frame: FloatArray) -> _Array:
        spectrum = np.fft.rfft(frame * self._window)
        gain = self._gain(spectrum.real**2 + spectrum.imag**2)
        cleaned = np.fft.irfft(spectrum * gain, len(frame)) * self._window
        ready: _Array = self._tail + cleaned[: self._hop]
        self._tail = cleaned[self._hop :]
        return ready

    def _gain(self, power: _Array) -> _Array:
        """Log-spectral amplitude gain of one frame; moves the noise estimate on."""
        before = self._noise
        assert before is not None
        presence = 1 / (1 + (1 + _PRIOR_SNR) * np.exp(-power / before * (_PRIOR_SNR / (1 + _PRIOR_SNR))))
        self._presence = 0.9 * self._presence + 0.1 * presence
        presence = np.where(self._presence > 0.99, np.minimum(presence, 0.99), presence)
        noise = 0.8 * before + 0.2 * ((1 - presence) * power + presence * before)
        self._noise = noise = np.maximum(noise, _SMALLEST)
        posterior = np.minimum(power / noise, 1000.0)
        past = self.options.smoothing
        prior = np.maximum(past * self._clean / noise + (1 - past) * np.maximum(posterior - 1, 0), 10**-2.5)
        wiener = prior / (1 + prior)
        gain = np.minimum(wiener * _half_integral(wiener * posterior), 1.0)
        self._clean = gain * gain * power
        found: _Array = np.maximum(gain, self._floor)
        return found


def _exponential_integral(values: _Array) -> _Array:
    """E1(x) for x > 0: power series up to 1, then continued fraction (Abramowitz & Stegun 5.1.11, 5.1.22)."""
    small = np.minimum(values, 1.0)
    term, series = np.ones_like(small), -np.euler_gamma - np.log(small)
    for k in range(1, 25):
        term = -term * small / k
        series = series - term / k
    large = np.maximum(values, 1.0)
    fraction = np.zeros_like(large)
    for k in range(60, 0, -1):
        fraction = k / (1 + k / (large + fraction))
    return np.where(values <= 1.0, series, np.exp(-large) / (large + fraction))


_LOG_GRID = np.linspace(np.log(1e-6), np.log(1e3), 2000)
_HALF_INTEGRAL = np.exp(0.5 * _exponential_integral(np.exp(_LOG_GRID)))


def _half_integral(values: _Array) -> _Array:
    """exp(E1(x) / 2), by linear interpolation over log x; error below 1e-4 of the value."""
    found: _Array = np.interp(np.log(np.maximum(values, 1e-6)), _LOG_GRID, _HALF_INTEGRAL)
    return found


def denoise(audio: Audio, options: DenoiseOptions | None = None) -> Audio:
    """A whole sound with its noise suppressed, as long as before; the sample rate is the sound's own.

    Raises:
        AudioError: the sound is empty.
    """
    if not len(audio.samples):
        raise AudioError("there are no samples to denoise; give a sound of at least one sample")
    denoiser = Denoiser(replace(options or DenoiseOptions(), sample_rate_hz=audio.sample_rate_hz))
    samples = np.concatenate([denoiser.push(audio.samples), denoiser.close()])
    return replace(audio, samples=samples)
