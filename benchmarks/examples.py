"""Whether examples chosen by likeness are sensible: do they have the label of the utterance they are for?

    python benchmarks/examples.py [--quick] [--cache FOLDER]

For each utterance of a development split the four most alike are looked for among a training split; the
figure is the share of them that has the utterance's label, against four drawn at random (seed 0). No model
learns and nothing is chosen by these figures but the share of the network's view, which all stand here.

* GoEmotions: single-labelled texts grouped to the Ekman six and neutral; train for dev. The text model learnt
  from its train split, so its view of these texts is a favoured one.
* MELD: train for dev. The text model has never seen it.
* CPED: the valid part for the test part, Chinese, labels that our set has (neutral, happy, angry, sad, fear,
  disgust, astonished as surprise); the network does not read Chinese, so signs alone count.

``balanced`` is the share where each label comes once before any comes twice; ``ms`` the time of one choice.
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

import numpy as np
import pyarrow.parquet

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from hearfelt.errors import OptionError  # noqa: E402
from hearfelt.labels import canonical  # noqa: E402
from hearfelt.language.judge import Examples, Shot, ShotOptions  # noqa: E402
from hearfelt.language.judge.similar import SentenceEncoder  # noqa: E402

DATA = Path(os.environ.get("HEARFELT_DATA", ROOT.parent / "shared" / "data")) / "text"
WEIGHTS = (0.0, 0.5, 0.8, 1.0)
SHOTS = 4
CORPORA = {
    "goemotions": ("goemotions/goemotions.parquet", "text", "ekman_names", "train", "dev"),
    "meld": ("meld/meld.parquet", "text", "emotion", "train", "dev"),
    "cped": ("cped/cped_valid_test.parquet", "Utterance", "Emotion", "valid", "test"),
}


def read(name: str, most: int, most_asked: int) -> tuple[list[Shot], list[Shot]]:
    """What is searched and what is asked for, drawn with seed 0 where there is more."""
    file, text, label, train, dev = CORPORA[name]
    rows = pyarrow.parquet.read_table(DATA / file, columns=[text, label, "split"]).to_pylist()
    found: dict[str, list[Shot]] = {train: [], dev: []}
    for row in rows:
        called = "surprise" if row[label] == "astonished" else str(row[label])
        try:
            known = canonical(called)
        except OptionError:
            continue  # several labels, or one that our set has not
        if row["split"] in found and str(row[text]).strip():
            found[row["split"]].append(Shot(str(row[text]), known))
    random = np.random.default_rng(0)
    return drawn(found[train], most, random), drawn(found[dev], most_asked, random)


def drawn(shots: Sequence[Shot], most: int, random: np.random.Generator) -> list[Shot]:
    """At most so many, in their order."""
    if len(shots) <= most:
        return list(shots)
    return [shots[i] for i in sorted(random.choice(len(shots), most, replace=False))]


def measure(name: str, encoder: SentenceEncoder, quick: bool, cache: Path | None) -> dict[str, Any]:
    """The figures of one corpus."""
    pool, asked = read(name, 1500 if quick else 10_000, 100 if quick else 1000)
    examples = Examples(pool, encoder=encoder, cache=cache, progress=lambda n: say(f"{name}: {n} encoded"))
    random = np.random.default_rng(0)

    def agreement(chosen: Sequence[Sequence[int]]) -> float:
        same = [np.mean([pool[i].label == one.label for i in four]) for one, four in zip(asked, chosen)]
        return round(float(np.mean(same)), 4)

    figures: dict[str, Any] = {"pool": len(pool), "asked": len(asked)}
    figures["random"] = agreement([random.choice(len(pool), SHOTS, replace=False) for _ in asked])
    for weight in WEIGHTS:
        examples._texts.sentence_weight = weight
        figures[f"weight_{weight:g}"] = agreement([examples.places(one.text) for one in asked])
        say(f"{name}: {figures}")
    examples._texts.sentence_weight = 0.8
    begin = time.perf_counter()
    for one in asked[:50]:
        examples.places(one.text)
    figures["ms"] = round((time.perf_counter() - begin) * 20, 2)
    examples.options = ShotOptions(SHOTS, balanced=True)
    figures["balanced"] = agreement([examples.places(one.text) for one in asked])
    return figures


def say(line: str) -> None:
    """A line on standard error."""
    print(line, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="1,500 texts to search, 100 to ask for")
    parser.add_argument("--cache", type=Path, help="keep vectors here, so that a run can go on")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    encoder = SentenceEncoder()
    figures = {name: measure(name, encoder, options.quick, options.cache) for name in CORPORA}
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
