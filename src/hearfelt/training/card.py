"""The page that goes with published weights: what they learnt, how good they are, what they cannot do."""

from __future__ import annotations

from typing import Any

from hearfelt.datasets.corpora import emodb, nemo, ravdess, savee

LICENCES = {
    "emodb": emodb.LICENCE,
    "ravdess": ravdess.LICENCE,
    "nemo": nemo.LICENCE,
    "savee": savee.LICENCE,
}
"""Licence of each corpus that can be learnt from."""

_TITLES = {
    "emodb": "EmoDB (German, 10 speakers; Burkhardt et al., Interspeech 2005)",
    "ravdess": "RAVDESS speech (English, 24 speakers; Livingstone & Russo, PLoS ONE 2018)",
    "nemo": "nEMO (Polish, 9 speakers; Christop, LREC-COLING 2024)",
    "savee": "SAVEE (English, 4 speakers; Haq & Jackson, AVSP 2009)",
}


def page(facts: dict[str, Any], size_bytes: int) -> str:
    """The card as Markdown."""
    corpora = "\n".join(
        f"* {_TITLES[name]}: {licence}" for name, licence in facts["licences_of_corpora"].items()
    )
    use = "may" if facts["commercial"] else "may not"
    return f"""# Voice model `{facts["name"]}` {facts["version"]}

Emotion of an utterance from the voice alone: probabilities over {", ".join(facts["labels"])}.
{size_bytes / 1e6:.1f} MB of ONNX (float32). Made {facts["created"]} from commit {facts["commit"]}.

## Data and licence
{corpora}

Calm (RAVDESS) is learnt as neutral, boredom (EmoDB) is left out. A clip teaches only about labels that its
corpus has: EmoDB has no surprise and nEMO no disgust. The weights carry {facts["licence"]}, the strictest of
these licences: they {use} be used in commercial products. No other data and no pretrained network was used.

## Scores on speakers that were not heard
Protocol: {facts["protocol"]}.

The figures are those of the folds' models; the shipped model learnt from all clips by the same recipe, so no
figure of its own is possible here. UAR lets every label be answered, also those a corpus lacks; "within" only
the labels of the corpus, as work on one corpus does.

{_scores(facts["scores"])}

By gender, UAR in %:

{_genders(facts["scores"])}

## Calibration
One temperature ({facts["temperature"]}) is fitted on all held-out answers. "After" is measured with each fold
scaled by the temperature of the other folds.

{_calibration(facts["calibration"])}

## Confusion
Held-out answers over all corpora, in % of each gold label (rows are gold).

{_confusion(facts["confusion"])}

## Arousal, valence, dominance
{_dimensions(facts["dimensions"])}

## Limits
* Acted speech only. Actors show more than people feel, and they show it on purpose; expect lower accuracy on
  a call.
* Three languages (German, English, Polish), adults, studio sound. Other languages, children, telephone bands
  and overlapping speech are not measured.
* Labels are drawn evenly in training: the model expects every emotion as often as neutral. Where most speech
  is neutral, its probabilities name emotions too often.
* Utterances of 1 to 5 seconds were learnt. Under 0.1 s there is no answer; over 30 s parts are averaged.
* What a person shows is not what a person feels. Do not decide about a person by this model.
"""


def _dimensions(source: str) -> str:
    if source.startswith("trained"):
        return f"These values are {source}. They were not measured on speakers that were not heard."
    return (
        f"No corpus here has dimensional ratings. These values are {source}:\n"
        "they say no more than the class probabilities do, and were not trained or measured."
    )


def _scores(scores: dict[str, Any]) -> str:
    lines = [
        "| corpus | clips | speakers | UAR | 95 % interval | within | WA | macro F1 |",
        "|---" * 8 + "|",
    ]
    for name, row in scores.items():
        if "wa" not in row:
            continue
        low, high = row["uar_ci95"]
        within = f"{100 * row['uar_within']:.1f}" if "uar_within" in row else ""
        lines.append(
            f"| {name} | {row['clips']} | {row['speakers']} | {100 * row['uar']:.1f} | "
            f"{100 * low:.1f} to {100 * high:.1f} | {within} | {100 * row['wa']:.1f} | "
            f"{100 * row['macro_f1']:.1f} |"
        )
    mean = scores["mean_over_corpora"]
    lines.append(
        f"| mean over corpora | | | {100 * mean['uar']:.1f} | | {100 * mean['uar_within']:.1f} | | |"
    )
    return "\n".join(lines)


def _genders(scores: dict[str, Any]) -> str:
    lines = ["| corpus | gender | speakers | UAR | 95 % interval |", "|---|---|---|---|---|"]
    for name, row in scores.items():
        for gender, part in row.get("gender", {}).items():
            low, high = part["uar_ci95"]
            lines.append(
                f"| {name} | {gender} | {part['speakers']} | {100 * part['uar']:.1f} | "
                f"{100 * low:.1f} to {100 * high:.1f} |"
            )
    return "\n".join(lines)


def _calibration(calibration: dict[str, Any]) -> str:
    lines = ["| clips | ECE before | ECE after | Brier before | Brier after |", "|---|---|---|---|---|"]
    lines += [
        f"| {name} | {row['ece_before']:.3f} | {row['ece_after']:.3f} | {row['brier_before']:.3f} | "
        f"{row['brier_after']:.3f} |"
        for name, row in calibration.items()
    ]
    return "\n".join(lines)


def _confusion(confusion: dict[str, Any]) -> str:
    labels = confusion["rows_gold_columns_predicted"]
    lines = [f"| | {' | '.join(labels)} |", "|---" * (len(labels) + 1) + "|"]
    for label, counts in zip(labels, confusion["counts"], strict=True):
        total = max(1, sum(counts))
        lines.append(f"| {label} | " + " | ".join(f"{100 * c / total:.0f}" for c in counts) + " |")
    return "\n".join(lines)
