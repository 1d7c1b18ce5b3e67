"""The HTML page as text: nothing breaks out of it, every edge renders, the words and colours hold."""

from __future__ import annotations

import dataclasses
import html.parser
import itertools
import re
import string
import time

import numpy as np
import pytest

from hearfelt import labels, reports
from hearfelt.reports import charts, palette, wording
from hearfelt.types import (
    Component,
    Emotion,
    Estimate,
    Evidence,
    Report,
    Segment,
    SpeakerSummary,
    Transcript,
    TurningPoint,
    Waveform,
)

EVIL = (
    "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"' onclick=alert(3) {{7*7}} javascript:"
)


class Tags(html.parser.HTMLParser):
    """Collects what a browser would see as tags, and checks that what is opened is closed."""

    VOID = frozenset(("meta", "input", "br", "img", "link", "wbr", "hr"))

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def utterance(text: str, speaker: str | None = "ann", start: float = 0.0, channel: int = 0) -> Estimate:
    """One utterance of a second."""
    segment = Segment(start, start + 1, speaker, channel)
    verdict = labels.emotion(labels.EKMAN7, (0.1, 0.1, 0.1, 0.4, 0.1, 0.1, 0.1))
    return Estimate(
        segment, verdict, 0.7, ("happiness",), evidence=(Evidence("voice/base", segment, verdict),), text=text
    )


def test_nothing_from_a_recording_becomes_markup() -> None:
    segment = Segment(0, 1, EVIL, 0)
    verdict = Emotion((EVIL, "anger"), (0.6, 0.4), 0.1, 0.1)
    estimate = Estimate(
        segment, verdict, 0.6, (EVIL, "anger"), 0.9, False,
        (Evidence(EVIL, segment, verdict, 0.5, EVIL),), True, EVIL, EVIL, (EVIL,),
    )  # fmt: skip
    summary = SpeakerSummary(
        EVIL, 0, 1, 1.0, {EVIL: 1.0}, ((0.5, 0.1, 0.1),), (TurningPoint(0.5, EVIL, 0.0, 1.0),)
    )
    report = Report(
        EVIL, 2.0, (estimate, dataclasses.replace(estimate, abstained=True)), Transcript((), EVIL, EVIL),
        (summary,), components=(Component(EVIL, EVIL, EVIL, EVIL, EVIL),), warnings=(EVIL,),
        waveforms=(Waveform(0, EVIL, 0.5, (0.1, 0.2, 0.3, 0.4)),), created=EVIL, version=EVIL,
    )  # fmt: skip
    seen = Tags(reports.render(report, "html"))
    assert [tag for tag, _ in seen.tags].count("script") == 1
    assert "img" not in {tag for tag, _ in seen.tags}
    assert not [name for _, attrs in seen.tags for name in attrs if name.startswith("on")]
    assert all((attrs.get("href") or "#").startswith("#") for _, attrs in seen.tags)
    assert EVIL in "".join(seen.text)


