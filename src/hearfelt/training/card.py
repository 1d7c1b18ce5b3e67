"""The page that goes with published weights: what they learnt, how good they are, what they cannot do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hearfelt.datasets.corpora import CORPORA
from hearfelt.labels import DIMENSIONS_SOURCE

Facts = Mapping[str, Any]

NATURAL = ("meld", "m3ed", "msppodcast", "zed")
"""Known corpora that were not recorded for their emotions; the others are acted or elicited."""

_MADE_OF = {
    "voice": "ONNX (float32)",
    "network": "torch weights",
    "classical": "scikit-learn (skops)",
    "classical-multi": "scikit-learn (skops)",
}
_HEARD = {
    "held out": "speakers that were not heard",
    "shared": "SPEAKERS THAT WERE HEARD: they are in training and test",
    "unknown": "clips that were not heard; whether their speakers were is not known",
}


def page(facts: Facts, size_bytes: int) -> str:
    """The card as Markdown.

    Args:
        facts: what `hearfelt.training.publish` writes to ``model.json``.
        size_bytes: of the float32 model.
    """
    parts = [
        f"# {str(facts['kind']).capitalize()} model `{facts['name']}` {facts['version']}",
        f"Emotion of an utterance from the voice alone: probabilities over {', '.join(facts['labels'])}.\n"
        f"{size_bytes / 1e6:.1f} MB of {_MADE_OF.get(facts['kind'], 'weights')}. Made "
        f"{facts['created']} from commit {facts['commit']}.",
        *_int8(facts),
        "## Data and licence",
        *_data(facts),
        f"## Scores on {_HEARD[facts['test_speakers']]}",
        f"Protocol: {facts['protocol']}.",
        "The figures are those of the folds' models; the published model learnt from all clips by the same "
        "recipe, so\nno figure of its own is possible here. UAR lets every label be answered, also those a "
        'corpus lacks; "within"\nonly the labels of the corpus, as work on one corpus does.',
        _scores(facts["scores"]),
        "### By group",
        *_groups(facts),
        "## Calibration",
        *_calibration(facts),
        "## Confusion",
        "Held-out answers over all corpora, in % of each gold label (rows are gold).",
        _confusion(facts["confusion"]),
        "## Arousal, valence, dominance",
        _dimensions(facts["dimensions"]),
        "## Limits",
        "\n".join(f"* {limit}" for limit in _limits(facts)),
    ]
    return "\n\n".join(parts) + "\n"


def _int8(facts: Facts) -> list[str]:
    found = facts.get("int8")
    if not found:
        return []
    return [
        f"Beside it `{found['file']}`: {found['mb']} MB, 8-bit weights and activations. On {found['clips']} "
        f"{found['sounds']} it gives the same label in {100 * found['agreement']:.1f} %, and no probability "
        f"differs by more than {found['largest_difference']:.3f}; the scores below are those of float32."
    ]


def _data(facts: Facts) -> list[str]:
    lines = []
    for name, licence in facts["licences_of_corpora"].items():
        known, own = CORPORA.get(name), facts["data"].get(name, {})
        what = f"{known.title} ({known.about}; {known.citation})" if known else f"{name} (own recordings)"
        heard = f", {own['clips']} clips of {own['speakers']} speakers learnt" if "clips" in own else ""
        lines.append(f"* {what}{heard}: {licence}")
    said = [*_mapped(facts), *_lacking(facts)]
    if facts["kind"] == "voice":
        said.append("No other data and no pretrained network was used.")
    use = "may" if facts["commercial"] else "may not"
    said += [f"To be used they need {what}." for what in facts["asks_for"]]
    several = "the strictest of these licences" if len(lines) > 1 else "that of the recordings"
    said.append(
        f"The weights carry: {facts['licence']} ({several}). They {use} be used in commercial products."
    )
    return ["\n".join(lines), "\n".join(said)]


def _mapped(facts: Facts) -> list[str]:
    data = facts.get("recipe", {}).get("data", {})
    said = [f"{old} is learnt as {new}" for old, new in data.get("relabel", {}).items()]
    if data.get("drop"):
        said.append(f"{', '.join(data['drop'])} is left out")
    text = "; ".join(said)
    return [f"{text[0].upper()}{text[1:]}."] if text else []


def _lacking(facts: Facts) -> list[str]:
    """Which labels a corpus cannot teach, where its table was written down."""
    said = []
    for name, own in facts["data"].items():
        missing = [label for label in facts["labels"] if label not in own.get("labels", facts["labels"])]
        if missing:
            said.append(f"{name} has no {', '.join(missing)}")
    return [f"A clip teaches only about labels that its corpus has: {'; '.join(said)}."] if said else []


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}"


def _between(low: float | None, high: float | None) -> str:
    return "–" if low is None or high is None else f"{100 * low:.1f} to {100 * high:.1f}"


def _scores(scores: Facts) -> str:
    rows = []
    for name, row in scores.items():
        if "wa" not in row:
            continue
        within = f"{100 * row['uar_within']:.1f}" if "uar_within" in row else ""
        rows.append(
            (
                name,
                row["clips"],
                row["speakers"],
                _percent(row["uar"]),
                _between(*row["uar_ci95"]),
                within,
                _percent(row["wa"]),
                _percent(row["macro_f1"]),
            )
        )
    mean = scores["mean_over_corpora"]
    rows.append(
        ("mean over corpora", "", "", _percent(mean["uar"]), "", _percent(mean["uar_within"]), "", "")
    )
    return _grid(("corpus", "clips", "speakers", "UAR", "95 % interval", "within", "WA", "macro F1"), rows)


def _groups(facts: Facts) -> list[str]:
    """UAR of each gender, language and corpus with its gap; of each gender within each corpus."""
    rows: list[Sequence[object]] = []
    for column, groups in facts["groups"].items():
        for row in groups:
            uar, gap = row["uar"], row["gap"]
            ends = _between(gap["low"], gap["high"])
            rows.append(
                (
                    column,
                    row["name"],
                    row["clips"],
                    row["speakers"],
                    _percent(uar["value"]),
                    _between(uar["low"], uar["high"]),
                    f"{100 * gap['value']:+.1f}" + ("" if ends == "–" else f" ({ends})"),
                    "significant" if row["significant"] else "",
                )
            )
    found = []
    if rows:
        head = ("by", "group", "clips", "speakers", "UAR", "95 % interval", "gap to the rest", "")
        found += [
            "UAR in %, and how far it lies from that of all other clips; a gap is significant where drawing "
            "speakers\nagain makes it so (5 %, Holm).",
            _grid(head, rows),
        ]
    within = [
        (name, gender or "not stated", row["speakers"], _percent(row["uar"]), _between(*row["uar_ci95"]))
        for name, corpus in facts["scores"].items()
        for gender, row in corpus.get("gender", {}).items()
    ]
    if within:
        found.append(_grid(("corpus", "gender", "speakers", "UAR", "95 % interval"), within))
    missing = [name for name in ("gender", "language", "corpus") if name not in facts["groups"]]
    if missing:
        found.append(
            f"All clips are of one {' and one '.join(missing)}, or nobody says: no gap is known there."
        )
    return found


def _calibration(facts: Facts) -> list[str]:
    found = facts["calibration"]
    keys = [key for key in ("ece_before", "ece_after", "brier_before", "brier_after") if key in found["all"]]
    said = "The probabilities as the folds' models gave them."
    if "ece_after" in keys:
        said = (
            f"One temperature ({facts['temperature']}) is fitted on all held-out answers. "
            '"After" is measured with each fold\nscaled by the temperature of the other folds.'
        )
    rows = [(name, *(f"{row[key]:.3f}" for key in keys)) for name, row in found.items()]
    head = [f"{'ECE' if key.startswith('ece') else 'Brier'} {key.rpartition('_')[2]}" for key in keys]
    return [said, _grid(("clips", *(head if len(keys) > 2 else ("ECE", "Brier"))), rows)]


def _confusion(confusion: Facts) -> str:
    labels = confusion["rows_gold_columns_predicted"]
    rows = []
    for label, counts in zip(labels, confusion["counts"], strict=True):
        total = max(1, sum(counts))
        rows.append((label, *(f"{100 * count / total:.0f}" for count in counts)))
    return _grid(("", *labels), rows)


def _dimensions(source: str) -> str:
    if source == "derived":
        source = f"derived from the class probabilities by published coordinates ({DIMENSIONS_SOURCE})"
    if source == "trained":
        source = "trained on the ratings of the corpora"
    if source.startswith("trained"):
        return f"These values are {source}. They were not measured on speakers that were not heard."
    return (
        f"They were not learnt from ratings. These values are {source}:\n"
        "they say no more than the class probabilities do, and were not trained or measured."
    )


def _limits(facts: Facts) -> list[str]:
    found, names = [], list(facts["licences_of_corpora"])
    acted = [name for name in names if name in CORPORA and name not in NATURAL]
    own = [name for name in names if name not in CORPORA]
    if len(acted) == len(names):
        found.append(
            "Acted speech only. Actors show more than people feel, and they show it on purpose; expect lower "
            "accuracy on\n  a call."
        )
    elif acted:
        found.append(f"Acted speech in part ({', '.join(acted)}): actors show more than people feel.")
    if own:
        found.append(
            f"Nobody here knows how the recordings of {', '.join(own)} came about, nor who labelled "
            "them: who\n  publishes these weights has to say it."
        )
    languages = sorted({code for data in facts["data"].values() for code in data.get("languages", ())})
    found.append(
        f"Languages learnt: {', '.join(languages) or 'not stated'}. Other languages, children, telephone "
        "bands and\n  overlapping speech are not measured."
    )
    data = facts.get("recipe", {}).get("data", {})
    if data.get("per_epoch") or facts.get("recipe", {}).get("sampling") == "even":
        found.append(
            "Labels are drawn evenly in training: the model expects every emotion as often as neutral. Where "
            "most speech\n  is neutral, its probabilities name emotions too often."
        )
    shortest, longest = facts["utterances_s"]
    if longest > 0:
        found.append(f"Nine of ten utterances that were judged last {shortest} to {longest} seconds.")
    if facts["kind"] == "voice":
        found.append("Under 0.1 s there is no answer; over 30 s parts are averaged.")
    found += [
        "What a person shows is not what a person feels. Do not decide about a person by this model.",
    ]
    return found


def _grid(head: Sequence[object], rows: Sequence[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)
