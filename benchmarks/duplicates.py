"""How well `hearfelt data check` tells copies of a clip from other takes of its sentence.

For each corpus, clips drawn at random are copied at a lower gain and a shift of 1.5 frames (the worst one),
without their quiet ends, as Opus at 16 kbit/s, MP3 at 32 kbit/s and A-law, with white noise 20 dB below, and
clipped. `lowest_copy` is the least correlation of the first five kinds with their original, `highest_other`
the largest correlation of two different clips of the corpus (its own exact duplicates are left out).

    python benchmarks/duplicates.py [--quick] [--corpora emodb,ravdess,savee,nemo] [--clips 40]

--quick takes 5 clips of EmoDB and SAVEE. The corpora are looked for in HEARFELT_DATA, else in ../shared/data.
The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from hearfelt import audio
from hearfelt.datasets import corpora, quality
from hearfelt.datasets.augment.codecs import Codec
from hearfelt.datasets.quality import near
from hearfelt.types import Audio, Example, FloatArray

ROOT = Path(__file__).resolve().parent.parent
RATE = 16000


def white(samples: FloatArray) -> FloatArray:
    noise = np.random.default_rng(1).standard_normal(len(samples)) * np.sqrt(np.mean(samples**2)) / 10
    return (samples + noise).astype(np.float32)


def trimmed(samples: FloatArray) -> FloatArray:
    loud = np.flatnonzero(np.abs(samples) > 0.05 * np.abs(samples).max())
    return samples[loud[0] : loud[-1] + 1]


def through(codec: str, bitrate_kbps: float) -> Callable[[FloatArray], FloatArray]:
    change = Codec((codec,), bitrate_kbps)
    return lambda samples: change(samples, RATE, np.random.default_rng(0))


COPIES: dict[str, Callable[[FloatArray], FloatArray]] = {
    "gain_and_shift": lambda x: np.concatenate([np.zeros(240, np.float32), 0.25 * x]),
    "trimmed": trimmed,
    "opus_16k": through("opus", 16),
    "mp3_32k": through("mp3", 32),
    "alaw": through("g711_alaw", 64),
    "noise_20db": white,
    "clipped": lambda x: np.clip(3 * x / np.abs(x).max(), -1, 1).astype(np.float32),
}
MEANT = ("gain_and_shift", "trimmed", "opus_16k", "mp3_32k", "alaw")


def data_dir() -> Path:
    """The folder of real corpora."""
    return Path(os.environ.get("HEARFELT_DATA", ROOT.parent / "shared" / "data"))


def lowest(examples: list[Example], clips: int) -> dict[str, float]:
    """The least correlation of each kind of copy with its original; 0 where the search does not find it."""
    random = np.random.default_rng(0)
    chosen = random.choice(len(examples), min(clips, len(examples)), replace=False)
    sounds: list[Audio] = [audio.read(examples[i].file)[0] for i in chosen]
    found = {}
    for kind, change in COPIES.items():
        values = []
        for sound in sounds:
            pair = [near.fingerprint(sound.samples), near.fingerprint(change(sound.samples))]
            alike = quality.near_duplicates(pair, at_least=-1)
            values.append(alike[0][2] if alike else 0.0)
        found[kind] = round(min(values), 3)
    return found


def highest(examples: list[Example]) -> float:
    """The largest correlation of two clips that do not hold the same samples."""
    measured = {m.hash: m for m in quality.measure(examples) if m.hash}
    pairs = quality.near_duplicates([m.fingerprint for m in measured.values()], at_least=0.3)
    return round(pairs[0][2], 3) if pairs else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--corpora", default="emodb,ravdess,savee,nemo")
    parser.add_argument("--clips", type=int, default=40)
    options = parser.parse_args()
    if options.quick:
        options.corpora, options.clips = "emodb,savee", 5
    started, copies, others = time.perf_counter(), [], []
    for name in options.corpora.split(","):
        examples = corpora.read(name, data_dir())
        each, other = lowest(examples, options.clips), highest(examples)
        copies.append(min(each[kind] for kind in MEANT))
        others.append(other)
        print(f"{name}: other clips up to {other:.3f}; copies from", each, flush=True)
    print(
        json.dumps(
            {
                "lowest_copy": min(copies),
                "highest_other": max(others),
                "threshold": near.CORRELATION,
                "seconds": round(time.perf_counter() - started, 1),
            }
        )
    )


if __name__ == "__main__":
    main()
