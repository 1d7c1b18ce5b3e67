"""What denoising does to recognition: UAR at 0, 10 and 20 dB SNR with and without it.

    python benchmarks/denoise.py [--quick] [--clips 420]

Noises are made: white, pink, and babble (six clips of another corpus at once). Each clip has half a second of
the noise before and after it, as in a call. The SNR is that of the stretches with speech. Denoising is
`hearfelt.audio.denoise` as `--denoise` uses it.

Two systems are asked, those that are there:
* held_out: the finished folds of `runs/base`, each on the speakers that it left out (the shipped weights have
  heard all of them, so they cannot be asked about these clips);
* shipped: the weights of the package on SAVEE, a corpus they have never heard (other speakers, other texts).

Clips are drawn evenly over the labels by a fixed seed. The gain is the mean over the three noises, in points
of UAR, with a 95 % bootstrap interval over clips. Ends with one line of JSON. --quick takes 70 clips.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hearfelt import audio
from hearfelt.audio.denoise import denoise
from hearfelt.datasets import corpora, manifest
from hearfelt.errors import HearfeltError
from hearfelt.evaluation.metrics import uar
from hearfelt.models.onnx import VoiceModel
from hearfelt.types import Audio, Example

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("HEARFELT_DATA", ROOT.parent / "shared" / "data"))
RUN = ROOT / "runs" / "base"
WEIGHTS = ROOT / "src" / "hearfelt" / "weights" / "base"
RATE = 16000
NOISES = ("white", "pink", "babble")
SNRS_DB = (0, 10, 20)
AROUND = RATE // 2

Samples = npt.NDArray[np.float32]
Predict = Callable[[Sequence[Audio]], list[str]]


@dataclass(frozen=True)
class System:
    """A recogniser, asked for all its clips in their order, and the clips, which it has not learnt from."""

    name: str
    protocol: str
    predict: Predict
    examples: Sequence[Example]
    babblers: Sequence[Example]


def say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


def draw(examples: Sequence[Example], count: int, seed: int = 1) -> list[Example]:
    """Clips drawn evenly over the labels."""
    random = np.random.default_rng(seed)
    labels = sorted({str(e.gold) for e in examples})
    chosen: list[Example] = []
    for label in labels:
        pool = [e for e in examples if e.gold == label]
        order = random.permutation(len(pool))[: max(1, count // len(labels))]
        chosen += [pool[i] for i in order]
    return chosen


def speech_power(samples: Samples) -> float:
    """Mean power of the 20 ms frames within 35 dB of the loudest."""
    frames = samples[: len(samples) // 320 * 320].reshape(-1, 320)
    powers = np.mean(np.square(frames, dtype=np.float64), axis=1)
    return float(powers[powers >= powers.max() * 10**-3.5].mean())


def make_noise(kind: str, length: int, babblers: Sequence[Samples], random: np.random.Generator) -> Samples:
    """Noise of power 1."""
    if kind == "babble":
        sound = np.zeros(length)
        for i in random.choice(len(babblers), 6, replace=False):
            voice = babblers[i] / np.sqrt(speech_power(babblers[i]))
            sound += np.resize(np.roll(voice, int(random.integers(len(voice)))), length)
    else:
        spectrum = np.fft.rfft(random.standard_normal(length))
        if kind == "pink":
            spectrum /= np.sqrt(np.maximum(np.fft.rfftfreq(length, 1 / RATE), 20.0))
        sound = np.fft.irfft(spectrum, length)
    return (sound / np.sqrt(np.mean(sound**2))).astype(np.float32)


def mix(clean: Samples, kind: str, snr_db: float, babblers: Sequence[Samples], seed: int) -> Samples:
    """The clip in noise, half a second of the noise before and after it."""
    random = np.random.default_rng([seed, NOISES.index(kind)])
    noise = make_noise(kind, len(clean) + 2 * AROUND, babblers, random)
    noise *= np.float32(np.sqrt(speech_power(clean)) * 10 ** (-snr_db / 20))
    noise[AROUND : AROUND + len(clean)] += clean
    return np.clip(noise, -1, 1)


def cut(samples: Samples) -> Audio:
    """The clip again, without what stands around it."""
    return Audio(samples[AROUND:-AROUND], RATE)


def measure(
    predict: Predict, clips: Sequence[Samples], gold: Sequence[str], babblers: Sequence[Samples]
) -> dict[str, float]:
    """UAR in every condition, in percent; the gain of denoising at each SNR; the cost of denoising."""
    answers: dict[str, list[str]] = {}
    silence = np.zeros(AROUND, np.float32)
    around = [np.concatenate([silence, clip, silence]) for clip in clips]
    answers["clean"] = predict([Audio(clip, RATE) for clip in clips])
    answers["clean_denoised"] = predict([cut(denoise(Audio(x, RATE)).samples) for x in around])
    spent, heard = 0.0, 0.0
    for kind in NOISES:
        for snr_db in SNRS_DB:
            dirty = [mix(clip, kind, snr_db, babblers, i) for i, clip in enumerate(clips)]
            began = time.process_time()
            cleaned = [denoise(Audio(x, RATE)).samples for x in dirty]
            spent += time.process_time() - began
            heard += sum(len(x) for x in dirty) / RATE
            name = f"{kind}_{snr_db}db"
            answers[name] = predict([cut(x) for x in dirty])
            answers[f"{name}_denoised"] = predict([cut(x) for x in cleaned])
            plain, helped = uar(gold, answers[name]), uar(gold, answers[f"{name}_denoised"])
            say(f"  {kind} {snr_db} dB: UAR {100 * plain:.1f} %, denoised {100 * helped:.1f} %")
    figures = {f"{name}_uar": round(100 * uar(gold, found), 2) for name, found in answers.items()}
    figures |= gains(answers, gold)
    figures["denoise_rtf"] = round(spent / heard, 5)
    return figures


def gains(answers: dict[str, list[str]], gold: Sequence[str], rounds: int = 500) -> dict[str, float]:
    """Points of UAR that denoising brings at each SNR, mean over the noises, with a 95 % interval."""
    random = np.random.default_rng(0)
    truth = np.asarray(gold)
    hits = {name: np.asarray(found) == truth for name, found in answers.items()}
    members = [np.flatnonzero(truth == label) for label in sorted(set(gold))]
    picks = [[random.choice(m, len(m)) for m in members] for _ in range(rounds)]
    found: dict[str, float] = {}
    for snr_db in SNRS_DB:

        def gain(groups: Sequence[npt.NDArray[np.intp]], snr_db: int = snr_db) -> float:
            difference = [
                hits[f"{kind}_{snr_db}db_denoised"].astype(float) - hits[f"{kind}_{snr_db}db"]
                for kind in NOISES
            ]
            return float(100 * np.mean([d[group].mean() for d in difference for group in groups]))

        low, high = np.percentile([gain(pick) for pick in picks], [2.5, 97.5])
        found[f"gain_{snr_db}db"] = round(gain(members), 2)
        found[f"gain_{snr_db}db_low"], found[f"gain_{snr_db}db_high"] = round(low, 2), round(high, 2)
    return found


def table(name: str, figures: dict[str, float]) -> str:
    """The figures as Markdown."""
    lines = [f"{name}: UAR in %, plain / denoised", "| noise | 0 dB | 10 dB | 20 dB |", "|---|---|---|---|"]
    for kind in NOISES:
        cells = [
            f"{figures[f'{kind}_{s}db_uar']:.1f} / {figures[f'{kind}_{s}db_denoised_uar']:.1f}"
            for s in SNRS_DB
        ]
        lines.append(f"| {kind} | {' | '.join(cells)} |")
    cells = []
    for s in SNRS_DB:
        gain, low, high = (figures[f"gain_{s}db{end}"] for end in ("", "_low", "_high"))
        cells.append(f"{gain:+.1f} ({low:+.1f} to {high:+.1f})")
    lines.append(f"| gain | {' | '.join(cells)} |")
    clean = f"{figures['clean_uar']:.1f} / {figures['clean_denoised_uar']:.1f}"
    return "\n".join([*lines, f"Without noise: {clean}."])


def label(model: VoiceModel, sound: Audio) -> str:
    """The label with the highest probability."""
    return str(model.predict([sound])[0].emotion.label)


def shipped(count: int) -> System | None:
    """The weights of the package on the corpus they have not heard."""
    if not (WEIGHTS / "model.onnx").is_file():
        say(f"no shipped weights at {WEIGHTS.relative_to(ROOT)}")
        return None
    model = VoiceModel.load(WEIGHTS)
    heard = manifest.relabel(corpora.read("savee", DATA), mapping={}, drop=(), labels=model.labels)
    return System(
        "shipped",
        "shipped weights on SAVEE, which they have not heard",
        lambda sounds: [label(model, sound) for sound in sounds],
        draw(heard, count),
        corpora.read("emodb", DATA),
    )


def held_out(count: int) -> System | None:
    """The finished folds of the shipped recipe, each on the speakers that it left out."""
    models: dict[str, VoiceModel] = {}
    examples: list[Example] = []
    for folder in sorted(RUN.glob("fold*")):
        if not (folder / "model.onnx").is_file() or not (folder / "heldout.npz").is_file():
            continue
        with np.load(folder / "heldout.npz") as table:
            left = zip(table["corpus"].tolist(), table["file"].tolist(), table["gold"].tolist(), strict=True)
        models[folder.name] = VoiceModel.load(folder)
        for corpus, file, gold in left:
            path = DATA / "audio" / corpus / "audio" / file
            examples.append(Example(str(path), gold, corpus=corpus, split=folder.name))
    if not models:
        say(f"no finished fold under {RUN.relative_to(ROOT)}: make one by the recipe recipes/base.toml")
        return None
    drawn = draw(examples, count)

    def predict(sounds: Sequence[Audio]) -> list[str]:
        return [label(models[str(e.split)], sound) for e, sound in zip(drawn, sounds, strict=True)]

    protocol = f"{', '.join(models)} of recipes/base.toml, each on the speakers it left out"
    return System("held_out", protocol, predict, drawn, corpora.read("savee", DATA))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="70 clips")
    parser.add_argument("--clips", type=int, default=420)
    options = parser.parse_args()
    count = 70 if options.quick else options.clips
    found: dict[str, object] = {"clips": count}
    try:
        systems = [system for system in (held_out(count), shipped(count)) if system]
        for system in systems:
            say(f"{system.protocol}: {len(system.examples)} clips")
            clips = [audio.read(e.file)[0].samples for e in system.examples]
            babblers = [audio.read(e.file)[0].samples for e in draw(system.babblers, 60)]
            figures = measure(system.predict, clips, [str(e.gold) for e in system.examples], babblers)
            say(table(system.protocol, figures))
            found |= {f"{system.name}_{key}": value for key, value in figures.items()}
    except HearfeltError as error:
        raise SystemExit(str(error)) from None
    print(json.dumps(found))


if __name__ == "__main__":
    main()
