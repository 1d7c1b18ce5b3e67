"""SRT and WebVTT: the words with the emotion in brackets before them, for any player."""

from __future__ import annotations

from collections.abc import Iterator

from hearfelt.labels import DISPLAY
from hearfelt.reports.speakers import Names
from hearfelt.types import Estimate, Report


def render_srt(report: Report, language: str = "en") -> str:
    """The report as SubRip: ``[anger] customer: the words``. Utterances may overlap."""
    names = Names(report, language)
    cues = []
    for number, (start_ms, end_ms, e) in enumerate(_cues(report), start=1):
        line = f"{emotion_tag(e, language)} {names.of(e.segment)}: {e.text}"
        cues.append(f"{number}\n{_clock(start_ms, ',')} --> {_clock(end_ms, ',')}\n{_one_line(line)}\n")
    return "\n".join(cues)


def render_vtt(report: Report, language: str = "en") -> str:
    """The report as WebVTT: ``<v customer>[anger] the words</v>``, text escaped as the format asks."""
    names = Names(report, language)
    header = "WEBVTT\n"
    spoken = report.transcript.language
    if spoken and spoken.replace("-", "").isalnum():
        header += f"Language: {spoken}\n"
    cues = [header]
    for number, (start_ms, end_ms, e) in enumerate(_cues(report), start=1):
        voice = _escape(_one_line(names.of(e.segment)))
        text = _escape(_one_line(f"{emotion_tag(e, language)} {e.text}"))
        cues.append(f"{number}\n{_clock(start_ms, '.')} --> {_clock(end_ms, '.')}\n<v {voice}>{text}</v>\n")
    return "\n".join(cues)


def emotion_tag(estimate: Estimate, language: str = "en") -> str:
    """``[anger]``, or ``[uncertain: anger/fear]`` with the labels that cannot be told apart."""
    display = DISPLAY[language]
    tag = display.get(estimate.label, estimate.label)
    if estimate.abstained and estimate.label_set:
        tag += ": " + "/".join(display.get(label, label) for label in estimate.label_set)
    return f"[{tag}]"


def _cues(report: Report) -> Iterator[tuple[int, int, Estimate]]:
    """Start and end in ms, in order of time; every cue is at least a millisecond long, as WebVTT asks."""
    for estimate in sorted(report.estimates, key=lambda e: (e.segment.start_s, e.segment.channel)):
        start = max(0, round(estimate.segment.start_s * 1000))
        yield start, max(start + 1, round(estimate.segment.end_s * 1000)), estimate


def _clock(ms: int, point: str) -> str:
    seconds, ms = divmod(ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}{point}{ms:03d}"


def _one_line(text: str) -> str:
    """One line without an arrow: a blank line ends a cue and an arrow begins one."""
    return " ".join(text.split()).replace("-->", "→")


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
