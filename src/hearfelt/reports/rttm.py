"""RTTM: who speaks when, as NIST's scoring tools read it.

One line an utterance: ``SPEAKER file channel tbeg tdur <NA> <NA> name conf <NA>`` (NIST, Rich
Transcription 2009 evaluation plan, appendix A). The channel counts from 1.
"""

from __future__ import annotations

import re
from pathlib import PurePath

from hearfelt.reports.speakers import Names
from hearfelt.types import Report


def render(report: Report, language: str = "en") -> str:
    """The report as RTTM, sorted by time.

    RTTM has no field for an emotion. ``conf`` is the confidence of the estimate of that stretch. Blanks
    in the file and speaker names become underscores, because fields end at blanks.
    """
    file = _field(PurePath(report.file).stem)
    names = Names(report)
    lines = []
    for e in sorted(report.estimates, key=lambda e: (e.segment.start_s, e.segment.channel)):
        start, length = e.segment.start_s, max(0.001, e.segment.duration_s)
        lines.append(
            f"SPEAKER {file} {e.segment.channel + 1} {start:.3f} {length:.3f} <NA> <NA> "
            f"{_field(names.of(e.segment))} {e.confidence:.3f} <NA>\n"
        )
    return "".join(lines)


def _field(text: str) -> str:
    # Praat, NIST and pyannote all split at blanks; a line that starts with ";;" is a comment.
    return re.sub(r"\s+", "_", text.strip()).lstrip(";") or "unknown"
