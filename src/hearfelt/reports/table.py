"""CSV: one row an estimate, made to open in a spreadsheet by double click."""

from __future__ import annotations

import csv
import io

from hearfelt.types import Estimate, Report

BOM = "\ufeff"
"""Without this mark Excel reads UTF-8 as the code page of the machine."""

COLUMNS = (
    "file",
    "start_s",
    "end_s",
    "speaker",
    "channel",
    "emotion",
    "confidence",
    "label_set",
    "abstained",
    "conflict",
    "arousal",
    "valence",
    "dominance",
    "text",
    "reason",
)
"""The columns before the probabilities; those of `Report.to_frame`, with its index in front."""

_FORMULA = tuple("=+-@\t\r\n＝＋－＠")


def render(report: Report, language: str = "en") -> str:
    """The report as CSV (RFC 4180, comma, CRLF) with a byte order mark.

    Text that a spreadsheet would run as a formula gets an apostrophe in front: words spoken in a recording
    must not become commands. Numbers keep all their digits; unknown dimensions are empty cells.
    """
    labels = list(dict.fromkeys(label for e in report.estimates for label in e.emotion.labels))
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow([*COLUMNS, *map(_cell, labels)])
    for estimate in report.estimates:
        writer.writerow([_cell(value) for value in _row(report.file, estimate, labels)])
    return BOM + out.getvalue()


def _row(file: str, estimate: Estimate, labels: list[str]) -> list[object]:
    segment, emotion = estimate.segment, estimate.emotion
    probabilities = dict(zip(emotion.labels, emotion.probabilities, strict=True))
    return [
        file,
        segment.start_s,
        segment.end_s,
        segment.speaker,
        segment.channel,
        estimate.label,
        estimate.confidence,
        ", ".join(estimate.label_set),
        estimate.abstained,
        estimate.conflict,
        emotion.arousal,
        emotion.valence,
        emotion.dominance,
        estimate.text,
        estimate.reason,
        *(probabilities.get(label) for label in labels),
    ]


def _cell(value: object) -> object:
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, str):
        text = value.replace("\x00", "")
        return f"'{text}" if text.startswith(_FORMULA) else text
    return value
