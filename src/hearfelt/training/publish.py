"""A finished run as a weights folder: temperature, scores, licence, and a card a person can read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hearfelt.errors import ModelError
from hearfelt.evaluation import metrics, protocols
from hearfelt.evaluation.protocols import HeldOut
from hearfelt.labels import DIMENSIONS_SOURCE
from hearfelt.training import run
from hearfelt.training.card import LICENCES, page
from hearfelt.training.files import atomic, write_json
from hearfelt.training.recipe import Recipe

MAX_MB = 12.0
"""A published voice model is at most this large."""


def publish(recipe: Recipe, out: Path, weights: Path) -> dict[str, Any]:
    """Write ``model.onnx``, ``model.json`` and ``CARD.md`` of a run whose folds and final model are done.

    The temperature is fitted on what the folds said of speakers they had not heard; the ECE after it is
    measured with each fold scaled by the temperature of the other folds, which its ``model.json`` gets too.

    Raises:
        ModelError: the final model or a fold is missing, or the model is larger than `MAX_MB`.
    """
    final = out / "final" / "model.onnx"
    if not final.is_file():
        raise ModelError(f"{out} holds no final model: run the recipe with --stage final first")
    held = run.collect(out)
    done, wanted = len(set(held.fold.tolist())), recipe.protocol.folds
    if done < wanted:
        raise ModelError(f"{out} has {done} of {wanted} folds: run the recipe with --stage folds first")
    content = final.read_bytes()
    if len(content) > MAX_MB * 1e6:
        raise ModelError(f"{final} has {len(content) / 1e6:.1f} MB: at most {MAX_MB} MB are published")
    _, of_folds = protocols.cross_fitted(held)
    for fold, temperature in of_folds.items():
        path = out / f"fold{fold}" / "model.json"
        write_json(path, json.loads(path.read_text(encoding="utf-8")) | {"temperature": temperature})
    facts: dict[str, Any] = _facts(recipe, held, out)
    weights.mkdir(parents=True, exist_ok=True)
    with atomic(weights / "model.onnx") as part:
        part.write_bytes(content)
    write_json(weights / "model.json", facts)
    with atomic(weights / "CARD.md") as part:
        part.write_text(page(facts, len(content)), encoding="utf-8")
    return facts


def _facts(recipe: Recipe, held: HeldOut, out: Path) -> dict[str, Any]:
    temperature = protocols.fit_temperature(held)
    final = json.loads((out / "final" / "model.json").read_text(encoding="utf-8"))
    groups = protocols.by_group(held)
    licence = _strictest(recipe.data.corpora)
    facts: dict[str, Any] = final | {
        "name": recipe.name,
        "temperature": round(temperature, 4),
        "reliability": groups["mean_over_corpora"]["uar"],
        "licence": licence,
        "commercial": licence in ("CC BY 4.0",),
        "licences_of_corpora": {name: LICENCES[name] for name in recipe.data.corpora},
        "dimensions": final.get(
            "dimensions",
            f"derived from the class probabilities by published coordinates ({DIMENSIONS_SOURCE})",
        ),
        "protocol": (
            f"{recipe.protocol.folds} folds, every speaker held out once, dealt by corpus and gender with "
            f"seed {recipe.protocol.seed}; fixed {recipe.loop.epochs} epochs, nothing tuned or stopped on "
            "held-out speakers; intervals: 95 %, speakers drawn again 1000 times"
        ),
        "scores": groups,
        "calibration": _calibration(held),
        "confusion": {
            "rows_gold_columns_predicted": held.labels.tolist(),
            "counts": metrics.confusion(held.gold, held.predicted, held.labels).tolist(),
        },
    }
    return facts


def _calibration(held: HeldOut) -> dict[str, Any]:
    """Calibration before and after temperature, over all clips and by corpus, cross-fitted."""
    scaled, _ = protocols.cross_fitted(held)
    plain = held.probabilities()
    parts = {"all": held.corpus == held.corpus} | {str(c): held.corpus == c for c in sorted(set(held.corpus))}
    return {
        name: {
            "ece_before": round(metrics.ece(plain[chosen], held.targets[chosen]), 4),
            "ece_after": round(metrics.ece(scaled[chosen], held.targets[chosen]), 4),
            "brier_before": round(metrics.brier(plain[chosen], held.targets[chosen]), 4),
            "brier_after": round(metrics.brier(scaled[chosen], held.targets[chosen]), 4),
        }
        for name, chosen in parts.items()
    }


def _strictest(corpora: tuple[str, ...]) -> str:
    order = ("CC BY 4.0", "CC BY-NC-SA 4.0", "research only")
    return max((LICENCES[name] for name in corpora), key=order.index)
