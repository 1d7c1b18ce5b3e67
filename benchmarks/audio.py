"""What the audio room costs on one core, and how well it measures the SNR.

    python benchmarks/audio.py [--quick]

Real files (every 50th of EmoDB, RAVDESS and nEMO) are read, searched for speech and denoised; a figure is
processor time a second of sound, the median of three rounds. On 32 s of it the voice activity network is
timed beside the same network as its package runs it. The SNR estimate is judged on the speech of RAVDESS in
white noise: mean absolute error in dB at 0, 10 and 20 dB. Ends with one line of JSON. --quick takes every
200th file.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np  # noqa: E402  # after the number of threads is set

from hearfelt import audio  # noqa: E402
from hearfelt.audio import quality, silero, vad  # noqa: E402
from hearfelt.audio.denoise import denoise  # noqa: E402
from hearfelt.types import Audio  # noqa: E402

DATA = Path(os.environ.get("HEARFELT_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
RATE = 16000


def say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


def files(corpus: str, step: int) -> list[Path]:
    """Every ``step``-th recording of a corpus."""
    found = sorted(p for p in (DATA / "audio" / corpus / "audio").rglob("*") if p.is_file())
    if not found:
        raise SystemExit(f"no recordings under {DATA}: set HEARFELT_DATA to the folder that holds audio/")
    return found[::step]


def cost(name: str, seconds: float, run: Callable[[], object]) -> float:
    """Processor seconds a second of sound, median of three."""
    times = []
    for _ in range(3):
        began = time.process_time()
        run()
        times.append((time.process_time() - began) / seconds)
    say(f"{name}: {statistics.median(times):.5f}")
    return round(statistics.median(times), 5)


def chunks(sounds: list[Audio]) -> np.ndarray:
    """All sounds in a row as 32 ms chunks."""
    joined = np.concatenate([sound.samples for sound in sounds])
    return joined[: len(joined) // silero.CHUNK * silero.CHUNK].reshape(-1, silero.CHUNK)


def snr_errors(step: int) -> dict[str, float]:
    """Mean absolute error of the SNR estimate on speech cut out by the voice activity detector."""
    errors: dict[str, list[float]] = {}
    random = np.random.default_rng(0)
    for path in files("ravdess", step):
        (sound,) = audio.read(path)
        found = [sound.cut(s.start_s, s.end_s).samples for s in vad.detect(sound)]
        if not found:
            continue
        speech = np.concatenate(found)
        power = float(np.mean(speech**2))
        for snr_db in (0, 10, 20):
            noise = np.sqrt(power) * 10 ** (-snr_db / 20) * random.standard_normal(len(speech))
            measured = quality.snr_db(Audio((speech + noise).astype(np.float32), RATE))
            errors.setdefault(f"snr_error_at_{snr_db}db", []).append(abs(measured - snr_db))
    return {key: round(float(np.mean(values)), 2) for key, values in errors.items()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="every 200th file")
    step = 200 if parser.parse_args().quick else 50
    paths = [path for corpus in ("emodb", "ravdess", "nemo") for path in files(corpus, step)]
    sounds = [audio.read(path)[0] for path in paths]
    seconds = sum(sound.duration_s for sound in sounds)
    few = chunks(sounds)[:1000]
    few_s = few.size / RATE
    say(f"{len(paths)} files, {seconds:.0f} s")
    figures: dict[str, float] = {
        "read_rtf": cost("read", seconds, lambda: [audio.read(path) for path in paths]),
        "vad_rtf": cost("voice activity", seconds, lambda: [vad.detect(sound) for sound in sounds]),
        "network_rtf": cost("its network", few_s, lambda: silero.Silero().push(few)),
        "package_network_rtf": cost(
            "the same by its package", few_s, lambda: silero.PackageSilero().push(few)
        ),
        "denoise_rtf": cost("denoise", seconds, lambda: [denoise(sound) for sound in sounds]),
    }
    ours, theirs = silero.Silero().push(few), silero.PackageSilero().push(few)
    figures["network_difference"] = round(float(np.abs(ours - theirs).max()), 4)
    print(json.dumps(figures | snr_errors(step)))


if __name__ == "__main__":
    main()
