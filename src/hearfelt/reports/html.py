"""HTML: one self-contained page, readable without JavaScript, without any request to a network.

The template, the style sheet and the script stand in ``templates/``. Everything that comes from a recording
is escaped by Jinja2; a content security policy lets only the page's own script run, by its hash.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from hearfelt.labels import DIMENSIONS_SOURCE
from hearfelt.reports import palette, view
from hearfelt.reports.wording import KINDS, WORDING
from hearfelt.types import UNCERTAIN, Report

if TYPE_CHECKING:
    import jinja2

COMPACT_FROM = 1500
"""With more utterances than this the evidence is written as text instead of bars, to keep the page small."""

DENSE_FROM = 400
"""With more utterances than this the marks carry no words, for which there is no room."""


def render(report: Report, language: str = "en") -> str:
    """The report as one HTML page, its own words in ``language``."""
    words = WORDING[language]
    tones = palette.tones(_labels(report))
    page = view.View(report, language, tones, words)
    script = _asset("script.js")
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    return _template().render(
        report=report,
        view=page,
        t=words,
        kinds=KINDS[language],
        lang={"en": "en", "zh": "zh-CN"}[language],
        tones=tuple(tones.values()),
        paper=palette.PAPER,
        style=_asset("style.css"),
        script=script,
        script_hash=digest,
        compact=len(page.utterances) > COMPACT_FROM,
        dense=len(page.utterances) > DENSE_FROM,
        source=DIMENSIONS_SOURCE,
        uncertain=UNCERTAIN,
    )


def _labels(report: Report) -> list[str]:
    found = [label for e in report.estimates for label in (*e.emotion.labels, *e.label_set)]
    found += [label for e in report.estimates for x in e.evidence for label in x.emotion.labels]
    return found + [label for s in report.speakers for label in s.shares]


def _asset(name: str) -> str:
    file = resources.files("hearfelt.reports") / "templates" / name
    return file.read_text(encoding="utf-8").strip()


@cache
def _template() -> jinja2.Template:
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        clock=view.clock, percent=view.percent, signed=view.signed, view_label=view.shown
    )
    environment.globals.update(columns_of=view.columns_of, own=Markup)
    return environment.from_string(_asset("report.html"))
