"""How well and how fast the shipped text model reads: GoEmotions test split, shipped ONNX file, one core.

    python benchmarks/words.py [--quick]

Protocol: official test split (5,427 texts), thresholds from the shipped ``model.json``, which were chosen on
the development split. ``--quick`` scores the first 1,000 test texts. ``ms_per_sentence`` is the time of one
`TextModel.predict` of one sentence (clean-up, language check, tokenizer, network, map) on one thread: the
mean over sentences of the best of three.
``accepted_alone`` is the share of development texts that the language check lets through one by one,
``accepted_in_dialogue`` the same in a dialogue known to be English, ``chinese_accepted`` the share of Chinese
lines (CPED) that are wrongly taken for English.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from hearfelt.language.words.text import WEIGHTS, TextModel  # noqa: E402
from hearfelt.training.words import scores, tune  # noqa: E402
from hearfelt.types import Segment  # noqa: E402

DATA = Path(os.environ.get("HEARFELT_DATA", ROOT.parent / "shared" / "data"))


def progress(message: str) -> None:
    """A line on standard error."""
    print(message, file=sys.stderr, flush=True)


def measure(model: TextModel, split: tune.Split, count: int) -> dict[str, Any]:
    """F1 and calibration on the first ``count`` texts."""
    targets = split.targets[:count]
    logits = []
    for number, sentence in enumerate(split.texts[:count], 1):
        logits.append(model.logits(sentence))
        if number % 500 == 0:
            progress(f"{number} of {len(targets)} test texts")
    table = np.stack(logits)
    sure = scores.sigmoid(table)
    said = (sure > np.array(model.card["thresholds"])).astype(float)
    groups = scores.grouped(targets)
    said_groups = (scores.grouped(sure) > np.array(model.card["ekman_thresholds"])).astype(float)
    gold = scores.single_gold(targets)
    seven = model.distribution(table)[gold >= 0]
    gold = gold[gold >= 0]
    low, high = scores.interval(targets, said)
    return {
        "texts": len(targets),
        "goemotions_macro_f1": round(float(scores.f1(targets, said).mean()), 4),
        "goemotions_macro_f1_ci95": [round(low, 4), round(high, 4)],
        "goemotions_macro_f1_at_0.3": round(float(scores.f1(targets, sure > 0.3).mean()), 4),
        "goemotions_macro_f1_at_0.5": round(float(scores.f1(targets, sure > 0.5).mean()), 4),
        "ekman_macro_f1": round(float(scores.f1(groups, said_groups).mean()), 4),
        "seven_accuracy": round(float((seven.argmax(1) == gold).mean()), 4),
        "seven_uar": round(scores.recall(seven, gold), 4),
        "seven_ece": round(scores.ece(seven, gold), 4),
    }


def milliseconds(model: TextModel, sentences: tuple[str, ...]) -> float:
    """Mean over sentences of the best of three times, so that other work on the machine does not count."""
    here = Segment(0.0, 1.0)
    best = []
    for sentence in sentences:
        taken = []
        for _ in range(3):
            begin = time.perf_counter()
            model.predict([(sentence, here)], "en")
            taken.append(time.perf_counter() - begin)
        best.append(min(taken))
    return float(np.mean(best)) * 1000


def accepted(model: TextModel, sentences: list[str], language: str | None = None) -> float:
    """Share of texts that yield evidence."""
    return float(np.mean([not model.why_not(sentence, language) for sentence in sentences]))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="the first 1,000 test texts")
    quick = parser.parse_args().quick
    model = TextModel.load(threads=1)
    splits = tune.load(DATA / "text" / "goemotions" / "goemotions.parquet")
    figures = measure(model, splits["test"], 1000 if quick else len(splits["test"].texts))
    progress("timing one sentence at a time")
    figures["ms_per_sentence"] = round(milliseconds(model, splits["test"].texts[: 200 if quick else 500]), 2)
    files = [WEIGHTS / name for name in ("model.onnx", "tokenizer.json")]
    figures["model_mb"] = round(sum(file.stat().st_size for file in files) / 1e6, 2)
    progress("language check")
    own = list(splits["dev"].texts[: 1000 if quick else None])
    figures["accepted_alone"] = round(accepted(model, own), 4)
    figures["accepted_in_dialogue"] = round(accepted(model, own, "en"), 4)
    chinese = DATA / "text" / "cped" / "cped_valid_test.parquet"
    if chinese.is_file():
        import pandas as pd

        lines = [str(line) for line in pd.read_parquet(chinese)["Utterance"][:2000]]
        figures["chinese_accepted"] = round(accepted(model, lines), 4)
    figures["quick"] = quick
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
