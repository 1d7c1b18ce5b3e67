"""Fit the fusion: temperatures, weights, label-set quantiles, thresholds. Needs only numpy.

    python recipes/fusion.py [--voice runs/base/heldout.npz] [--words runs/words/dev.npz] [--test …/test.npz]

Reads what the recipes of the voice and of the words left behind: predictions for speakers and sentences that
their models have not seen. Writes `src/hearfelt/weights/fusion/model.json`, and `benchmarks/data/fusion.npz`:
the predictions alone (no sound, no sentence, no file name), so that `benchmarks/fusion.py` runs anywhere.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from hearfelt.fusion import fit as fitting
from hearfelt.fusion import reliability
from hearfelt.fusion.learned import SHIPPED
from hearfelt.labels import EKMAN7

ROOT = Path(__file__).resolve().parent.parent
WEIGHTS = SHIPPED.parent.parent
KEPT = ROOT / "benchmarks" / "data" / "fusion.npz"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--voice", type=Path, default=ROOT / "runs" / "base" / "heldout.npz")
    parser.add_argument("--words", type=Path, default=ROOT / "runs" / "words" / "dev.npz")
    parser.add_argument("--test", type=Path, default=ROOT / "runs" / "words" / "test.npz")
    parser.add_argument("--out", type=Path, default=SHIPPED)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    temperature = model_temperature("base")
    voice = fitting.load(options.voice, "voice", temperature)
    words = fitting.load(options.words, "words")
    test = fitting.load(options.test, "words")
    print(
        f"{len(voice)} clips of {len(np.unique(voice.groups))} speakers, {len(words)} sentences",
        file=sys.stderr,
    )

    half, gain = words_half(words)
    protocol = {
        "voice": describe(voice, "predictions of models that did not hear the speaker"),
        "words": describe(words, "GoEmotions dev split, comments with one Ekman label"),
        "voice_model_temperature": temperature,
        "pairing": f"each clip with sentences of the same label, seed {options.seed}",
        "reliability": dataclasses.asdict(reliability.DEFAULT),
        "words_half_best": half,
        "words_half_gain_nats": gain,
        "judged": "llm; arousal and valence factors; clipping, asr confidence, words_half in the reliability",
        "recipe": "recipes/fusion.py",
        "created": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
    }
    found = fitting.fit(voice, words, seed=options.seed, protocol=protocol)
    options.out.write_text(json.dumps(found.to_dict(), indent=1) + "\n", encoding="utf-8")
    keep(voice, test)
    for name, source in found.sources.items():
        print(f"{name}: temperature {source.temperature:.3f}, weight {source.weight:.3f}", file=sys.stderr)
    print(json.dumps({"written": options.out.name, "words_half": half, "conflict": found.conflict_threshold}))


def model_temperature(name: str) -> float:
    """What the shipped voice model divides its logits by before it gives evidence."""
    card = json.loads((WEIGHTS / name / "model.json").read_text(encoding="utf-8"))
    return float(card["temperature"])


def describe(held: fitting.HeldOut, what: str) -> dict[str, Any]:
    """Where predictions come from: counts by corpus and label."""
    return {
        "what": what,
        "n": len(held),
        "groups": len(np.unique(held.groups)),
        "corpora": {name: int((held.corpus == name).sum()) for name in np.unique(held.corpus).tolist()},
        "labels": {label: int((held.labels == place).sum()) for place, label in enumerate(EKMAN7)},
    }


def words_half(words: fitting.HeldOut) -> tuple[float, float]:
    """The best half-way number of words, and what it gains over the one in use, in nats a sentence."""

    def curve(amount: float, half: float) -> float:
        return amount / (amount + half) if half else 1.0

    used = reliability.DEFAULT.words_half
    best, losses = fitting.fit_half(words, curve, np.concatenate([[0.0, used], np.geomspace(0.1, 6, 12)]))
    return round(best, 3), round(float(losses[1] - losses.min()), 5)


def keep(voice: fitting.HeldOut, test: fitting.HeldOut) -> None:
    """Writes the predictions that the benchmark measures on; speakers become numbers."""
    corpora = np.unique(voice.corpus)
    KEPT.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        KEPT,
        labels=np.array(EKMAN7),
        corpora=corpora,
        voice_log=np.log(voice.probabilities + 1e-12).astype(np.float16),
        voice_gold=voice.labels.astype(np.int8),
        voice_corpus=np.searchsorted(corpora, voice.corpus).astype(np.int8),
        voice_speaker=np.unique(voice.groups, return_inverse=True)[1].astype(np.int16),
        voice_duration_s=voice.amount.astype(np.float16),
        words_log=np.log(test.probabilities + 1e-12).astype(np.float16),
        words_gold=test.labels.astype(np.int8),
        words_n=test.amount.astype(np.int16),
    )


if __name__ == "__main__":
    main()
