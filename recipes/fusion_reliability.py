"""How much a short or noisy voice deserves to be heard: measured on speakers that the models do not know.

    python recipes/fusion_reliability.py --voice runs/base/heldout.npz --runs runs/base [--clips 300]

Cuts held-out clips to the middle part of 0.3 to 3 s, and adds pink noise at 20 to -5 dB, and asks the model
of the fold that did not hear the speaker. For every condition it fits the exponent under which the voice's
log-probabilities are most likely, relative to whole and clean clips: that is the reliability. Then it fits
the curves of `hearfelt.fusion.reliability` to all conditions and prints them beside the ones in use; the SNR
is the one that `hearfelt.audio.quality` measures, as in use. Needs the corpora. Ends with one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from hearfelt import audio
from hearfelt.audio import quality
from hearfelt.fusion import reliability
from hearfelt.fusion.calibrate import Temperature, fit_exponents, nll, softmax
from hearfelt.fusion.combine import ratios
from hearfelt.labels import EKMAN7
from hearfelt.models.onnx import VoiceModel
from hearfelt.types import Audio

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("HEARFELT_DATA", ROOT.parent / "shared" / "data"))
SECONDS = (0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
SNRS_DB = (20, 10, 5, 0, -5)
TRIM_DB = 40.0
PAD_S = 0.1
"""What an utterance keeps of the pause around it."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--voice", type=Path, default=ROOT / "runs" / "base" / "heldout.npz")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "base")
    parser.add_argument("--clips", type=int, default=300, help="how many clips of each fold")
    options = parser.parse_args()
    with np.load(options.voice, allow_pickle=False) as data:
        table = {name: data[name] for name in ("file", "gold", "corpus", "fold")}
    rows: list[dict[str, Any]] = []
    for fold in np.unique(table["fold"]).tolist():
        rows += fold_rows(options, table, int(fold))
    report(rows)


def fold_rows(options: argparse.Namespace, table: dict[str, np.ndarray], fold: int) -> list[dict[str, Any]]:
    """One row a clip and condition: gold, log-probabilities, seconds, measured SNR."""
    ask = model(options.runs / f"fold{fold}")
    random = np.random.default_rng(fold)
    here = np.flatnonzero((table["fold"] == fold) & np.isin(table["gold"], EKMAN7))
    # as many clips of each corpus, so that the largest does not decide
    chosen: list[int] = []
    names = np.unique(table["corpus"][here])
    for name in names:
        members = here[table["corpus"][here] == name]
        chosen += random.permutation(members)[: options.clips // len(names)].tolist()
    rows = []
    for done, place in enumerate(chosen):
        sound = audio.read(find(str(table["corpus"][place]), str(table["file"][place])))[0]
        for condition, changed in conditions(sound, random):
            row = {"condition": condition, "gold": EKMAN7.index(str(table["gold"][place]))}
            row |= {"logits": ask(changed), "seconds": trimmed(changed).duration_s}
            row |= {"snr_db": quality.measure(changed).snr_db, "corpus": str(table["corpus"][place])}
            rows.append(row)
        if done % 50 == 49:
            print(f"fold {fold}: {done + 1}/{len(chosen)} clips", file=sys.stderr)
    return rows


def find(corpus: str, file: str) -> Path:
    """A clip by its corpus and the name that the held-out table gives it."""
    path = DATA / "audio" / corpus / "audio" / Path(file).name
    if not path.is_file():
        sys.exit(f"no clip {path}: set HEARFELT_DATA to the folder that holds audio/")
    return path


def model(folder: Path) -> Callable[[Audio], np.ndarray]:
    """The model of a fold as a function of a sound: logits in the order of `EKMAN7`."""
    voice = VoiceModel.load(folder)
    order = [voice.labels.index(label) for label in EKMAN7]
    return lambda sound: voice.logits([sound])[0][order]


def trimmed(sound: Audio) -> Audio:
    """The part between the first and the last 20 ms within 40 dB of the loudest."""
    size = round(0.02 * sound.sample_rate_hz)
    n = len(sound.samples) // size
    power = np.square(sound.samples[: n * size].reshape(n, size)).mean(axis=1)
    loud = np.flatnonzero(power >= power.max() * 10 ** (-TRIM_DB / 10))
    rate = sound.sample_rate_hz
    return sound.cut(sound.start_s + loud[0] * size / rate, sound.start_s + (loud[-1] + 1) * size / rate)


def conditions(sound: Audio, random: np.random.Generator) -> list[tuple[str, Audio]]:
    """The clip itself, its middle parts, and itself in noise."""
    speech = trimmed(sound)
    found = [("whole", speech)]
    middle = (speech.start_s + speech.end_s) / 2
    for seconds in SECONDS:
        if seconds <= speech.duration_s:
            found.append((f"{seconds} s", speech.cut(middle - seconds / 2, middle + seconds / 2)))
    level = float(np.square(speech.samples, dtype=np.float64).mean())
    for snr_db in SNRS_DB:
        noise = pink(len(sound.samples), random) * np.sqrt(level * 10 ** (-snr_db / 10))
        mixed = sound.samples + noise
        mixed *= min(1.0, 0.98 / float(np.abs(mixed).max()))
        noisy = Audio(mixed.astype(np.float32), sound.sample_rate_hz)
        found.append((f"{snr_db} dB", noisy.cut(speech.start_s - PAD_S, speech.end_s + PAD_S)))
    return found


def pink(n: int, random: np.random.Generator) -> np.ndarray:
    """Noise whose power falls by 3 dB an octave, of mean power 1."""
    spectrum = np.fft.rfft(random.standard_normal(n))
    spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)), n * 50 / 16000))
    noise = np.fft.irfft(spectrum, n)
    return noise / np.sqrt(np.square(noise).mean())


