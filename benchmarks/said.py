"""Does what is said give the label away? What a nearest neighbour reaches that hears words and no emotion.

    python benchmarks/said.py [--quick] [--save] [--corpora savee,emodb,ravdess,nemo]

Each clip gets the label of the clip of another speaker that sounds most alike by dynamic time warping (Sakoe,
Chiba 1978, symmetric, without slope limits) of 13 cepstra and their slopes every 30 ms, each of mean 0 and
deviation 1 in the clip: level, room and tempo are taken out, the succession of sounds is left. No model, no
training, nothing chosen on scores.

`said_ua` is the mean UA over SAVEE's speakers, as EmoBox's folds hold them out. SAVEE's actors read three
sentences in every emotion (`common`) and all others in one emotion, or in that one and neutrally (S. Haq,
P. Jackson, AVSP 2009). The code at the end of a file's name is the sentence. `without_same_sentence`: the
neighbour may not say the same code. `ours` is the finished run savee_emobox, looked for in runs/,
`svm_compare` ComParE of openSMILE with a linear SVM, where both are installed. The other corpora have every
sentence in every emotion; 600 clips of each are drawn. Ends with one line of JSON. --quick takes 120 clips of
SAVEE; --save writes benchmarks/results/said.json.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import numpy.typing as npt

from hearfelt import audio
from hearfelt.datasets import corpora
from hearfelt.errors import CorpusError, MissingExtraError
from hearfelt.evaluation import metrics, protocols
from hearfelt.features.logmel import LogMel, LogMelOptions
from hearfelt.training import systems
from hearfelt.types import Example, FloatArray

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("HEARFELT_DATA", ROOT.parent / "shared" / "data"))
SAVED = ROOT / "benchmarks" / "results" / "said.json"
RUN = ROOT / "runs" / "savee_emobox" / "heldout.npz"
CEPSTRA = 13
FLOOR = 13.8  # nats under the loudest bin: 60 dB
TOGETHER = 150  # clips compared with one at a time: as much as a processor's cache holds
MOST = 600


def cepstra(logmel: FloatArray) -> FloatArray:
    """Cepstra and their slopes over five frames, ``(n_frames, n_mels)`` to float32 ``(n_frames, 26)``."""
    n_mels = logmel.shape[1]
    waves = np.cos(np.pi / n_mels * np.outer(np.arange(n_mels) + 0.5, np.arange(1, CEPSTRA + 1)))
    found = np.maximum(logmel, logmel.max() - FLOOR) @ waves
    found = (found - found.mean(axis=0)) / (found.std(axis=0) + 1e-3)
    padded = np.pad(found, ((2, 2), (0, 0)), mode="edge")
    slopes = 2 * (padded[4:] - padded[:-4]) + padded[3:-1] - padded[1:-3]
    slopes /= slopes.std(axis=0) + 1e-3
    return np.concatenate((found, slopes), axis=1).astype(np.float32)


def distances(one: FloatArray, others: Sequence[FloatArray]) -> FloatArray:
    """Mean Euclidean distance along the best path from one sequence to each of the others."""
    order = np.argsort([len(other) for other in others], kind="stable")
    found = np.empty(len(others), dtype=np.float32)
    for first in range(0, len(order), TOGETHER):
        chosen = order[first : first + TOGETHER]
        found[chosen] = warped(one, [others[i] for i in chosen])
    return found


def warped(one: FloatArray, others: Sequence[FloatArray]) -> FloatArray:
    """`distances`, all at once: one antidiagonal of all their matrices after the other."""
    n, lengths = len(one), np.array([len(other) for other in others])
    longest = int(lengths.max())
    cost = np.zeros((n, longest, len(others)), dtype=np.float32)
    norm = np.vecdot(one, one)
    for k, other in enumerate(others):
        square = norm[:, None] + np.vecdot(other, other) - 2 * one @ other.T
        cost[:, : len(other), k] = np.sqrt(np.maximum(square, 0))
    rows = np.arange(n)
    last = np.full((n + 1, len(others)), np.inf, dtype=np.float32)
    before, found = last.copy(), np.empty(len(others), dtype=np.float32)
    before[0] = 0  # the only way in: from the corner, where the first step counts twice
    for diagonal in range(n + longest - 1):
        inside = slice(max(0, diagonal - longest + 1), min(n, diagonal + 1))
        step = cost[rows[inside], diagonal - rows[inside]]
        here = slice(inside.start + 1, inside.stop + 1)
        now = np.full_like(last, np.inf)
        now[here] = np.minimum(np.minimum(last[here], last[inside]) + step, before[inside] + 2 * step)
        before, last = last, now
        ended = lengths - 1 == diagonal - (n - 1)
        found[ended] = last[n, ended]
    return found / (n + lengths)


def compared(examples: Sequence[Example]) -> FloatArray:
    """Distances of all clips of different speakers, infinite within a speaker, ``(n, n)``."""
    extract = LogMel(LogMelOptions(trim_db=40.0, hop_ms=30.0))
    sounds = [audio.read(Path(e.file), sample_rate_hz=extract.options.sample_rate_hz)[0] for e in examples]
    heard = [cepstra(extract(sound).values) for sound in sounds]
    speakers = np.array([e.speaker for e in examples])
    found = np.full((len(examples), len(examples)), np.inf, dtype=np.float32)
    for i in range(len(examples)):
        rest = np.flatnonzero(speakers[i + 1 :] != speakers[i]) + i + 1
        if len(rest):
            found[i, rest] = found[rest, i] = distances(heard[i], [heard[j] for j in rest])
    return found


def ua(gold: npt.NDArray[Any], answers: npt.NDArray[Any], speakers: npt.NDArray[Any]) -> float:
    """Mean UA over speakers."""
    each = [metrics.uar(gold[speakers == s], answers[speakers == s]) for s in np.unique(speakers)]
    return round(float(np.mean(each)), 4)


def nearest(examples: Sequence[Example], sentences: npt.NDArray[Any]) -> dict[str, Any]:
    """What the nearest neighbours say; sentences are compared as they are written."""
    apart = compared(examples)
    gold, speakers = (np.array([getattr(e, name) for e in examples]) for name in ("gold", "speaker"))
    own = apart.argmin(axis=1)
    other = np.where(sentences[:, None] == sentences, np.inf, apart).argmin(axis=1)
    return {
        "clips": len(examples),
        "chance": round(1 / len(np.unique(gold)), 4),
        "same_sentence": round(float(np.mean(sentences[own] == sentences)), 4),
        "ua": ua(gold, gold[own], speakers),
        "without_same_sentence": ua(gold, gold[other], speakers),
        "answers": gold[own],
    }


def is_common(code: str) -> bool:
    """Whether SAVEE's actors say this sentence in every emotion; neutrally it was said twice."""
    number = int(code[-2:])
    return number <= 3 or (code[0] == "n" and 16 <= number <= 18)


