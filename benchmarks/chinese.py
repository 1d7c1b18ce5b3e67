"""How good the Chinese text model is beside the majority class and a linear model on character n-grams.

    python -m hearfelt.training.words.chinese_run recipes/words-zh.toml --run runs/words-zh
    python benchmarks/chinese.py [--quick] [--weights runs/words-zh/weights]

Protocol: learnt from CPED's valid part (11,137 lines of 5 TV series), chosen on series held out of it, scored
on the test part (27,438 lines of 9 other series) with the ONNX file of the run. ``--quick`` scores the first
2,000 test lines and leaves the intervals wide. The linear model: TF-IDF of 1 to 3 characters hashed to 16,384
columns, multinomial logistic regression (C = 1); its balance of labels is chosen as that of the network.
``cped_macro_f1`` is the model's macro-F1 over 13 labels. It is not shipped: docs/language.md says why.
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

from hearfelt.fusion.calibrate import softmax  # noqa: E402
from hearfelt.fusion.combine import ratios  # noqa: E402
from hearfelt.fusion.learned import Calibration  # noqa: E402
from hearfelt.language.words.cped import LABELS  # noqa: E402
from hearfelt.language.words.text import TextModel  # noqa: E402
from hearfelt.training.recipe import read  # noqa: E402
from hearfelt.training.watch import say  # noqa: E402
from hearfelt.training.words import chinese, chinese_release  # noqa: E402
from hearfelt.training.words.chinese import ChineseRecipe, Lines  # noqa: E402

DATA = Path(os.environ.get("HEARFELT_DATA", ROOT.parent / "shared" / "data"))
WEIGHTS = ROOT / "runs" / "words-zh" / "weights"
FILES = ("model.onnx", "tokenizer.json", "model.json")
KEPT = (
    "macro_f1",
    "macro_f1_ci95",
    "macro_f1_likeliest",
    "weighted_f1",
    "weighted_f1_likeliest",
    "accuracy_likeliest",
    "log_loss",
    "seven_accuracy",
    "seven_uar",
    "seven_uar_ci95",
    "seven_macro_f1",
    "seven_weighted_f1",
    "seven_ece",
    "seven_gain_nats",
    "seven_gain_nats_ci95",
)


def linear(texts: tuple[str, ...], labels: np.ndarray, asked: tuple[str, ...]) -> np.ndarray:
    """Log-probabilities ``(n, 13)`` of a linear model on hashed character n-grams."""
    from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    counts = HashingVectorizer(
        analyzer="char", ngram_range=(1, 3), n_features=2**14, alternate_sign=False, norm=None
    )
    model = make_pipeline(
        counts, TfidfTransformer(sublinear_tf=True), LogisticRegression(C=1.0, max_iter=200)
    )
    model.fit(list(texts), labels)
    found = np.full((len(asked), len(LABELS)), np.log(1e-6))
    found[:, model.classes_] = np.log(np.maximum(model.predict_proba(list(asked)), 1e-6))
    return found


def linear_figures(learn: Lines, test: Lines, folds: tuple[tuple[str, ...], ...]) -> dict[str, Any]:
    """The linear model, chosen and scored as the network is."""
    held_out = np.zeros((len(learn.texts), len(LABELS)))
    for known, asked in chinese.parts(learn, folds):
        texts = tuple(learn.texts[i] for i in known)
        held_out[asked] = linear(texts, learn.labels[known], tuple(learn.texts[i] for i in asked))
    card = chinese_release.chosen(held_out, learn.labels)
    return chinese_release.measured(linear(learn.texts, learn.labels, test.texts), test, card)


def majority_figures(learn: Lines, test: Lines) -> dict[str, Any]:
    """What the shares of the training labels give, whatever is said."""
    shares = np.maximum(np.bincount(learn.labels, minlength=len(LABELS)) / len(learn.labels), 1e-6)
    groups = chinese_release.seven(learn.labels)
    prior = np.bincount(groups[groups >= 0], minlength=7) / (groups >= 0).sum()
    thirteen = np.tile(shares, (len(test.texts), 1))
    seven = np.tile(prior, (len(test.texts), 1))
    return chinese_release.figures(thirteen, seven, test, shares, prior, 0.0, test.dialogues)


def reading(logits: np.ndarray, test: Lines, model: TextModel) -> dict[str, dict[str, float]]:
    """How fusion should read the model: by the figures of the English text model, or by its own shares.

    Macro-averages over seven labels, as if all were equally frequent: UAR, and the log-loss of a reading at
    full weight (knowing nothing: log 7 = 1.946).
    """
    groups = chinese_release.seven(test.labels)
    found, gold = model.distribution(logits[groups >= 0]), groups[groups >= 0]
    shipped = Calibration.load()
    own = shipped.with_unmeasured(model.source, model.card["prior"])
    rows = {}
    for name, source in (
        ("as english", shipped.source("words")),
        ("own shares out", own.source(model.source)),
    ):
        shares = softmax(ratios(found, source.temperature, source.bias))
        per_label = [
            ((said.argmax(1) == place).mean(), -np.log(np.maximum(said[:, place], 1e-12)).mean())
            for place, said in ((place, shares[gold == place]) for place in np.unique(gold))
        ]
        uar, loss = np.mean(per_label, axis=0)
        rows[name] = {"uar": round(float(uar), 4), "log_loss": round(float(loss), 4)}
    return rows


def measure(quick: bool = False, weights: Path = WEIGHTS, data: Path = DATA) -> dict[str, Any]:
    """Figures of the three, by name."""
    lines = chinese.read(data)
    learn, test = lines["learn"], lines["test"]
    if quick:
        test = Lines(*(part[:2000] for part in (test.texts, test.labels, test.dialogues, test.series)))
    model = TextModel.load(weights)
    began = time.monotonic()
    logits = chinese_release.asked(model, test.texts, say)
    each_ms = 1000 * (time.monotonic() - began) / len(test.texts)
    say("the linear model")
    folds = read(ChineseRecipe, ROOT / "recipes" / "words-zh.toml").folds
    rows = {
        "majority": majority_figures(learn, test),
        "linear": linear_figures(learn, test, folds),
        "words/zh": chinese_release.measured(logits, test, model.card),
    }
    found: dict[str, Any] = {name: {key: row[key] for key in KEPT} for name, row in rows.items()}
    return {
        "lines": len(test.texts),
        "cped_macro_f1": rows["words/zh"]["macro_f1"],
        "ms_a_line": round(each_ms, 2),
        "model_mb": round(sum((weights / name).stat().st_size for name in FILES) / 1e6, 2),
        "models": found,
        "fusion": reading(logits, test, model),
        "quick": quick,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="the first 2,000 test lines")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="what the run wrote")
    given = parser.parse_args()
    print(json.dumps(measure(given.quick, given.weights)))


if __name__ == "__main__":
    main()
