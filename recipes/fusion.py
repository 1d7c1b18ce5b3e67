"""Fit the fusion: temperatures, weights, label-set quantiles, thresholds. Needs only numpy.

    python recipes/fusion.py [--voice runs/base/heldout.npz] [--words runs/words/dev.npz] [--test …/test.npz]
    python recipes/fusion.py --ask-below [--words runs/words/dev.npz]

Reads what the recipes of the voice and of the words left behind: predictions for speakers and sentences that
their models have not seen. Writes `src/hearfelt/weights/fusion/model.json`, and `benchmarks/data/fusion.npz`:
the predictions alone (no sound, no sentence, no file name), so that `benchmarks/fusion.py` runs anywhere.

With ``--ask-below`` it chooses nothing but the confidence below which a language model is asked, for the
fusion that is there: from the voice predictions that it kept, and the sentences of the development split.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from hearfelt.fusion import fit as fitting
from hearfelt.fusion import reliability
from hearfelt.fusion.cascade import QUALITIES, cascade, choose
from hearfelt.fusion.learned import SHIPPED, Calibration
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
    parser.add_argument("--ask-below", action="store_true", help="choose whom to ask alone")
    options = parser.parse_args()
    if options.ask_below:
        learned = Calibration.load(options.out)
        learned = replace(
            learned, ask_below=ask_below(learned, kept_voice(), fitting.load(options.words, "words"))
        )
        options.out.write_text(json.dumps(learned.to_dict(), indent=1) + "\n", encoding="utf-8")
        print(json.dumps({"written": options.out.name, "ask_below": learned.ask_below}))
        return

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
    found = replace(found, ask_below=ask_below(found, voice, words))
    options.out.write_text(json.dumps(found.to_dict(), indent=1) + "\n", encoding="utf-8")
    keep(voice, test)
    for name, source in found.sources.items():
        print(f"{name}: temperature {source.temperature:.3f}, weight {source.weight:.3f}", file=sys.stderr)
    print(json.dumps({"written": options.out.name, "words_half": half, "conflict": found.conflict_threshold}))


def ask_below(
    learned: Calibration, voice: fitting.HeldOut, words: fitting.HeldOut, n_draws: int = 4
) -> float:
    """The confidence below which a language model is worth asking, over stand-ins of several qualities."""
    random = np.random.default_rng(0)
    drawn = [cascade(learned, voice, words, quality, random) for quality in QUALITIES for _ in range(n_draws)]
    return choose(drawn)


def kept_voice() -> fitting.HeldOut:
    """The held-out voice predictions of the last whole run."""
    with np.load(KEPT, allow_pickle=False) as data:
        seconds = data["voice_duration_s"].astype(np.float64)
        return fitting.HeldOut(
            np.exp(data["voice_log"].astype(np.float64)),
            data["voice_gold"].astype(np.int64),
            data["voice_speaker"].astype(str),
            np.array([reliability.voice(None, s) for s in seconds]),
            data["corpora"].astype(str)[data["voice_corpus"]],
            seconds,
        )


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
