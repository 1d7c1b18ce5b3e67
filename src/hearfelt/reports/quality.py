"""The page of a corpus check: findings with players, what gives labels away, lengths and levels.

One self-contained HTML file without scripts: nothing is loaded from a network, and a content security policy
allows nothing but the page's own style and the sounds in it.
"""

from __future__ import annotations

import base64
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hearfelt.reports import palette
from hearfelt.reports.palette import Tone

if TYPE_CHECKING:
    import jinja2

MOST_FILES = 60
"""A finding lists as many clips on the page; all of them stand in the JSON."""

MOST_SPEAKERS = 60
_MEASURES = (
    ("duration_s", "Length", "s"),
    ("level_dbfs", "Level of the loud parts", "dBFS"),
    ("snr_db", "Speech over noise", "dB"),
)
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True, slots=True)
class Box:
    """One label's quantiles (5, 25, 50, 75, 95 %) of a measure, as places on an axis of 0 to 1000."""

    label: str
    tone: Tone
    at: tuple[float, ...]
    median: float


@dataclass(frozen=True, slots=True)
class Plot:
    """A measure by label; ``ticks`` are values and their places in percent."""

    title: str
    unit: str
    boxes: tuple[Box, ...]
    ticks: tuple[tuple[str, float], ...]


def render(data: Mapping[str, Any], sounds: Mapping[str, bytes]) -> str:
    """The page of a check.

    Args:
        data: facts, findings, associations and clips, as `hearfelt data check --json` writes them.
        sounds: WAV files of some of the clips that findings name.
    """
    counts = data["facts"]["labels"]
    tones = palette.tones([label for label in counts if label != "none"])
    tones.setdefault("none", tones["uncertain"])
    return _template().render(
        data=data,
        facts=data["facts"],
        headline=headline(data),
        tones=tuple({tone.number: tone for tone in tones.values()}.values()),
        tone=tones,
        paper=palette.PAPER,
        style=_asset("style.css"),
        more_style=_asset("quality.css"),
        sounds={name: base64.b64encode(wav).decode("ascii") for name, wav in sounds.items()},
        most_files=MOST_FILES,
        labels=sorted(counts.items(), key=lambda pair: -pair[1]),
        speakers=_speakers(data["clips"]),
        n_speakers=len({clip["speaker"] for clip in data["clips"] if clip["speaker"]}),
        plots=_plots(data["clips"], tones),
    )


def headline(data: Mapping[str, Any]) -> str:
    """The verdict in one line."""
    counts = Counter(finding["severity"] for finding in data["findings"])
    said = [
        f"{counts[severity]} {severity}{'' if counts[severity] == 1 else 's'}"
        for severity in ("error", "warning", "note")
        if counts[severity]
    ]
    return ", ".join(said) if said else "nothing to mend was found"


def _speakers(clips: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[int], list[float]]]:
    """Of the speakers with most clips: clips a label, in the labels' order, and that over the largest."""
    labels = sorted({clip["gold"] for clip in clips if clip["gold"]})
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for clip in clips:
        if clip["speaker"] and clip["gold"]:
            found[clip["speaker"]][clip["gold"]] += 1
    order = sorted(found, key=lambda name: (-sum(found[name].values()), name))[:MOST_SPEAKERS]
    most = max((count for name in order for count in found[name].values()), default=1)
    rows = [(name, [found[name][label] for label in labels]) for name in sorted(order)]
    return [(name, counts, [count / most for count in counts]) for name, counts in rows]


def _plots(clips: Sequence[Mapping[str, Any]], tones: Mapping[str, Tone]) -> list[Plot]:
    readable = [clip for clip in clips if not clip["problem"]]
    labels = sorted({clip["gold"] or "none" for clip in readable})
    plots = []
    for key, title, unit in _MEASURES:
        quantiles = {
            label: np.quantile([c[key] for c in readable if (c["gold"] or "none") == label], _QUANTILES)
            for label in labels
        }
        if not quantiles:
            continue
        low = min(float(q[0]) for q in quantiles.values())
        high = max(float(q[-1]) for q in quantiles.values())
        ticks = _ticks(0.0 if key == "duration_s" else low, high)
        start, span = ticks[0], (ticks[-1] - ticks[0]) or 1.0
        boxes = tuple(
            Box(
                label,
                tones[label],
                tuple(float(1000 * (value - start) / span) for value in q),
                float(q[2]),
            )
            for label, q in quantiles.items()
        )
        shown = tuple((f"{tick:g}", 100 * (tick - start) / span) for tick in ticks)
        plots.append(Plot(title, unit, boxes, shown))
    return plots


def _ticks(low: float, high: float, fewest: int = 3) -> list[float]:
    """Round values from below ``low`` to above ``high``."""
    span = max(high - low, 1e-6)
    scale = 10 ** np.floor(np.log10(span / fewest))
    step = next(float(m * scale) for m in (5, 2, 1) if span / (m * scale) >= fewest - 0.01)
    first, last = int(np.floor(low / step)), int(np.ceil(high / step))
    return [round(i * step, 10) for i in range(first, last + 1)]


def _name(file: str) -> str:
    return Path(file).name


def _asset(name: str) -> str:
    file = resources.files("hearfelt.reports") / "templates" / name
    return file.read_text(encoding="utf-8").strip()


@cache
def _template() -> jinja2.Template:
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["name"] = _name
    environment.globals.update(own=Markup)
    return environment.from_string(_asset("quality.html"))
