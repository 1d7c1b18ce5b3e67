"""From a trained text model to the weights folder: export, calibration, scores, card, predictions for fusion.

Everything chosen (thresholds, map to seven classes, temperature) is chosen on the development split, from the
logits of the ONNX file that is shipped. The test split is only scored.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import logging
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hearfelt.labels import EKMAN7
from hearfelt.language.words.goemotions import LABELS
from hearfelt.language.words.identify import words as words_of
from hearfelt.language.words.text import TextModel
from hearfelt.training.files import atomic, write_json
from hearfelt.training.words import quantise
from hearfelt.training.words import scores as measures
from hearfelt.training.words.tune import Split, TextRecipe, Words, positive_weight

LOG = logging.getLogger(__name__)
Array = npt.NDArray[Any]

SHIPPED = ("model.onnx", "tokenizer.json")
"""What the size of the model counts."""


def release(
    words: Words, splits: dict[str, Split], target: Path, run: Path, recipe_name: str
) -> dict[str, Any]:
    """Writes ``model.onnx``, ``tokenizer.json``, ``model.json``, ``CARD.md`` to ``target`` and ``dev.npz``,
    ``test.npz`` to ``run``; returns the scores.
    """
    shipped, target = target, run / "release"  # the shipped folder never holds half a model
    target.mkdir(parents=True, exist_ok=True)
    recipe, dev = words.recipe, splits["dev"]
    export(words, splits["train"], target)
    card = _card(recipe, recipe_name)
    write_json(target / "model.json", card)  # enough to run the network; completed below
    model = TextModel.load(target)
    logits = {name: _logits(model, splits[name].texts, name) for name in ("dev", "test")}
    gold = {name: measures.single_gold(splits[name].targets) for name in logits}
    cuts = measures.thresholds(dev.targets, measures.sigmoid(logits["dev"]))
    strength = measures.choose_strength(logits["dev"], gold["dev"])
    crossed = measures.cross_fit_map(logits["dev"], gold["dev"], strength)
    one = gold["dev"] >= 0
    heat = measures.temperature(crossed[one], gold["dev"][one])
    matrix, bias = measures.fit_map(logits["dev"][one], gold["dev"][one], strength)
    seven = {
        "dev": np.log(measures.softmax(crossed / heat)),
        "test": np.log(measures.softmax((logits["test"] @ matrix + bias) / heat)),
    }
    card["thresholds"] = [round(float(cut), 4) for cut in cuts]
    card["distribution"] = {
        "rule": "multinomial logistic regression from the 28 logits, fitted on the dev texts whose labels "
        "lie in one Ekman group",
        "strength": strength,
        "weights": np.round(matrix, 5).tolist(),
        "bias": np.round(bias, 5).tolist(),
    }
    card["prior"] = _shares(gold["dev"])
    card["temperature"] = round(heat, 4)
    uncooled = measures.softmax(logits["test"] @ matrix + bias)
    card["scores"] = {
        **_scores(logits, splits, cuts, card),
        **_seven_scores(seven["test"], uncooled, logits["test"], gold["test"]),
        **_parity(words, splits, logits["dev"]),
        "model_mb": round(
            sum((target / file).stat().st_size for file in ("model.onnx", "tokenizer.json")) / 1e6, 2
        ),
    }
    card["label_scores"] = _label_scores(logits["test"], splits["test"].targets, cuts)
    write_json(target / "model.json", card)
    (target / "CARD.md").write_text(card_text(card), encoding="utf-8")
    for name in logits:
        _save_predictions(run / f"{name}.npz", splits[name], gold[name], seven[name], logits[name])
    shipped.mkdir(parents=True, exist_ok=True)
    for file in (*SHIPPED, "model.json", "CARD.md"):
        shutil.copyfile(target / file, shipped / file)
    scores: dict[str, Any] = card["scores"]
    return scores


def predict(weights: Path, splits: dict[str, Split], run: Path) -> None:
    """Writes the ``dev.npz`` and ``test.npz`` of `release` anew from a released folder, without training."""
    model = TextModel.load(weights)
    rule, heat = model.card["distribution"], float(model.card["temperature"])
    matrix, bias, strength = np.array(rule["weights"]), np.array(rule["bias"]), float(rule["strength"])
    run.mkdir(parents=True, exist_ok=True)
    for name in ("dev", "test"):
        logits = _logits(model, splits[name].texts, name)
        gold = measures.single_gold(splits[name].targets)
        crossed = measures.cross_fit_map(logits, gold, strength) if name == "dev" else logits @ matrix + bias
        seven = np.log(measures.softmax(crossed / heat))
        _save_predictions(run / f"{name}.npz", splits[name], gold, seven, logits)


def export(words: Words, train: Split, target: Path) -> None:
    """Writes ``model.onnx`` and ``tokenizer.json``.

    The extra weight of positives in training raises a label's odds by just that weight; the output bias takes
    it out again, so that a score is the probability of its label.
    """
    state = words.state()
    bert = {key: value.float().numpy() for key, value in state["bert"].items()}
    head = {key: value.float().numpy() for key, value in state["head"].items()}
    head["bias"] = head["bias"] - _offset(words, train)
    with atomic(target / "model.onnx") as part:
        quantise.write(
            part,
            bert,
            head,
            layers=words.bert.config.num_hidden_layers,
            heads=words.bert.config.num_attention_heads,
            max_tokens=words.recipe.max_tokens,
            epsilon=words.bert.config.layer_norm_eps,
            bits=words.recipe.weight_bits,
        )
    with atomic(target / "tokenizer.json") as part:
        data = json.loads(words.tokenizer.to_str())
        part.write_text(json.dumps(data, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")


def _offset(words: Words, train: Split) -> Array:
    return np.log(positive_weight(train.targets, words.recipe)).astype(np.float32)


def _logits(model: TextModel, texts: Sequence[str], name: str) -> Array:
    found = []
    for number, text in enumerate(texts):
        found.append(model.logits(text))
        if number % 1000 == 999:
            LOG.info("%s: %d of %d texts", name, number + 1, len(texts))
    return np.stack(found)


def _scores(
    logits: dict[str, Array], splits: dict[str, Split], cuts: Array, card: dict[str, Any]
) -> dict[str, Any]:
    scores: dict[str, Any] = {}
    groups = {name: measures.grouped(splits[name].targets) for name in logits}
    highest = {name: measures.grouped(measures.sigmoid(logits[name])) for name in logits}
    group_cuts = measures.thresholds(groups["dev"], highest["dev"])
    for name in ("dev", "test"):
        truth, sure = splits[name].targets, measures.sigmoid(logits[name])
        said = (sure > cuts).astype(float)
        scores[f"{name}_macro_f1"] = _round(measures.f1(truth, said).mean())
        scores[f"{name}_macro_f1_at_0.3"] = _round(measures.f1(truth, sure > 0.3).mean())
        scores[f"{name}_macro_f1_at_0.5"] = _round(measures.f1(truth, sure > 0.5).mean())
        grouped = (highest[name] > group_cuts).astype(float)
        scores[f"{name}_ekman_macro_f1"] = _round(measures.f1(groups[name], grouped).mean())
        if name == "test":
            low, high = measures.interval(truth, said)
            scores["test_macro_f1_ci95"] = [_round(low), _round(high)]
            low, high = measures.interval(groups[name], grouped)
            scores["test_ekman_macro_f1_ci95"] = [_round(low), _round(high)]
    card["ekman_thresholds"] = [_round(cut) for cut in group_cuts]
    return scores


def _seven_scores(seven: Array, uncooled: Array, logits: Array, gold: Array) -> dict[str, Any]:
    one = gold >= 0
    highest = measures.grouped(measures.sigmoid(logits))
    plain = (highest / highest.sum(1, keepdims=True))[one]
    gold, final, uncooled = gold[one], np.exp(seven[one]), uncooled[one]
    return {
        "seven_texts": int(one.sum()),
        "seven_accuracy": _round((final.argmax(1) == gold).mean()),
        "seven_uar": _round(measures.recall(final, gold)),
        "ece_highest_score": _round(measures.ece(plain, gold)),
        "ece_before_temperature": _round(measures.ece(uncooled, gold)),
        "ece": _round(measures.ece(final, gold)),
        "log_loss": _round(measures.log_loss(final, gold)),
    }


def _parity(words: Words, splits: dict[str, Split], shipped: Array) -> dict[str, Any]:
    """Macro-F1 on dev of the float32 torch model, each with its own thresholds, and how far logits are."""
    words.recipe = dataclasses.replace(words.recipe, bf16=False)
    dev = splits["dev"]
    whole = words.predict(dev.texts) - _offset(words, splits["train"])
    sure = measures.sigmoid(whole)
    said = sure > measures.thresholds(dev.targets, sure)
    return {
        "dev_macro_f1_torch_float32": _round(measures.f1(dev.targets, said).mean()),
        "mean_logit_difference": _round(np.abs(whole - shipped).mean()),
    }


def _label_scores(logits: Array, targets: Array, cuts: Array) -> dict[str, Any]:
    said = measures.sigmoid(logits) > cuts
    values = measures.f1(targets, said)
    return {
        label: {"f1": _round(values[i]), "texts": int(targets[:, i].sum())} for i, label in enumerate(LABELS)
    }


def _save_predictions(file: Path, split: Split, gold: Array, seven: Array, logits: Array) -> None:
    """What fusion is fitted on: rows of the table and numbers, never a sentence."""
    with atomic(file) as part, part.open("wb") as stream:
        np.savez_compressed(
            stream,
            text_index=split.rows,
            gold=np.array([EKMAN7[g] if g >= 0 else "" for g in gold]),
            labels=np.array(EKMAN7),
            logits=seven.astype(np.float32),
            goemotions_logits=logits.astype(np.float32),
            n_words=np.array([len(words_of(text)) for text in split.texts]),
        )


def _shares(gold: Array) -> list[float]:
    known = gold[gold >= 0]
    return [_round((known == group).mean()) for group in range(len(EKMAN7))]


def _round(value: Any) -> float:
    return round(float(value), 4)


def _commit() -> str:
    try:
        asked = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    except OSError:
        return ""
    return asked.stdout.strip() if asked.returncode == 0 else ""


def _card(recipe: TextRecipe, recipe_name: str) -> dict[str, Any]:
    return {
        "name": recipe.name,
        "version": recipe.version,
        "kind": "words",
        "languages": ["en"],
        "labels": list(EKMAN7),
        "goemotions_labels": list(LABELS),
        "sample_rate_hz": None,
        "features": {
            "space": "wordpiece/1",
            "options": {"max_tokens": recipe.max_tokens, "weight_bits": recipe.weight_bits},
        },
        "temperature": 1.0,
        "thresholds": [0.5] * len(LABELS),
        "distribution": {
            "weights": np.zeros((len(LABELS), len(EKMAN7))).tolist(),
            "bias": np.zeros(len(EKMAN7)).tolist(),
        },
        "protocol": "GoEmotions official splits; training texts that also stand in dev or test left out; "
        "epoch, thresholds, map and temperature chosen on dev; test scored with the shipped ONNX file",
        "corpora": ["GoEmotions (Apache-2.0)"],
        "base": "all-MiniLM-L6-v2 (Apache-2.0)",
        "licence": "Apache-2.0",
        "commercial": True,
        "commit": _commit(),
        "created": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        "recipe": recipe_name,
        "training": dataclasses.asdict(recipe),
    }


def card_text(card: dict[str, Any]) -> str:
    """``CARD.md``: what the weights are, what they have seen, how good they are, what they cannot do."""
    scores = card["scores"]
    low, high = scores["test_macro_f1_ci95"]
    group_low, group_high = scores["test_ekman_macro_f1_ci95"]
    rows = [
        (
            "28 labels, macro-F1, thresholds from dev",
            f"{scores['test_macro_f1']:.3f} ({low:.3f} to {high:.3f})",
        ),
        ("28 labels, macro-F1, all thresholds 0.3", f"{scores['test_macro_f1_at_0.3']:.3f}"),
        ("28 labels, macro-F1, all thresholds 0.5", f"{scores['test_macro_f1_at_0.5']:.3f}"),
        (
            "Ekman groups, macro-F1, thresholds from dev",
            f"{scores['test_ekman_macro_f1']:.3f} ({group_low:.3f} to {group_high:.3f})",
        ),
        (f"one of seven, accuracy, {scores['seven_texts']} texts", f"{scores['seven_accuracy']:.3f}"),
        ("one of seven, unweighted average recall", f"{scores['seven_uar']:.3f}"),
        ("calibration error, highest score of each group", f"{scores['ece_highest_score']:.3f}"),
        ("calibration error, map, before temperature", f"{scores['ece_before_temperature']:.3f}"),
        ("calibration error, map, after temperature", f"{scores['ece']:.3f}"),
    ]
    table = "\n".join(f"| {what} | {value} |" for what, value in rows)
    labels = "\n".join(
        f"| {label} | {found['f1']:.2f} | {found['texts']} |" for label, found in card["label_scores"].items()
    )
    return CARD.format(
        name=card["name"],
        version=card["version"],
        created=card["created"],
        recipe=card["recipe"],
        licence=card["licence"],
        table=table,
        labels=labels,
        mb=scores["model_mb"],
        torch=scores["dev_macro_f1_torch_float32"],
        dev=scores["dev_macro_f1"],
        protocol=card["protocol"],
    )


CARD = """# words/{name} {version}