def parts(gold: npt.NDArray[Any], answers: npt.NDArray[Any], codes: Sequence[str]) -> dict[str, float]:
    """UA over all clips, over sentences said in every emotion, and over the others."""
    speakers = np.array([code.split("_")[0] for code in codes])
    common = np.array([is_common(code) for code in codes])
    masks = {"all": np.ones(len(common), dtype=bool), "common": common, "rest": ~common}
    return {name: ua(gold[m], answers[m], speakers[m]) for name, m in masks.items()}


def svm(examples: Sequence[Example]) -> npt.NDArray[Any]:
    """What ComParE with a linear SVM says of each speaker, learnt from the others."""
    answers = np.empty(len(examples), dtype=object)
    speakers = np.array([e.speaker for e in examples])
    for speaker in np.unique(speakers):
        system = systems.make("svm-compare", cache=ROOT / "runs" / "features")
        system.fit([e for e in examples if e.speaker != speaker])
        test = np.flatnonzero(speakers == speaker)
        likeliest = system.predict_proba([examples[i] for i in test.tolist()]).argmax(axis=1)
        answers[test] = np.array(system.classes_)[likeliest]
    return answers.astype(str)


def savee(examples: Sequence[Example]) -> dict[str, Any]:
    """The neighbours and the finished run, over sentences said in every emotion and over the others."""
    codes = [Path(e.file).stem for e in examples]
    found = nearest(examples, np.array([code.split("_")[1] for code in codes]))
    gold = np.array([e.gold for e in examples])
    found["parts"] = parts(gold, found.pop("answers"), codes)
    try:
        found["svm_compare"] = parts(gold, svm(examples), codes)
    except MissingExtraError as error:
        print(error, file=sys.stderr)
    if RUN.is_file():
        held = protocols.load(RUN)
        found["ours"] = parts(held.gold, held.predicted, [Path(file).stem for file in held.file])
    return found


def drawn(examples: Sequence[Example], most: int) -> list[Example]:
    """As many at random, in order."""
    chosen = np.random.default_rng(0).choice(len(examples), min(most, len(examples)), replace=False)
    return [examples[i] for i in sorted(chosen.tolist())]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--save", action="store_true", help="write benchmarks/results/said.json")
    parser.add_argument("--corpora", default="savee,emodb,ravdess,nemo")
    options = parser.parse_args()
    results: dict[str, Any] = {}
    for name in ["savee"] if options.quick else options.corpora.split(","):
        began = time.process_time()
        try:
            examples = drawn(corpora.read(name, DATA), 120 if options.quick else MOST)
        except CorpusError as error:
            print(error, file=sys.stderr)
            continue
        if name == "savee":
            results[name] = savee(examples)
        else:
            results[name] = nearest(examples, np.array([e.text for e in examples]))
            del results[name]["answers"]
        print(
            f"{name}: {time.process_time() - began:.0f} s of processor time {results[name]}", file=sys.stderr
        )
    if options.save:
        SAVED.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({"said_ua": results["savee"]["ua"], **results} if "savee" in results else results))


if __name__ == "__main__":
    main()
