"""Findings about single clips and pairs of them: duplicates, clipping, silence, length, offset, rates."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hearfelt.datasets.quality.finding import Finding, place
from hearfelt.datasets.quality.near import near_duplicates
from hearfelt.datasets.quality.options import QualityOptions
from hearfelt.datasets.quality.sound import Measured
from hearfelt.types import Example


def duplicates(examples: Sequence[Example], measured: Sequence[Measured], near: float) -> Iterator[Finding]:
    """The same sound twice, to the sample or nearly, and whether it has two labels or is in two parts."""
    same: dict[str, list[int]] = defaultdict(list)
    for index, m in enumerate(measured):
        if m.hash:
            same[m.hash].append(index)
    exact = [group for group in same.values() if len(group) > 1]
    if exact:
        yield _groups("exact duplicates", examples, exact, "hold the same samples", {})
    # Of exact duplicates one stands for all.
    first = sorted(group[0] for group in same.values())
    pairs = near_duplicates([measured[i].fingerprint for i in first], near)
    alike = {(first[a], first[b]): value for a, b, value in pairs}
    if alike:
        groups = [list(pair) for pair in alike]
        yield _groups("near duplicates", examples, groups, "sound like copies", alike)
    groups = exact + [list(pair) for pair in alike]
    torn = [g for g in groups if len({examples[i].gold for i in g}) > 1]
    if torn:
        yield Finding(
            "duplicates with different labels",
            "error",
            f"{len(torn)} {_s(torn, 'sound is', 'sounds are')} in the table with different labels, the first "
            f"{_pair(examples, torn[0])}: find out which label is right",
            tuple(place(examples[i]) for g in torn for i in g),
            tuple(f"labelled {examples[i].gold}" for g in torn for i in g),
        )
    split = [g for g in groups if len({examples[i].split for i in g if examples[i].split}) > 1]
    if split:
        yield Finding(
            "duplicates across splits",
            "error",
            f"{len(split)} {_s(split, 'sound is', 'sounds are')} in several parts of the official split, the "
            f"first {_pair(examples, split[0])}: take it out of training",
            tuple(place(examples[i]) for g in split for i in g),
            tuple(f"in {examples[i].split}" for g in split for i in g),
        )


def sounds(
    examples: Sequence[Example], measured: Sequence[Measured], options: QualityOptions
) -> Iterator[Finding]:
    """Clips that cannot be read, or are clipped, silent, quiet, noisy, short, long or off zero."""
    broken = [i for i, m in enumerate(measured) if m.problem]
    if broken:
        yield Finding(
            "unreadable",
            "error",
            f"{len(broken)} of {len(examples)} clips cannot be read: mend them or take their rows out",
            tuple(place(examples[i]) for i in broken),
            tuple(measured[i].problem for i in broken),
        )
    readable = [i for i, m in enumerate(measured) if not m.problem]
    left = readable
    for rule in _rules(options):
        values = {i: rule.value(measured[i]) for i in left}
        hit = [i for i, value in values.items() if rule.low < value < rule.high]
        if rule.kind == "silent":
            left = [i for i in readable if i not in hit]
        if hit:
            hit = [i for _, i in sorted((rule.sign * values[i], i) for i in hit)]
            yield Finding(
                rule.kind,
                rule.severity,
                f"{len(hit)} of {len(readable)} clips {rule.words}",
                tuple(place(examples[i]) for i in hit),
                tuple(rule.shown.format(values[i]) for i in hit),
            )
    yield from _mixed([measured[i] for i in readable])


@dataclass(frozen=True, slots=True)
class _Rule:
    """Clips whose value lies between ``low`` and ``high``; an infinite end is the worse one."""

    kind: str
    severity: str
    value: Callable[[Measured], float]
    shown: str
    words: str
    low: float = -math.inf
    high: float = math.inf

    @property
    def sign(self) -> int:
        """1 where small values are worst, -1 where large ones are."""
        return 1 if self.low == -math.inf else -1


def _rules(o: QualityOptions) -> tuple[_Rule, ...]:
    return (
        _Rule(
            "silent",
            "error",
            lambda m: m.level_dbfs,
            "{:.0f} dBFS",
            f"are silent (below {o.silent_dbfs:g} dBFS where they are loudest): take them out",
            high=o.silent_dbfs,
        ),
        _Rule(
            "too short",
            "warning",
            lambda m: m.duration_s,
            "{:.2f} s",
            f"are shorter than {o.min_s:g} s, too short for an utterance: take them out or mend their ends",
            high=o.min_s,
        ),
        _Rule(
            "too long",
            "warning",
            lambda m: m.duration_s,
            "{:.1f} s",
            f"are longer than {o.max_s:g} s, in which a feeling changes: cut them into utterances",
            low=o.max_s,
        ),
        _Rule(
            "clipped",
            "warning",
            lambda m: m.clipped,
            "{:.2%} of the samples",
            f"have more than {o.clipped:.1%} of their samples in runs at full scale: record them again at a "
            "lower level; part of their spectrum is distortion",
            low=o.clipped,
        ),
        _Rule(
            "quiet",
            "note",
            lambda m: m.level_dbfs,
            "{:.0f} dBFS",
            f"are quieter than {o.quiet_dbfs:g} dBFS where they are loudest: check the recording",
            high=o.quiet_dbfs,
        ),
        _Rule(
            "noisy",
            "note",
            lambda m: m.snr_db,
            "{:.0f} dB",
            f"have less than {o.snr_db:g} dB between speech and noise: listen to them",
            high=o.snr_db,
        ),
        _Rule(
            "DC offset",
            "note",
            lambda m: abs(m.dc_offset),
            "mean {:.3f}",
            f"have a mean beyond {o.dc_offset:g} of full scale: subtract it before anything is measured",
            low=o.dc_offset,
        ),
    )


def _mixed(measured: Sequence[Measured]) -> Iterator[Finding]:
    for name, values, advice in (
        (
            "sample rates",
            [f"{m.sample_rate_hz} Hz" for m in measured],
            "what is above the lowest one tells the sources apart: low-pass all alike",
        ),
        ("channel counts", [f"{m.channels}" for m in measured], "make all of them mono"),
    ):
        counts = Counter(values).most_common()
        if len(counts) > 1:
            there = ", ".join(f"{value} ({count} clips)" for value, count in counts)
            yield Finding(f"mixed {name}", "warning", f"{len(counts)} {name} are mixed: {there}; {advice}")


def _groups(
    kind: str,
    examples: Sequence[Example],
    groups: Sequence[Sequence[int]],
    verb: str,
    alike: dict[tuple[int, int], float],
) -> Finding:
    clips = len({i for group in groups for i in group})
    notes = []
    for number, group in enumerate(groups, start=1):
        value = alike.get((group[0], group[1]))
        ending = "" if value is None else f", correlation {value:.3f}"
        notes += [
            f"group {number}{ending}; speaker {examples[i].speaker or '?'}, {examples[i].gold}" for i in group
        ]
    strangers = sum(len({examples[i].speaker for i in g}) > 1 for g in groups)
    whose = f"; {strangers} of them under two speakers' names" if strangers else ""
    return Finding(
        kind,
        "warning",
        f"{clips} clips {verb}, in {len(groups)} {_s(groups, 'group', 'groups')}{whose}, the first "
        f"{_pair(examples, groups[0])}: keep one of each, or keep them in one part of every split",
        tuple(place(examples[i]) for g in groups for i in g),
        tuple(notes),
    )


def _pair(examples: Sequence[Example], group: Sequence[int]) -> str:
    return " = ".join(Path(place(examples[i])).name for i in group[:2])


def _s(things: Sequence[object], one: str, many: str) -> str:
    return one if len(things) == 1 else many
