"""How near our 88 functionals are to openSMILE's, and what they are worth to a linear SVM.

Over all files of EmoDB and RAVDESS: the Pearson correlation of each functional with openSMILE's eGeMAPSv02,
and the unweighted average recall (UAR) of a linear SVM on either set, EmoDB leave one speaker out and
RAVDESS on EmoBox's six folds (speakers held out). Both sets get the same pipeline: z-normalisation fitted on
the training speakers, then SVC(kernel="linear", C=0.01, class_weight="balanced"), the C that is best for
openSMILE among 0.01, 0.1 and 1. UAR is over the held-out predictions of all folds together. The time of
both is that of this process on one core.

Where the two differ, Praat is asked: jitter, shimmer, HNR and formants of every sixth file of EmoDB by
Praat's own algorithms (praat-parselmouth), and the correlation of either set with them.

    python benchmarks/features.py [--quick] [--table FILE]

--quick takes every fourth file of EmoDB (Praat: every twelfth) and every eleventh of RAVDESS. --table writes
the correlations as Markdown. Feature matrices are kept in runs/features (git-ignored) under a hash of the
code that made them.
The corpora are looked for in HEARFELT_DATA, else in ../shared/data.
"""

# ruff: noqa: E402 - the number of threads must be set before numpy is loaded
from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import argparse
import csv
import hashlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

from hearfelt.features.frames import FrameOptions
from hearfelt.features.functionals import NAMES, Functionals
from hearfelt.features.opensmile import OpenSmile
from hearfelt.types import Audio, Features

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / "runs" / "features"
QUICK = {"emodb": 4, "ravdess": 11}


