"""Findings about the table: its columns, its labels, its parts, and what gives the labels away."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from hearfelt.datasets.quality.finding import Finding, named, place
from hearfelt.datasets.quality.giveaway import Association
from hearfelt.types import Example

_GAIN = {"error": 0.5, "warning": 0.2, "note": 0.05}
"""Share of the way from chance to certainty from which a giveaway has a severity."""

_P_VALUE = 0.02

_ADVICE = {
    "speaker": "a split that shares speakers would measure who speaks; hold speakers out",
    "gender": "report scores for each gender",
    "text": "a model that hears words can learn the script; hold sentences out "
    "(hearfelt data split --kind group --column text) or trust no score of words",
    "duration": "report what length alone reaches beside every score",
    "language": "hold languages out, or use the labels that all languages have",
    "corpus": "a model can learn the room instead of the feeling; report each corpus by itself",
}
_RECORDED = "labels were recorded or stored differently; write all clips alike"


def columns(examples: Sequence[Example]) -> Iterator[Finding]:
    """Columns that are empty, so that something cannot be checked or split by."""
    for column, severity, loss in (
        ("gold", "warning", "they can be neither learnt from nor tested on"),
        ("speaker", "warning", "no split can be shown to be speaker-independent"),
        ("text", "note", "whether words give the label away cannot be checked"),
        ("licence", "note", "nobody can say what a model trained on them may be used for"),
    ):
        bare = [place(e) for e in examples if not getattr(e, column)]
        if bare:
            name = "label" if column == "gold" else column
            which = "All" if len(bare) == len(examples) else f"{len(bare)} of {len(examples)}"
            files = () if len(bare) == len(examples) else tuple(bare)
            yield Finding(f"no {name}", severity, f"{which} examples have no {name}: {loss}", files)


def labels(examples: Sequence[Example], few: int, imbalance: float) -> Iterator[Finding]:
    """One class or one speaker only, rare labels, labels of one speaker, imbalance."""
    counts = Counter(e.gold for e in examples if e.gold)
    if len(counts) == 1:
        yield Finding(
            "one class",
            "error",
            f"All examples are labelled {next(iter(counts))}: a model needs at least 2 labels",
        )
    speakers: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for e in examples:
        if e.gold and e.speaker:
            speakers[e.gold].add((e.corpus, e.speaker))
    everyone = set().union(*speakers.values()) if speakers else set()
    if len(everyone) == 1:
        yield Finding(
            "one speaker",
            "error",
            f"Speaker {next(iter(everyone))[1]} is the only one: nobody can be held out, so no score tells "
            "how a model does on another voice",
        )
    rare = sorted(label for label, count in counts.items() if count < few)
    if rare:
        there = named([f"{label} ({counts[label]})" for label in rare], most=6)
        yield Finding(
            "rare labels", "warning", f"Labels with fewer than {few} clips: {there}; drop or merge them"
        )
    lonely = sorted(label for label in counts if len(speakers[label]) == 1 and len(everyone) > 1)
    if lonely:
        yield Finding(
            "labels of one speaker",
            "error",
            f"{named(lonely, most=6)}: one speaker alone has this label, so it is told by the voice; record "
            "others or drop it",
        )
    if len(counts) > 1:
        (most, n_most), (least, n_least) = counts.most_common()[0], counts.most_common()[-1]
        if n_most >= imbalance * n_least:
            yield Finding(
                "imbalance",
                "warning" if n_most >= 3 * imbalance * n_least else "note",
                f"{most} has {n_most} clips, {least} {n_least}, {n_most / n_least:.1f} times fewer: score by "
                "UAR, and weight the classes in training",
            )


def parts(examples: Sequence[Example]) -> Iterator[Finding]:
    """Speakers who are in more than one part of the official split."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for e in examples:
        if e.speaker and e.split:
            found[e.corpus, e.speaker].add(e.split)
    shared = sorted(speaker for (_, speaker), split in found.items() if len(split) > 1)
    if shared:
        yield Finding(
            "speakers across splits",
            "warning",
            f"{len(shared)} of {len(found)} speakers are in more than one part of the official split "
            f"({named(shared)}): scores on it are speaker-dependent",
        )


def giveaways(found: Sequence[Association], there: Mapping[str, bool]) -> Iterator[Finding]:
    """Things that say more about the label than chance does."""
    for a in found:
        severity = next((s for s, gain in _GAIN.items() if a.gain >= gain), None)
        if severity is None or a.p_value > _P_VALUE or (a.what == "text" and not there.get("text")):
            continue
        figures = f"UAR {a.uar:.1%}, chance {a.chance:.1%}"
        if a.cramers_v is not None:
            figures += f", Cramér's V {a.cramers_v:.2f}, {a.information_bits:.2f} bits"
        if a.majority_rate is not None:
            figures += f", majority of the group right {a.majority_rate:.1%} (of all {a.base_rate:.1%})"
        yield Finding(
            f"{a.what} gives label away",
            severity,
            f"The {a.what} alone gives the label away ({figures}, p {a.p_value:.2g}): "
            f"{_ADVICE.get(a.what, _RECORDED)}",
        )
