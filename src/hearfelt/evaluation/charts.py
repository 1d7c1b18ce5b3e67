"""Plots as inline SVG in the colours of the page (CSS variables); every number is also in a title."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

_CELL = 46.0
_LETTER = 6.6
"""Width of a letter, roughly."""
_LONGEST = 36
"""Letters of a name that are drawn."""


def confusion(labels: Sequence[str], counts: Sequence[Sequence[int]]) -> str:
    """A table of confusions: rows are gold labels, shaded by the share of the row; counts in the cells."""
    rows = [i for i, row in enumerate(counts) if sum(row)]
    left, top = _width(labels[i] for i in rows) + 26, 0.65 * _width(labels) + 30
    below = top + _CELL * len(rows)
    parts = [
        _text(left, 12, "answered", "axis"),
        _text(11, (top + below) / 2, "gold", "axis", "middle", turn=-90),
    ]
    for j, label in enumerate(labels):
        parts.append(_text(left + _CELL * (j + 0.5), top - 6, label, turn=-40))
    for line, i in enumerate(rows):
        y = top + _CELL * line
        parts.append(_text(left - 8, y + _CELL / 2 + 4, labels[i], anchor="end"))
        parts += [_cell(left + _CELL * j, y, labels, counts[i], i, j) for j in range(len(labels))]
    width = left + _CELL * len(labels) + max(8.0, 0.8 * _width(labels[-1:]) + 8 - _CELL / 2)
    return _svg(width, below + 8, "Confusion matrix", parts)


def _cell(x: float, y: float, labels: Sequence[str], row: Sequence[int], i: int, j: int) -> str:
    share = row[j] / sum(row)
    ink = "strong" if share > 0.5 else ("" if row[j] else "faint")
    place = f'x="{x + 1:.0f}" y="{y + 1:.0f}" width="{_CELL - 2:.0f}" height="{_CELL - 2:.0f}" rx="4"'
    return _group(
        f"{labels[i]} answered as {labels[j]}: {row[j]} of {sum(row)} ({share:.0%})",
        f'<rect class="cell" {place}/>',
        f'<rect class="{"hit" if i == j else "miss"}" {place} opacity="{share:.3f}"/>',
        _text(x + _CELL / 2, y + _CELL / 2 + 4, str(row[j]), ink, "middle"),
    )


def reliability(curve: Sequence[Mapping[str, Any]]) -> str:
    """Accuracy over confidence, the diagonal of perfect calibration, and a bar of clips for each bin."""
    plot = _Plot("confidence", "accuracy")
    most = max((p["clips"] for p in curve), default=1)
    drawn = []
    for p in curve:
        tall = 46 * p["clips"] / most
        x, y = plot.x(p["confidence"]) - 5, plot.y(0) - tall
        drawn.append(f'<rect class="bar" x="{x:.1f}" y="{y:.1f}" width="10" height="{tall:.1f}"/>')
    drawn.append(plot.line([(0, 0), (1, 1)], "guide"))
    drawn.append(plot.line([(p["confidence"], p["accuracy"]) for p in curve], "line"))
    for p in curve:
        said = f"{p['clips']} clips: confidence {p['confidence']:.2f}, right {p['accuracy']:.2f}"
        drawn.append(_group(said, _dot(plot.x(p["confidence"]), plot.y(p["accuracy"]), "dot")))
    return plot.svg("Reliability curve", drawn)


def risk_coverage(curve: Sequence[Mapping[str, float]]) -> str:
    """Share of wrong answers among those given, over the share of clips answered."""
    highest = max(p["risk"] for p in curve)
    plot = _Plot("share of clips answered", "share wrong", top=max(0.1, math.ceil(10 * highest) / 10))
    return plot.svg("Risk–coverage curve", [plot.line([(p["coverage"], p["risk"]) for p in curve], "line")])


def intervals(rows: Sequence[Mapping[str, Any]], label: str, mark: float | None = None) -> str:
    """A line a row: name, score as a dot, its interval as a bar, the number in percent.

    Args:
        rows: ``name``, ``value``, ``low`` and ``high`` (or None), ``note``; the dot is filled where ``kind``
            is "ours" or missing.
        label: of the scores.
        mark: a score to draw a dashed line at, such as chance.
    """
    left, wide, step = _width(str(row["name"]) for row in rows) + 14, 300.0, 26
    values = [x for row in rows for x in (row["value"], row["low"], row["high"], mark) if x is not None]
    low = max(0.0, math.floor(10 * min(values) - 0.3) / 10)
    high = min(1.0, math.ceil(10 * max(values) + 0.1) / 10)
    bottom = 4 + step * len(rows)

    def x(value: float) -> float:
        return left + wide * (value - low) / max(high - low, 0.1)

    parts = []
    ticks = round(10 * (high - low))
    for k in range(ticks + 1):
        at = low + k / 10
        parts.append(_path(f"M{x(at):.1f} 4V{bottom}", "grid"))
        if ticks < 7 or k % 2 == 0:
            parts.append(_text(x(at), bottom + 16, f"{100 * at:.0f}", "axis", "middle"))
    parts.append(_text(left + wide / 2, bottom + 31, f"{label} in percent", "axis", "middle"))
    if mark is not None:
        parts.append(_group(f"chance {100 * mark:.1f}", _path(f"M{x(mark):.1f} 4V{bottom}", "guide")))
    for k, row in enumerate(rows):
        parts.append(_interval(row, 4 + step * (k + 0.5), left, left + wide, x))
    return _svg(left + wide + 50, bottom + 38, label, parts)


def _interval(row: Mapping[str, Any], y: float, left: float, right: float, x: Any) -> str:
    said, drawn = f"{row['name']}: {100 * row['value']:.1f}", []
    if row["low"] is not None:
        said += f" [{100 * row['low']:.1f}, {100 * row['high']:.1f}]"
        drawn.append(_path(f"M{x(row['low']):.1f} {y}H{x(row['high']):.1f}", "whisker"))
    kind = "dot" if row.get("kind", "ours") == "ours" else "ring"
    return _group(
        f"{said} {row.get('note', '')}".strip(),
        _text(left - 10, y + 4, str(row["name"]), anchor="end"),
        *drawn,
        _dot(x(row["value"]), y, kind),
        _text(right + 10, y + 4, f"{100 * row['value']:.1f}", "value"),
    )


class _Plot:
    """Axes from 0 to 1 across and from 0 to ``top`` upwards."""

    width, height = 340.0, 260.0

    def __init__(self, across: str, upwards: str, top: float = 1.0) -> None:
        self.across, self.upwards, self.top = across, upwards, top

    def x(self, value: float) -> float:
        return 44 + (self.width - 56) * value

    def y(self, value: float) -> float:
        return self.height - 40 - (self.height - 50) * value / self.top

    def line(self, points: Sequence[tuple[float, float]], kind: str) -> str:
        steps = (f"{'ML'[i > 0]}{self.x(a):.1f} {self.y(b):.1f}" for i, (a, b) in enumerate(points))
        return _path("".join(steps), kind)

    def svg(self, title: str, drawn: Sequence[str]) -> str:
        parts = []
        for k in range(6):
            across, upwards = k / 5, self.top * k / 5
            parts.append(_path(f"M{self.x(0):.1f} {self.y(upwards):.1f}H{self.x(1):.1f}", "grid"))
            parts.append(_text(38, self.y(upwards) + 4, f"{upwards:.2g}", "axis", "end"))
            parts.append(_text(self.x(across), self.height - 22, f"{across:.1f}", "axis", "middle"))
        parts.append(_text(self.x(0.5), self.height - 5, self.across, "axis", "middle"))
        parts.append(_text(11, self.y(self.top / 2), self.upwards, "axis", "middle", turn=-90))
        return _svg(self.width, self.height, title, [*parts, *drawn])


def _svg(width: float, height: float, title: str, parts: Sequence[str]) -> str:
    box = f'viewBox="0 0 {width:.0f} {height:.0f}" style="max-width:{width:.0f}px"'
    return f'<svg {box} role="img" aria-label="{escape(title)}">{"".join(parts)}</svg>'


def _group(title: str, *drawn: str) -> str:
    return f"<g><title>{escape(title)}</title>{''.join(drawn)}</g>"


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "", turn: float = 0) -> str:
    shown = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    more = f' class="{kind}"' if kind else ""
    more += f' text-anchor="{anchor}"' if anchor else ""
    more += f' transform="rotate({turn} {x:.1f} {y:.1f})"' if turn else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{more}>{escape(shown)}</text>'


def _path(steps: str, kind: str) -> str:
    return f'<path class="{kind}" d="{steps}"/>'


def _dot(x: float, y: float, kind: str) -> str:
    return f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="4.5"/>'


def _width(texts: Iterable[str]) -> float:
    return max((_LETTER * min(len(text), _LONGEST) for text in texts), default=0.0)