def data_dir() -> Path:
    """The folder of real corpora."""
    folder = Path(os.environ.get("HEARFELT_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "audio").is_dir():
        sys.exit("no corpora: set HEARFELT_DATA to the folder that holds audio/ and emobox/")
    return folder


def code_hash() -> str:
    """A short hash of the code that measures."""
    digest = hashlib.sha256()
    for name in ("frames", "pitch", "spectrum", "formants", "voice_quality", "functionals"):
        digest.update((ROOT / "src/hearfelt/features" / f"{name}.py").read_bytes())
    return digest.hexdigest()[:12]


def rows(corpus: str, quick: bool) -> list[dict[str, str]]:
    """The manifest of a corpus, in the order of its file names."""
    with (data_dir() / "audio" / corpus / "manifest.csv").open(encoding="utf-8", newline="") as lines:
        table = sorted(csv.DictReader(lines), key=lambda row: row["file"])
    return table[:: QUICK[corpus]] if quick else table


def matrix(
    corpus: str, quick: bool, name: str, extractor: Callable[[Audio], Features]
) -> tuple[np.ndarray, float]:
    """Functionals (n, 88) of a corpus and the real-time factor it took, from the cache where it is there."""
    file = CACHE / f"{corpus}-{QUICK[corpus] if quick else 1}-{name}.npz"
    if file.exists():
        stored = np.load(file)
        return stored["values"], float(stored["rtf"])
    folder = data_dir() / "audio" / corpus / "audio"
    values, cost, length = [], 0.0, 0.0
    table = rows(corpus, quick)
    for index, row in enumerate(table):
        samples, rate = soundfile.read(folder / row["file"], dtype="float32")
        audio = Audio(samples, rate)
        start = time.process_time()
        values.append(extractor(audio).values[0])
        cost += time.process_time() - start
        length += audio.duration_s
        if index % 100 == 0:
            print(f"{name} {corpus} {index}/{len(table)}", file=sys.stderr)
    CACHE.mkdir(parents=True, exist_ok=True)
    np.savez(file, values=np.array(values), rtf=cost / length)
    return np.array(values), cost / length


def correlations(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """Pearson r of each column; 0 for a constant one."""
    a = ours - ours.mean(axis=0, dtype=np.float64)
    b = theirs - theirs.mean(axis=0, dtype=np.float64)
    return (a * b).sum(axis=0) / np.maximum(np.sqrt((a * a).sum(axis=0) * (b * b).sum(axis=0)), 1e-12)


def recall(values: np.ndarray, labels: np.ndarray, folds: list[tuple[np.ndarray, np.ndarray]]) -> float:
    """UAR in percent over the held-out predictions of all folds (train, test) together."""
    from sklearn.metrics import recall_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    truth, guess = [], []
    for train, test in folds:
        model = make_pipeline(StandardScaler(), SVC(kernel="linear", C=0.01, class_weight="balanced"))
        model.fit(values[train], labels[train])
        truth.append(labels[test])
        guess.append(model.predict(values[test]))
    score = recall_score(np.concatenate(truth), np.concatenate(guess), average="macro", zero_division=0)
    return round(100 * float(score), 2)


PRAAT = ("jitterLocal", "shimmerLocaldB", "HNRdBACF", "F1frequency", "F2frequency", "F3frequency")
"""Stems of the functionals that Praat measures too."""


def by_praat(file: Path) -> list[float]:
    """Local jitter, local shimmer in dB, mean HNR, and the mean formants of the voiced frames, by Praat."""
    import parselmouth
    from parselmouth.praat import call

    sound = parselmouth.Sound(str(file))
    periods = call(sound, "To PointProcess (periodic, cc)", 60, 600)
    pitch = sound.to_pitch_ac(time_step=0.01, pitch_floor=60.0, pitch_ceiling=600.0)
    formant = sound.to_formant_burg(time_step=0.01, max_number_of_formants=5, maximum_formant=5500.0)
    harmonicity = sound.to_harmonicity_cc(time_step=0.01, minimum_pitch=60.0).values
    times = [time for time in pitch.xs() if pitch.get_value_at_time(time) > 0]
    return [
        call(periods, "Get jitter (local)", 0, 0, 0.0001, 0.02, 1.3),
        call([sound, periods], "Get shimmer (local_dB)", 0, 0, 0.0001, 0.02, 1.3, 1.6),
        float(harmonicity[harmonicity > -100].mean()),
        *(float(np.nanmean([formant.get_value_at_time(n, time) for time in times])) for n in (1, 2, 3)),
    ]


def against_praat(found: dict[str, dict[str, np.ndarray]], quick: bool) -> dict[str, float]:
    """Correlation of ours and of openSMILE's means with Praat's, over every sixth file of EmoDB."""
    table = rows("emodb", quick)
    chosen = range(0, len(table), 3 if quick else 6)
    folder = data_dir() / "audio" / "emodb" / "audio"
    praat = np.array([by_praat(folder / table[index]["file"]) for index in chosen])
    columns = [NAMES.index(f"{stem}_sma3nz_amean") for stem in PRAAT]
    figures = {}
    for key in ("ours", "opensmile"):
        r = correlations(found[key]["emodb"][list(chosen)][:, columns], praat)
        for stem, value in zip(PRAAT, r, strict=True):
            figures[f"praat_r_{stem}_{key}"] = round(float(value), 3)
    return figures


def ranks(values: np.ndarray) -> np.ndarray:
    """Place of each value in its column (ties in order of appearance)."""
    return values.argsort(axis=0, kind="stable").argsort(axis=0).astype(np.float64)


def speaker_folds(table: list[dict[str, str]]) -> list[tuple[np.ndarray, np.ndarray]]:
    """One fold a speaker."""
    speakers = np.array([row["speaker"] for row in table])
    return [(np.flatnonzero(speakers != s), np.flatnonzero(speakers == s)) for s in sorted(set(speakers))]


def emobox_folds(table: list[dict[str, str]]) -> list[tuple[np.ndarray, np.ndarray]]:
    """EmoBox's folds of RAVDESS."""
    place = {Path(row["file"]).stem: index for index, row in enumerate(table)}
    folds = []
    for number in range(1, 7):
        parts = []
        for part in ("train", "test"):
            file = data_dir() / "emobox" / "ravdess" / f"ravdess_{part}_fold_{number}.jsonl"
            names = [
                Path(json.loads(line)["wav"]).stem for line in file.read_text(encoding="utf-8").splitlines()
            ]
            parts.append(np.array([place[name] for name in names if name in place], dtype=np.intp))
        folds.append((parts[0], parts[1]))
    return folds


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a stated subset, at most a minute")
    parser.add_argument("--table", type=Path, help="write the correlations as Markdown")
    options = parser.parse_args()
    code = code_hash()
    sets = {
        "ours": (f"ours-{code}", Functionals()),
        "compatible": (f"compatible-{code}", Functionals(FrameOptions(convention="opensmile"))),
        "opensmile": ("opensmile", OpenSmile()),
    }
    found: dict[str, dict[str, np.ndarray]] = {}
    cost: dict[str, list[float]] = {}
    for key, (name, extractor) in sets.items():
        for corpus in ("emodb", "ravdess"):
            values, rtf = matrix(corpus, options.quick, name, extractor)
            found.setdefault(key, {})[corpus] = values
            cost.setdefault(key, []).append(rtf)
    both = {key: np.concatenate([by["emodb"], by["ravdess"]]) for key, by in found.items()}
    r = {key: correlations(both[key], both["opensmile"]) for key in ("ours", "compatible")}
    r["ranks"] = correlations(ranks(both["ours"]), ranks(both["opensmile"]))
    for index, name in enumerate(NAMES):
        print(name, *(f"{r[key][index]:.3f}" for key in ("ours", "ranks", "compatible")), file=sys.stderr)
    if options.table:
        write_table(options.table, r)
    at = {name: index for index, name in enumerate(NAMES)}
    mfcc = [at[f"mfcc{n}_sma3_amean"] for n in (1, 2, 3, 4)]
    figures: dict[str, float] = {
        "median_r": round(float(np.median(r["ours"])), 4),
        "f0_r": round(float(r["ours"][at["F0semitoneFrom27.5Hz_sma3nz_amean"]]), 4),
        "loudness_r": round(float(r["ours"][at["loudness_sma3_amean"]]), 4),
        "mfcc_r": round(float(r["ours"][mfcc].min()), 4),
        "median_r_compatible": round(float(np.median(r["compatible"])), 4),
    }
    figures |= recalls(found, options.quick)
    figures |= against_praat(found, options.quick)
    figures |= {
        "functionals_rtf": round(float(np.mean(cost["ours"])), 5),
        "opensmile_egemaps_rtf": round(float(np.mean(cost["opensmile"])), 5),
        "files": len(both["ours"]),
    }
    print(json.dumps(figures))


def recalls(found: dict[str, dict[str, np.ndarray]], quick: bool) -> dict[str, float]:
    """UAR of each set under both protocols."""
    figures = {}
    for corpus, title, cut in (
        ("emodb", "emodb_loso", speaker_folds),
        ("ravdess", "ravdess_emobox", emobox_folds),
    ):
        table = rows(corpus, quick)
        labels = np.array([row["emotion"] for row in table])
        for key, suffix in (("ours", ""), ("opensmile", "_opensmile"), ("compatible", "_compatible")):
            figures[f"{title}_uar{suffix}"] = recall(found[key][corpus], labels, cut(table))
            print(f"{title} {key}: {figures[f'{title}_uar{suffix}']}", file=sys.stderr)
    return figures


def write_table(path: Path, r: dict[str, np.ndarray]) -> None:
    """The correlations as a Markdown table."""
    lines = ["| functional | r | r, convention openSMILE |", "|---|---|---|"]
    lines += [
        f"| {n} | {a:.3f} | {b:.3f} |" for n, a, b in zip(NAMES, r["ours"], r["compatible"], strict=True)
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