Emotion of English sentences: 28 GoEmotions scores, and from them a distribution over the Ekman six and
neutral. Made {created} by `recipes/{recipe}`. {mb} MB with its tokenizer.

## Licence

{licence}; commercial use allowed. Learned from GoEmotions (D. Demszky et al., ACL 2020, arXiv 2005.00547;
Apache-2.0), starting from all-MiniLM-L6-v2 (sentence-transformers; Apache-2.0).

## Scores

Protocol: {protocol}. 95 % intervals are bootstraps over test texts.

| test split | |
|---|---|
{table}

Macro-F1 on dev is {torch:.3f} for the float32 torch model and {dev:.3f} for the shipped int8 one, each with
thresholds chosen on dev. `python benchmarks/words.py` measures the shipped files again.

| label | test F1 | test texts |
|---|---|---|
{labels}

## Limits

* English only. Texts in another language get no evidence.
* Learned from Reddit comments: written, young, mostly male, mostly from the United States. Speech is plainer.
* Raters disagree on many of these comments; a score is what raters would say, not what the writer felt.
* Grief, relief, pride and nervousness have fewer than 25 test texts each; their figures are rough.
* Irony and what was said before are not seen.
* Arousal and valence are derived from the seven probabilities by published coordinates; nobody rated them.
* The seven probabilities assume the shares of the classes in GoEmotions (`prior` in `model.json`).
"""
