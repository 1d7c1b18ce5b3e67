"""The drawings of the HTML report as plain numbers and SVG paths; nothing here knows of HTML.

Drawings over time share one axis: 0 to 1000 units are the whole recording. They are stretched to the width of
the page, so no text is drawn in them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from hearfelt.types import Waveform

WIDTH = 1000.0
"""Units of the time axis of every drawing."""

SMOOTH_FROM = 120
"""A line with more points than this is smoothed, so that it can be read."""

_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)


def columns(wave: Waveform, duration_s: float, count: int) -> np.ndarray:
    """Peaks of ``count`` equally long stretches, the loudest of them 1; shape ``(count,)``."""
    peaks = np.nan_to_num(np.abs(np.asarray(wave.peaks, dtype=np.float64)))
    out = np.zeros(count)
    if not len(peaks) or duration_s <= 0 or wave.step_s <= 0:
        return out
    edges = np.linspace(0, duration_s, count + 1) / wave.step_s
    first = np.minimum(edges[:-1].astype(int), len(peaks))
    last = np.minimum(np.maximum(np.ceil(edges[1:]).astype(int), first + 1), len(peaks))
    for i, (a, b) in enumerate(zip(first, last, strict=True)):
        out[i] = peaks[a:b].max() if b > a else 0.0
    top = out.max()
    # The power lifts quiet speech to where one can see it.
    return (out / top) ** 0.7 if top > 0 else out


def wave_paths(
    heights: np.ndarray, duration_s: float, spans: Iterable[tuple[float, float, int]]
) -> dict[int, str]:
    """One path of bars a tone, in a box of 1000 by 100; -1 is the tone of what nobody said.

    Args:
        heights: from `columns`.
        spans: ``(start_s, end_s, tone)`` of each utterance.
    """
    count = len(heights)
    tones = np.full(count, -1)
    for start_s, end_s, tone in spans:
        first = int(start_s / duration_s * count) if duration_s > 0 else 0
        last = max(first + 1, math.ceil(end_s / duration_s * count) if duration_s > 0 else 0)
        tones[first:last] = tone
    step = WIDTH / count
    paths: dict[int, list[str]] = {}
    for i in range(count):
        half = max(0.7, 48 * float(heights[i]))
        bar = f"M{i * step:.5g} {50 - half:.3g}h{0.68 * step:.3g}v{2 * half:.3g}h-{0.68 * step:.3g}z"
        paths.setdefault(int(tones[i]), []).append(bar)
    return {tone: "".join(bars) for tone, bars in paths.items()}


def smooth(values: Sequence[float]) -> list[float]:
    """A centred mean over a fiftieth of a long line; a short one as it is."""
    if len(values) <= SMOOTH_FROM:
        return list(values)
    half = len(values) // 100
    padded = np.pad(np.asarray(values, dtype=np.float64), half, mode="edge")
    kernel = np.full(2 * half + 1, 1 / (2 * half + 1))
    return [float(v) for v in np.convolve(padded, kernel, mode="valid")]


def thin(count: int, most: int = 600) -> list[int]:
    """At most ``most`` of ``count`` places, evenly spread, first and last among them."""
    if count <= most:
        return list(range(count))
    return sorted({round(i * (count - 1) / (most - 1)) for i in range(most)})


def line(points: Sequence[tuple[float, float]]) -> str:
    """A path through ``(x, y)`` points."""
    return "".join(f"{'ML'[i > 0]}{x:.5g} {y:.4g}" for i, (x, y) in enumerate(points))


def dots(points: Sequence[tuple[float, float]]) -> str:
    """Points as strokes of no length: with round ends they stay round however the drawing is stretched."""
    return "".join(f"M{x:.5g} {y:.4g}h0" for x, y in points)


def ticks(duration_s: float, fewest: int = 4) -> list[tuple[float, float, int]]:
    """``(time_s, percent, zoom)`` of the time axis: ``zoom`` 1 is always shown, 4 and 16 when zoomed in."""
    if duration_s <= 0:
        return [(0.0, 0.0, 1)]
    out: dict[float, int] = {}
    for zoom in (1, 4, 16):
        most = fewest * 2 * zoom
        step = next((s for s in _STEPS_S if duration_s / s <= most), _STEPS_S[-1])
        for i in range(int(duration_s / step) + 1):
            out.setdefault(float(i * step), zoom)
    return [(t, 100 * t / duration_s, zoom) for t, zoom in sorted(out.items()) if t < duration_s * 0.97]