def report(rows: list[dict[str, Any]]) -> None:
    """Exponent of each condition, and the curves that fit them all."""
    names = [row["condition"] for row in rows]
    p = softmax(np.stack([row["logits"] for row in rows]).astype(np.float64))
    y = np.array([row["gold"] for row in rows])
    seconds, snr = (np.array([row[key] for row in rows]) for key in ("seconds", "snr_db"))
    condition = np.array(names)
    whole = condition == "whole"
    # all conditions share the calibration of whole clips, as they do in use
    calibrated = Temperature(biased=True).fit(p[whole], y[whole])
    terms = ratios(p, calibrated.temperature_, calibrated.bias_)
    table = []
    for name in dict.fromkeys(names):
        here = condition == name
        exponent = float(fit_exponents(terms[here][:, :, None], y[here])[0])
        accuracy = float((terms[here].argmax(axis=1) == y[here]).mean())
        measured = float(np.median(snr[here]))
        table.append([name, int(here.sum()), round(measured, 1), round(accuracy, 3), round(exponent, 3)])
        print(
            f"{name:>7} n={here.sum():5} snr={measured:5.1f} accuracy={accuracy:.3f} r={exponent:.3f}",
            file=sys.stderr,
        )
    timed = np.array([not name.endswith("dB") for name in names])
    scale = best_length(terms[timed], y[timed], seconds[timed])
    midpoint, slope = best_noise(terms[~timed | whole], y[~timed | whole], snr[~timed | whole])
    figures = {"duration_scale_s": scale, "snr_half_db": midpoint, "snr_slope_db": slope}
    used = {key: getattr(reliability.DEFAULT, key) for key in figures}
    print(json.dumps({"best": figures, "used": used, "conditions": table}))


def loss(terms: np.ndarray, y: np.ndarray, trust: np.ndarray) -> float:
    """Loss under a curve, its overall strength refitted."""
    scaled = terms * trust[:, None]
    strength = fit_exponents(scaled[:, :, None], y)[0]
    return nll(softmax(scaled * strength), y)


def best_length(terms: np.ndarray, y: np.ndarray, seconds: np.ndarray) -> float:
    """The length at which the voice is heard at 63 % of its weight."""
    grid = np.geomspace(0.05, 5, 40)
    losses = [loss(terms, y, 1 - np.exp(-seconds / scale)) for scale in grid]
    return round(float(grid[int(np.argmin(losses))]), 2)


def best_noise(terms: np.ndarray, y: np.ndarray, snr: np.ndarray) -> tuple[float, float]:
    """The measured SNR at which the voice is heard at half weight, and the slope."""
    grid = [(float(m), float(s)) for m in np.arange(-10, 25.5, 1) for s in (1, 2, 3, 4, 6, 8, 12)]
    losses = [loss(terms, y, 0.5 * (1 + np.tanh((snr - m) / (2 * s)))) for m, s in grid]
    return grid[int(np.argmin(losses))]


if __name__ == "__main__":
    main()