def test_the_page_asks_nobody_for_anything(call: Report) -> None:
    text = reports.render(call, "html")
    seen = Tags(text)
    assert not [a for _, a in seen.tags if "src" in a or (a.get("href") or "#")[0] != "#"]
    assert not re.search(r"@import|url\(|https?://(?!localhost)", text)
    (policy,) = [a["content"] for _, a in seen.tags if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy is not None
    assert policy.startswith("default-src 'none'; ")
    assert "script-src 'sha256-" in policy


@pytest.mark.parametrize("language", ["en", "zh"])
def test_everything_said_and_used_stands_in_the_page(call: Report, language: str) -> None:
    seen = Tags(reports.render(call, "html", language=language))
    assert seen.open == []
    text = " ".join(" ".join(seen.text).split())
    for estimate in call.estimates:
        assert estimate.text in text
        assert labels.DISPLAY[language][estimate.label] in text
    for part in call.components:
        assert part.name in text
        assert part.licence in text
    assert call.warnings[0] in text
    assert "Russell" in text, "arousal and valence are derived here, and the page must say so"
    (page,) = [a for tag, a in seen.tags if tag == "html"]
    assert page["lang"] == {"en": "en", "zh": "zh-CN"}[language]


def test_headline_and_turning_points(call: Report) -> None:
    english = reports.render(call, "html")
    assert "<h1>Customer began angry and ended happy; agent sounded most often neutral.</h1>" in english
    assert (
        "At 0:47 customer&#39;s valence rose from −0.24 (slightly unpleasant) to +0.69 (pleasant)." in english
    )
    assert "<h1>Customer开始时愤怒，结束时高兴；agent的语气最常见的是中性。</h1>" in reports.render(
        call, "html", language="zh"
    )


def test_rated_dimensions_are_not_called_derived(call: Report) -> None:
    rated = [
        dataclasses.replace(e, emotion=dataclasses.replace(e.emotion, arousal=-0.9)) for e in call.estimates
    ]
    assert "Russell" not in reports.render(
        dataclasses.replace(call, estimates=tuple(rated), components=()), "html"
    )


EDGES = {
    "nothing": Report("a.wav", 0.0),
    "silence": Report("a.wav", 9.0, silence_s=9.0, waveforms=(Waveform(0, "ann", 0.5, (0.0,) * 18),)),
    "one utterance, no transcript": Report("a.wav", 2.0, (utterance(""),)),
    "no names": Report("a.wav", 2.0, (utterance("hi", None), utterance("ho", None, 1.0, 1))),
    "eight channels": Report(
        "a.wav", 9.0, tuple(utterance("hi", f"speaker {i}", float(i), i) for i in range(8)),
        speakers=tuple(
            SpeakerSummary(f"speaker {i}", i, 1, 1.0, {"happiness": 1.0}, ((i + 0.5, 0.1, 0.2),))
            for i in range(8)
        ),
        waveforms=tuple(Waveform(i, f"speaker {i}", 0.1, (0.2,) * 90) for i in range(8)),
    ),
    "longer than it says": Report("a.wav", 0.0, (utterance("hi", start=50.0),)),
    "no dimensions": Report(
        "a.wav", 2.0, (Estimate(Segment(0, 1), Emotion(("frustration", "joy"), (0.3, 0.7)), 0.7),)
    ),
    "chinese, arabic, long": Report(
        "a.wav", 9.0,
        (utterance("你好，我的水壶还没到。"), utterance("أين طلبي؟", start=2), utterance("x" * 900, start=4)),
        Transcript((), "zh"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("name", EDGES)
def test_edges_render_in_every_format(name: str, language: str) -> None:
    report = EDGES[name]
    seen = Tags(reports.render(report, "html", language=language))
    assert seen.open == []
    assert [
        a.get("class", "").split()[0] for _, a in seen.tags if (a.get("class") or "").startswith("m ")
    ] == ["m"] * len(report.estimates)
    for format in reports.FORMATS:
        assert isinstance(reports.render(report, format, language=language), str)


def test_no_speech_says_so() -> None:
    assert "<h1>No speech was found in this recording.</h1>" in reports.render(EDGES["silence"], "html")


def test_many_utterances_stay_small_and_quick() -> None:
    one = utterance("some words that one might say")
    many = tuple(
        dataclasses.replace(one, segment=Segment(2.0 * i, 2.0 * i + 1.5, "ann")) for i in range(2000)
    )
    start = time.process_time()
    page = reports.render(Report("a.wav", 4000.0, many), "html")
    assert time.process_time() - start < 20
    assert page.count('class="u ') == 2000
    assert len(page) < 1200 * 2000, "an utterance takes less than 1.2 kB where there are many"


def test_both_languages_say_the_same_things() -> None:
    assert set(wording.WORDING["en"]) == set(wording.WORDING["zh"])
    assert set(wording.KINDS["en"]) == set(wording.KINDS["zh"])
    for key, text in wording.WORDING["en"].items():
        fields = {field for _, field, _, _ in string.Formatter().parse(text) if field}
        chinese = {f for _, f, _, _ in string.Formatter().parse(wording.WORDING["zh"][key]) if f}
        assert fields == chinese, key
    for language in ("en", "zh"):
        codes = wording.CODES[language]
        assert set(codes) == {*labels.CANONICAL, "uncertain"}
        assert len(set(codes.values())) == len(codes)


# Machado, Oliveira, Fernandes 2009, severity 1, for linear RGB.
SIGHT = {
    "all cones": np.eye(3),
    "no L cones": [[0.152286, 1.052583, -0.204868],
                   [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "no M cones": [[0.367322, 0.860646, -0.227968],
                   [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "no S cones": [[1.255528, -0.076749, -0.178779],
                   [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}  # fmt: skip
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.072175], [0.0193339, 0.119192, 0.9503041]]
)


def lab(colour: str, sight: str) -> np.ndarray:
    """CIELAB of a colour as somebody sees it; shape (3,)."""
    rgb = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = TO_XYZ @ np.clip(np.asarray(SIGHT[sight]) @ linear, 0, 1) / np.array([0.95047, 1, 1.08883])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("theme", [0, 1])
@pytest.mark.parametrize("sight", SIGHT)
def test_the_seven_colours_stay_apart_for_every_eye(theme: int, sight: str) -> None:
    seen = {label: lab(palette.COLOURS[label][theme], sight) for label in labels.EKMAN7}
    nearest = min(
        (float(np.linalg.norm(seen[a] - seen[b])), a, b) for a, b in itertools.combinations(seen, 2)
    )
    assert nearest[0] > 15, nearest


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_colours_and_their_ink_can_be_read(theme: str) -> None:
    for tone in palette.tones(["frustration", "pride"]).values():
        colour, ink = (tone.light, tone.light_ink) if theme == "light" else (tone.dark, tone.dark_ink)
        assert palette.contrast(colour, palette.PAPER[theme]) >= 3, (tone.label, "mark on paper")
        assert palette.contrast(colour, ink) >= 4.5, (tone.label, "word on mark")


def test_the_loudest_moment_fills_the_lane_wherever_it_is() -> None:
    wave = Waveform(0, None, 0.5, (0.0, 0.1, 0.4, 0.1))
    heights = charts.columns(wave, 2.0, 4)
    assert heights.argmax() == 2
    assert heights.max() == 1
    assert charts.columns(wave, 4.0, 4)[2:].max() == 0, "the wave ends before the recording"


@pytest.mark.parametrize("duration_s", [0.0, 0.4, 7.0, 60.0, 3600.0, 36000.0])
def test_time_marks_are_few_and_round(duration_s: float) -> None:
    marks = [mark for mark in charts.ticks(duration_s) if mark[2] == 1]
    assert 1 <= len(marks) <= 9
    assert all(0 <= percent <= 97 for _, percent, _ in marks)
