"""``CARD.md`` of the Chinese text model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hearfelt.language.words.cped import EKMAN


def page(card: Mapping[str, Any]) -> str:
    """What the weights are, what they have seen, how good they are, what they cannot do."""
    test, held = card["scores"]["test"], card["scores"]["held_out_series"]
    rows = "\n".join(
        f"| {what} | {_shown(test, key)} | {_shown(held, key)} |"
        for what, key in (
            ("13 labels, macro-F1, labels balanced", "macro_f1"),
            ("13 labels, macro-F1, likeliest label", "macro_f1_likeliest"),
            ("13 labels, weighted F1, likeliest label", "weighted_f1_likeliest"),
            ("13 labels, log-loss", "log_loss"),
            ("the same of the shares of labels in training", "log_loss_of_shares"),
            ("seven labels, lines", "seven_lines"),
            ("seven labels, accuracy", "seven_accuracy"),
            ("seven labels, unweighted average recall", "seven_uar"),
            ("seven labels, macro-F1", "seven_macro_f1"),
            ("seven labels, weighted F1", "seven_weighted_f1"),
            ("seven labels, calibration error", "seven_ece"),
            ("seven labels, nats a line won over the shares", "seven_gain_nats"),
        )
    )
    labels = "\n".join(
        f"| {label} | {EKMAN.get(label, '–')} | {value:.2f} | {test['support'][label]} |"
        for label, value in test["f1"].items()
    )
    return _PAGE.format(
        name=card["name"],
        version=card["version"],
        created=card["created"],
        recipe=card["recipe"],
        licence=card["licence"],
        base=card["base"],
        mb=card["scores"]["model_mb"],
        protocol=card["protocol"],
        balance=card["balance"],
        rows=rows,
        labels=labels,
    )


def _shown(figures: Mapping[str, Any], key: str) -> str:
    value = figures[key]
    shown = str(value) if isinstance(value, int) else f"{value:.3f}"
    ends = figures.get(f"{key}_ci95")
    return f"{shown} ({ends[0]:.3f} to {ends[1]:.3f})" if ends else shown


_PAGE = """# words/{name} {version}

Emotion of Chinese sentences: 13 scores of CPED, and from them a distribution over the Ekman six and neutral.
Made {created} by `recipes/{recipe}`. {mb} MB with its tokenizer.

## Licence

{licence}; commercial use allowed. Learned from CPED (Y. Chen et al. 2022, arXiv 2205.14727; Apache-2.0; the
words come from TV series). Begun from {base}: L. Wang et al., "Multilingual E5 text embeddings",
arXiv 2402.05672.

## Scores

Protocol: {protocol}. Intervals are 95 % bootstraps over dialogues.

| | test (9 series) | held-out series of the valid part |
|---|---|---|
{rows}

"Labels balanced" says the label whose probability, divided by (its share in training) to the power {balance},
is highest.

| label | counts as | test F1, balanced | test lines |
|---|---|---|---|
{labels}

## Limits

* A weak reader: most of what CPED's raters saw was in the picture and the voice, and half of the lines have
  eight characters or fewer. Its probabilities stay near the shares of the labels, and that is honest.
* Simplified Chinese as subtitles write it, from 5 TV series; other registers are not measured. Rare
  characters are unknown.
* What was said before is not seen: on these lines it did not help.
* `negative-other` has no counterpart among the seven; such lines are in no figure over seven labels.
* Everything positive counts as happiness, depress as sadness, worried as fear. Nobody rated arousal or
  valence: they are derived from the seven probabilities by published coordinates.
* The seven probabilities assume the shares of CPED's valid part (`prior` in `model.json`).
"""
