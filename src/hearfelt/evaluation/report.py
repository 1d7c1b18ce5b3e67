"""What `judge` and a benchmark found as JSON, Markdown or one self-contained HTML page."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hearfelt
from hearfelt.datasets.files import write_text
from hearfelt.errors import OptionError, unknown_name
from hearfelt.evaluation import charts, markdown

if TYPE_CHECKING:
    import jinja2

NAMES = {"uar": "UAR", "wa": "WA", "macro_f1": "macro F1", "weighted_f1": "weighted F1"}
Found = Mapping[str, Any]


def write(found: Found, path: Path) -> None:
    """Write an evaluation or a benchmark; the ending of the name says how: .html, .md or .json.

    Raises:
        OptionError: another ending.
        CorpusError: the file cannot be written.
    """
    write_text(path, FORMATS[checked(path)](found))


def checked(path: Path) -> str:
    """The ending of a report's name.

    Raises:
        OptionError: none that is known, or the path is a folder.
    """
    if path.suffix.lower() not in FORMATS:
        raise unknown_name("ending of a report", path.suffix, FORMATS)
    if path.is_dir():
        raise OptionError(f"{path} is a folder: name a file in it")
    return path.suffix.lower()


def as_json(found: Found) -> str:
    """All of it, indented."""
    return json.dumps(found, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def as_markdown(found: Found) -> str:
    """Tables in Markdown."""
    return markdown.benchmark(found) if "tables" in found else markdown.evaluation(found)


def as_html(found: Found) -> str:
    """One page without a script and without a request to any network."""
    return _benchmark_page(found) if "tables" in found else _evaluation_page(found)


FORMATS: Mapping[str, Callable[[Found], str]] = {".html": as_html, ".md": as_markdown, ".json": as_json}
"""Ending of a file to the function that makes its text."""


def _evaluation_page(found: Found) -> str:
    from markupsafe import Markup

    groups = {
        column: Markup(
            charts.intervals(
                [{"name": row["name"], **row["uar"], "note": f"({row['clips']} clips)"} for row in rows],
                "UAR",
            )
        )
        for column, rows in found["groups"].items()
    }
    svg = {"confusion": Markup(charts.confusion(found["labels"], found["confusion"])), "groups": groups}
    if "calibration" in found:
        svg["reliability"] = Markup(charts.reliability(found["calibration"]["reliability"]))
        svg["risk_coverage"] = Markup(charts.risk_coverage(found["selective"]["curve"]))
    title = found["name"] or "Evaluation"
    return _page("evaluation.html", kind="evaluation", title=title, e=found, svg=svg, names=NAMES)


def _benchmark_page(found: Found) -> str:
    from markupsafe import Markup

    svg = [
        Markup(
            charts.intervals(
                [
                    {"name": r["name"], **r["uar"], "kind": r["kind"], "note": r["note"]}
                    for r in table["rows"]
                ],
                table["score_name"],
                table["chance"],
            )
        )
        for table in found["tables"]
    ]
    return _page("benchmark.html", kind="benchmark", title=found["title"], b=found, svg=svg)


def _page(template: str, **values: Any) -> str:
    from markupsafe import Markup

    style = Markup(_asset("style.css"))
    return _environment().get_template(template).render(style=style, version=hearfelt.__version__, **values)


def _asset(name: str) -> str:
    file = resources.files("hearfelt.evaluation") / "templates" / name
    return file.read_text(encoding="utf-8").strip()


@cache
def _environment() -> jinja2.Environment:
    import jinja2

    names = ("frame.html", "evaluation.html", "benchmark.html")
    return jinja2.Environment(
        loader=jinja2.DictLoader({name: _asset(name) for name in names}),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
