"""TextGrid: the tiers that Praat, ELAN and phonetics scripts read.

Each speaker has five interval tiers, named ``speaker/words`` (one interval a word, only where word times
are known), ``speaker/text`` (one an utterance), ``speaker/emotion``, ``speaker/arousal`` and
``speaker/valence`` (numbers with three digits). Intervals of a tier touch and never overlap; where nobody
speaks they are empty.
"""

from __future__ import annotations

from collections.abc import Iterable

from hearfelt.reports.speakers import Names
from hearfelt.reports.subtitles import emotion_tag
from hearfelt.types import ByTime, Estimate, Report

Interval = tuple[int, int, str]
"""Start and end in microseconds and the label: whole numbers touch exactly."""
EMPTY = '""'


def render(report: Report, language: str = "en") -> str:
    """The report as a TextGrid in Praat's long text format."""
    ends = [e.segment.end_s for e in report.estimates] + [w.end_s for w in report.transcript.words]
    end = max(1000, *(_us(t) for t in (report.duration_s, *ends)))
    tiers = [(name, _gapless(intervals, end)) for name, intervals in _tiers(report)]
    lines = [
        'File type = "ooTextFile"',
        'Object class = "TextGrid"',
        "",
        "xmin = 0",
        f"xmax = {_time(end)}",
        "tiers? <exists>",
        f"size = {len(tiers)}",
        "item []:",
    ]
    for number, (name, intervals) in enumerate(tiers, start=1):
        lines += [
            f"    item [{number}]:",
            '        class = "IntervalTier"',
            f"        name = {_quote(name)}",
            "        xmin = 0",
            f"        xmax = {_time(end)}",
            f"        intervals: size = {len(intervals)}",
        ]
        lines += [
            f"        intervals [{place}]:\n"
            f"            xmin = {_time(start_us)}\n"
            f"            xmax = {_time(end_us)}\n"
            f"            text = {_quote(label) if label else EMPTY}"
            for place, (start_us, end_us, label) in enumerate(intervals, start=1)
        ]
    return "\n".join(lines) + "\n"


def _tiers(report: Report) -> list[tuple[str, list[Interval]]]:
    names = Names(report)
    by_speaker: dict[str, list[Estimate]] = {name: [] for name in names.all}
    for estimate in report.estimates:
        by_speaker[names.of(estimate.segment)].append(estimate)
    tiers: list[tuple[str, list[Interval]]] = []
    transcript = ByTime(report.transcript)
    for name, estimates in by_speaker.items():
        words = [
            (_us(word.start_s), _us(word.end_s), word.text.strip())
            for e in estimates
            for word in transcript.between(e.segment)
        ]
        if words:
            tiers.append((f"{name}/words", words))
        tiers.append((f"{name}/text", _spans(estimates, (e.text for e in estimates))))
        tags = (emotion_tag(e)[1:-1] for e in estimates)
        tiers.append((f"{name}/emotion", _spans(estimates, tags)))
        for axis in ("arousal", "valence"):
            values = (getattr(e.emotion, axis) for e in estimates)
            texts = ("" if value is None else f"{value:.3f}" for value in values)
            tiers.append((f"{name}/{axis}", _spans(estimates, texts)))
    # Praat opens no TextGrid without a tier.
    return tiers or [("text", [])]


def _spans(estimates: Iterable[Estimate], labels: Iterable[str]) -> list[Interval]:
    return [
        (_us(e.segment.start_s), _us(e.segment.end_s), label)
        for e, label in zip(estimates, labels, strict=True)
    ]


def _gapless(intervals: Iterable[Interval], end: int) -> list[Interval]:
    """Intervals that fill [0, end]: gaps become empty, an overlap is cut from the later one.

    What lies wholly inside the interval before it cannot be drawn in a tier: its label joins that one's.
    """
    out: list[Interval] = []
    cursor = 0
    for start_us, end_us, label in sorted(intervals, key=lambda item: item[:2]):
        start_us = max(start_us, cursor)
        if end_us <= start_us:
            if out and label:
                first, last, text = out[-1]
                out[-1] = (first, last, f"{text} | {label}" if text else label)
            continue
        if start_us > cursor:
            out.append((cursor, start_us, ""))
        out.append((start_us, end_us, label))
        cursor = end_us
    if cursor < end:
        out.append((cursor, end, ""))
    return out


def _us(seconds: float) -> int:
    return max(0, round(seconds * 1_000_000))


def _time(us: int) -> str:
    whole, rest = divmod(us, 1_000_000)
    return f"{whole}.{rest:06d}"


def _quote(text: str) -> str:
    return '"' + " ".join(text.split()).replace('"', '""') + '"'
