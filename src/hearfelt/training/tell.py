"""What a run's final model tells of itself: temperature and scores of the folds, and what it learnt from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hearfelt.evaluation import protocols
from hearfelt.training.files import write_json
from hearfelt.types import Example

KNOWN_SPEAKERS = "clips dealt to folds, so that speakers are in training and test"

LEAST_TEMPERATURE = 0.5
"""Where hardly a held-out clip is wrong, the likeliest temperature goes to 0: few clips are no such proof."""


def tell(out: Path, recipe: Any, examples: Sequence[Example], temperature: bool = True) -> None:
    """Add to ``final/model.json`` what the folds gave; without folds, that nothing is known.

    Args:
        recipe: has ``protocol`` and ``data``.
        temperature: fit one on what the folds said; a model may have its own.
    """
    path = out / "final" / "model.json"
    facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if not recipe.data.corpora:
        facts["corpora"] = sorted({e.corpus for e in examples if e.corpus})
        licences = sorted({e.licence for e in examples if e.licence})
        facts["licence"] = "; ".join(licences) or "that of the recordings it learnt from"
    if (out / "heldout.npz").is_file():
        held = protocols.load(out / "heldout.npz")
        scores = json.loads((out / "scores.json").read_text(encoding="utf-8"))
        facts |= {
            "reliability": scores["mean_over_corpora"]["uar"],
            "protocol": protocol(recipe),
            "scores": scores,
        }
        if temperature:
            facts["temperature"] = round(max(LEAST_TEMPERATURE, protocols.fit_temperature(held)), 4)
    write_json(path, facts)


def protocol(recipe: Any) -> str:
    """How the scores came about, in a sentence."""
    kind, count, seed = recipe.protocol.kind, recipe.protocol.folds, recipe.protocol.seed
    return {
        "speaker_folds": f"{count} folds, every speaker held out once, dealt with seed {seed}",
        "clip_folds": f"{count} folds, {KNOWN_SPEAKERS}: says nothing of people who were not heard",
        "loso": "one speaker held out at a time",
        "emobox": "EmoBox's fold files",
        "official": "the parts train and test of the column split",
    }.get(kind, "nothing was held out")
