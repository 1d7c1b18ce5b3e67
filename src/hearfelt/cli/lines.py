"""Estimates and summaries as lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hearfelt import labels
from hearfelt.reports.asked import sentences
from hearfelt.types import Estimate, Report, SpeakerSummary

_BARS = "▁▂▃▄▅▆▇█"
_COURSE_WIDTH = 40
_MOST_TURNS = 4  # the sharpest; all of them stand in the report
_TEXTS = {
    "en": {
        "utterances": "{utterances}, {talk:.1f} s of talk, {breaks}",
        "turn": "{dimension} goes from {before:+.2f} to {after:+.2f} at {time}",
        "more": "{n} smaller turning points stand in the report",
        "total": "{duration} long, {silence:.1f} s of silence, {overlap:.1f} s of overlap",
        "nothing": "no speech was found",
        "warning": "note: ",
        "arousal": "arousal",
        "valence": "valence",
        "speaker": "speaker",
    },
    "zh": {
        "utterances": "{n} 句话，说话 {talk:.1f} 秒，打断 {interruptions} 次",
        "turn": "{time} {dimension}从 {before:+.2f} 变为 {after:+.2f}",
        "more": "另有 {n} 个较小的转折点，见报告",
        "total": "全长 {duration}，沉默 {silence:.1f} 秒，重叠 {overlap:.1f} 秒",
        "nothing": "没有找到语音",
        "warning": "注意：",
        "arousal": "唤醒度",
        "valence": "效价",
        "speaker": "说话人",
    },
}


def columns(rows: Sequence[Sequence[object]]) -> str:
    """Rows as text, each column but the last as wide as its longest cell."""
    widths = [max(len(str(row[i])) for row in rows) for i in range(len(rows[0]))]
    widths[-1] = 0
    return "\n".join(
        "  ".join(str(cell).ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def counted(number: int, what: str, none: str = "no") -> str:
    """A number of things: ``1 clip``, ``3 clips``, ``no clips``."""
    return f"{number or none} {what}{'' if number == 1 else 's'}"


def clock(seconds: float, digits: int = 1) -> str:
    """A time as 01:02.3, with hours where there are any."""
    tenths = round(seconds, digits)
    hours, rest = divmod(tenths, 3600)
    minutes, seconds = divmod(rest, 60)
    width = 3 + digits if digits else 2
    head = f"{int(hours)}:" if hours else ""
    return f"{head}{int(minutes):02d}:{seconds:0{width}.{digits}f}"


def estimate_lines(estimate: Estimate, language: str = "en") -> Iterator[str]:
    """One utterance: time, speaker, emotion with confidence, the words; below it the reason."""
    words = labels.DISPLAY[language]
    if estimate.abstained:
        verdict = f"{words['uncertain']} {{{', '.join(words.get(x, x) for x in estimate.label_set)}}}"
    else:
        verdict = f"{words.get(estimate.label, estimate.label)} {estimate.confidence:.2f}"
    segment = estimate.segment
    when = f"{clock(segment.start_s)}–{clock(segment.end_s)}"
    speaker = segment.speaker or _TEXTS[language]["speaker"]
    text = f"  “{estimate.text}”" if estimate.text else ""
    yield f"{when}  {speaker:<10} {verdict:<16}{text}"
    if estimate.reason:
        yield f"{'':{len(when)}}  {estimate.reason}"


def summary_lines(report: Report, language: str = "en") -> Iterator[str]:
    """The recording: per speaker shares, course, turning points; silence, language model, warnings."""
    texts = _TEXTS[language]
    for speaker in report.speakers:
        yield from _speaker_lines(speaker, language)
    if not report.speakers:
        yield texts["nothing"]
    yield texts["total"].format(
        duration=clock(report.duration_s), silence=report.silence_s, overlap=report.overlap_s
    )
    if report.asked:
        yield from sentences(report.asked, language)
    for warning in report.warnings:
        yield texts["warning"] + warning


def _speaker_lines(speaker: SpeakerSummary, language: str) -> Iterator[str]:
    texts, words = _TEXTS[language], labels.DISPLAY[language]
    counts = texts["utterances"].format(
        n=speaker.utterances,
        utterances=counted(speaker.utterances, "utterance", "0"),
        talk=speaker.talk_s,
        interruptions=speaker.interruptions,
        breaks=counted(speaker.interruptions, "interruption", "0"),
    )
    yield f"{speaker.speaker}: {counts}"
    yield "  " + " · ".join(f"{words.get(k, k)} {v:.0%}" for k, v in speaker.shares.items())
    if len(speaker.course) > 1:
        arousal, valence = ([row[axis] for row in speaker.course] for axis in (1, 2))
        yield f"  {texts['arousal']} {_bars(arousal)}  {texts['valence']} {_bars(valence)}"
    points = sorted(speaker.turning_points, key=lambda p: -abs(p.after - p.before))
    shown = sorted(points[:_MOST_TURNS], key=lambda p: p.time_s)
    for point in shown:
        yield "  " + texts["turn"].format(
            dimension=texts[point.dimension], before=point.before, after=point.after, time=clock(point.time_s)
        )
    if len(points) > len(shown):
        yield "  " + texts["more"].format(n=len(points) - len(shown))


def _bars(values: Sequence[float]) -> str:
    """Values in [-1, 1] as a row of bars; long rows are averaged down to `_COURSE_WIDTH`."""
    size = -(-len(values) // _COURSE_WIDTH)
    means = [sum(values[i : i + size]) / len(values[i : i + size]) for i in range(0, len(values), size)]
    return "".join(_BARS[min(len(_BARS) - 1, max(0, int((value + 1) / 2 * len(_BARS))))] for value in means)
