"""What all tests share: where the real corpora are, and sounds made on the spot."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import hypothesis
import numpy as np
import pytest

from hearfelt.types import Audio

# The same examples on every machine, so that a failure is one for everybody. New ones are looked for by
# HYPOTHESIS_PROFILE=explore.
hypothesis.settings.register_profile("steady", derandomize=True)
hypothesis.settings.register_profile("explore", derandomize=False, print_blob=True)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))

ROOT = Path(__file__).resolve().parent.parent


def corpora() -> Path | None:
    """The folder of real corpora: HEARFELT_DATA, else ../shared/data; None where there is none."""
    folder = Path(os.environ.get("HEARFELT_DATA", ROOT.parent / "shared" / "data"))
    return folder if (folder / "audio").is_dir() else None


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real corpora; skips the test where there is none."""
    folder = corpora()
    if folder is None:
        pytest.skip("no real corpora: set HEARFELT_DATA to the folder that holds audio/ and text/")
    return folder


@pytest.fixture(scope="session")
def example_call() -> Path:
    """The made two-channel support call of the repository."""
    return ROOT / "examples" / "call" / "call.flac"


@pytest.fixture(scope="session")
def speech() -> Callable[..., Audio]:
    """Makes a voiced, syllable-like sound: harmonics of a gliding F0 through two resonances.

    ``speech(seconds=2, f0_hz=120, level=0.1, seed=0, sample_rate_hz=16000) -> Audio``
    """

    def make(
        seconds: float = 2.0,
        f0_hz: float = 120.0,
        level: float = 0.1,
        seed: int = 0,
        sample_rate_hz: int = 16000,
    ) -> Audio:
        random = np.random.default_rng(seed)
        time = np.arange(round(seconds * sample_rate_hz)) / sample_rate_hz
        f0 = f0_hz * (1 + 0.1 * np.sin(2 * np.pi * 0.7 * time))
        phase = 2 * np.pi * np.cumsum(f0) / sample_rate_hz
        sound = np.zeros_like(time)
        for harmonic in range(1, 30):
            frequency = harmonic * f0_hz
            if frequency > sample_rate_hz / 2 - 200:
                break
            gain = sum(1 / (1 + ((frequency - centre) / 120) ** 2) for centre in (550, 1500, 2500))
            sound += (gain + 0.02) / harmonic**0.5 * np.sin(harmonic * phase)
        syllables = np.clip(np.sin(2 * np.pi * 4 * time) + 0.6, 0, 1)
        sound = sound * syllables + 0.002 * random.standard_normal(len(time))
        sound = level * sound / (np.abs(sound).max() + 1e-9)
        return Audio(sound.astype(np.float32), sample_rate_hz)

    return make
