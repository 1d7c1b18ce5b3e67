"""The HTML page in a real browser: what a reader sees, by the geometry that Chromium gives it."""

from __future__ import annotations

import base64
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hearfelt import reports
from hearfelt.reports import palette
from hearfelt.types import Report
from tests.reports.test_html import EDGES

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 375, "height": 812}

WEAK_TEXT = """() => {
  const numbers = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const colour = (text) =>
    numbers(text).map((c, i) => (text.startsWith("color(srgb") && i < 3 ? c * 255 : c));
  const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  const light = (c) => [0.2126, 0.7152, 0.0722].reduce((sum, w, i) => sum + w * linear(c[i] / 255), 0);
  const found = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const node = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || !node.checkVisibility()) continue;
    if (node.closest("script, .sr, svg")) continue;
    let behind = node;
    while (colour(getComputedStyle(behind).backgroundColor)[3] === 0) behind = behind.parentElement;
    const a = light(colour(getComputedStyle(node).color));
    const b = light(colour(getComputedStyle(behind).backgroundColor));
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) found.push([contrast, node.outerHTML.slice(0, 90)]);
  }
  return found;
}"""
"""Every visible text whose contrast with what lies behind it is below WCAG AA."""

COUNT_COLOURS = """async (picture) => {
  const bytes = Uint8Array.from(atob(picture), (letter) => letter.charCodeAt(0));
  const bitmap = await createImageBitmap(new Blob([bytes], {type: "image/png"}));
  const pen = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
  pen.drawImage(bitmap, 0, 0);
  const data = pen.getImageData(0, 0, bitmap.width, bitmap.height).data;
  const found = {};
  for (let i = 0; i < data.length; i += 4) {
    const colour = "#" + [0, 1, 2].map((c) => data[i + c].toString(16).padStart(2, "0")).join("");
    found[colour] = (found[colour] || 0) + 1;
  }
  return found;
}"""
"""Counts the colours of a PNG picture given in base64."""

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One Chromium for all tests of this file."""
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def files(call: Report, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample call and the edges as pages in a folder."""
    folder = tmp_path_factory.mktemp("pages")
    reports.write(call, folder, ["html"], stem="call")
    reports.write(call, folder, ["html"], stem="call-zh", language="zh")
    for number, report in enumerate(EDGES.values()):
        reports.write(report, folder, ["html"], stem=f"edge-{number}")
    return folder


class Shown:
    """Opens pages and remembers whatever a page complained about or asked for."""

    def __init__(self, browser: Any, folder: Path) -> None:
        self._browser, self._folder = browser, folder
        self._contexts: list[Any] = []
        self.complaints: list[str] = []
        self.requests: list[str] = []

    def open(self, stem: str, size: dict[str, int], scheme: str = "light", scripts: bool = True) -> Any:
        context = self._browser.new_context(
            viewport=size, color_scheme=scheme, java_script_enabled=scripts, reduced_motion="reduce"
        )
        self._contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(90_000)
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))
        page.goto((self._folder / f"{stem}.html").as_uri())
        return page

    def close(self) -> None:
        for context in self._contexts:
            context.close()


@pytest.fixture
def shown(browser: Any, files: Path) -> Iterator[Shown]:
    """Pages of one test; at its end no page may have complained or asked for anything but itself."""
    shown = Shown(browser, files)
    yield shown
    shown.close()
    assert shown.complaints == []
    assert [url for url in shown.requests if not url.startswith("file:")] == []
    assert len(shown.requests) == len(shown._contexts), "one page is one request"


def background(page: Any) -> str:
    """The colour behind the page as the browser computed it."""
    return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))


def pixels(page: Any) -> Counter[str]:
    """How many pixels of each colour (``#rrggbb``) screenshots of the ribbons have together."""
    found: Counter[str] = Counter()
    blank = page.context.browser.new_page()  # the report itself forbids a page to load a picture
    try:
        for ribbon in page.locator(".ribbon").all():
            picture = base64.b64encode(ribbon.screenshot()).decode()
            found.update(blank.evaluate(COUNT_COLOURS, picture))
    finally:
        blank.close()
    return found


@pytest.mark.parametrize("stem", ["call", "call-zh", *(f"edge-{i}" for i in range(len(EDGES)))])
def test_a_phone_never_scrolls_sideways(shown: Shown, stem: str) -> None:
    page = shown.open(stem, PHONE)
    page.evaluate("document.querySelectorAll('details').forEach((node) => { node.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    wide = page.evaluate(
        """() => [...document.querySelectorAll("body *")].filter((node) =>
            node.getBoundingClientRect().right > innerWidth + 1 && !node.closest(".scroll, .wide, .sr")
        ).map((node) => node.outerHTML.slice(0, 80))"""
    )
    assert wide == []


def test_the_ribbon_shows_every_utterance_where_it_was(shown: Shown, call: Report) -> None:
    page = shown.open("call", DESKTOP)
    marks = page.evaluate(
        """() => [...document.querySelectorAll(".m")].map((mark) => {
            const box = mark.getBoundingClientRect(), lane = mark.parentElement.getBoundingClientRect();
            return {id: mark.hash.slice(2), left: (box.left - lane.left) / lane.width,
                    width: box.width / lane.width,
                    height: box.height, colour: getComputedStyle(mark).backgroundColor, name: mark.ariaLabel};
        })"""
    )
    assert len(marks) == len(call.estimates)
    for mark in marks:
        estimate = call.estimates[int(mark["id"]) - 1]
        assert mark["left"] == pytest.approx(estimate.segment.start_s / 60, abs=0.002)
        assert mark["width"] == pytest.approx(estimate.segment.duration_s / 60, abs=0.002)
        assert mark["height"] > 30
        assert estimate.label in mark["name"]
    sure = {
        mark["name"].split()[1]: mark["colour"]
        for mark in marks
        if not call.estimates[int(mark["id"]) - 1].abstained and "58%" not in mark["name"]
    }
    assert len(set(sure.values())) == len(sure) >= 5


def test_every_mark_with_room_carries_a_word_or_a_letter(shown: Shown) -> None:
    page = shown.open("call", DESKTOP)
    texts = page.evaluate("[...document.querySelectorAll('.m')].map((mark) => mark.innerText.trim())")
    assert all(texts)
    assert {"anger", "neutral", "?"} <= set(texts)


def test_evidence_unfolds_on_click_and_from_the_keyboard(shown: Shown) -> None:
    page = shown.open("call", DESKTOP)
    evidence = page.locator("#u8 .why")
    assert not evidence.is_visible()
    page.locator("#u8 summary").click()
    assert evidence.is_visible()
    for text in ("LLM", "goemotions", "best guess", "contradict", "24 dB SNR"):
        assert text in evidence.inner_text()
    bars = page.evaluate(
        """() => [...document.querySelectorAll("#u8 tbody tr .p")].map((cell) => [
            Number(cell.style.getPropertyValue("--p")),
            parseFloat(getComputedStyle(cell, "::before").width)])"""
    )
    longest, shortest = max(bars), min(bars)
    assert longest[1] > 5 * shortest[1]
    page.keyboard.press("Enter")
    assert not evidence.is_visible()


def test_a_mark_leads_to_its_utterance(shown: Shown) -> None:
    page = shown.open("call", DESKTOP)
    page.locator('.m[href="#u16"]').click()
    assert page.locator("#u16 .why").is_visible()
    box = page.locator("#u16 summary").bounding_box()
    assert box is not None
    assert 0 <= box["y"] < DESKTOP["height"]
    assert page.evaluate("document.activeElement.closest('.u').id") == "u16"


def test_one_tab_stop_a_ribbon_and_arrows_along_it(shown: Shown) -> None:
    page = shown.open("call", DESKTOP)
    assert page.locator('.m[tabindex="0"]').count() == 2
    page.locator(".m").first.focus()
    assert page.locator("#tip").is_visible()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.hash") == "#u3"
    page.keyboard.press("Enter")
    assert page.locator("#u3 .why").is_visible()


def test_filters_show_what_was_chosen(shown: Shown, call: Report) -> None:
    page = shown.open("call", DESKTOP)
    visible = "[...document.querySelectorAll('.u')].filter((row) => row.offsetHeight).length"
    assert page.evaluate(visible) == 16
    page.get_by_role("button", name="customer", exact=True).click()
    assert page.evaluate(visible) == 8
    page.get_by_role("button", name="anger 3").click()
    assert page.evaluate(visible) == 3
    assert page.locator("#count").inner_text() == "3 of 16 shown"
    page.locator("#find").fill("PROMISES")
    assert page.evaluate(visible) == 1
    page.locator('.m[href="#u1"]').click()
    assert page.evaluate(visible) == 16, "a jump to a hidden utterance takes the filters off"


def test_dark_by_system_and_by_choice(shown: Shown) -> None:
    light, dark = shown.open("call", DESKTOP), shown.open("call", DESKTOP, scheme="dark")
    assert background(light) == "rgb(251, 250, 248)"
    assert background(dark) == "rgb(21, 23, 27)"
    light.get_by_role("button", name="Switch between light and dark").click()
    assert background(light) == background(dark)
    light.reload()
    assert background(light) == background(dark), "the choice is kept"
    shown.requests.pop()


def test_a_picture_of_the_ribbon_has_the_colours_of_the_emotions(shown: Shown, call: Report) -> None:
    """What is painted, not what is computed: pixels of a screenshot, in both themes."""
    felt = sorted({estimate.label for estimate in call.estimates if not estimate.abstained})
    behind: list[str] = []
    for number, scheme in enumerate(("light", "dark")):
        page = shown.open("call", DESKTOP, scheme=scheme)
        painted = pixels(page)
        seen = [label for label in felt if painted[palette.COLOURS[label][number]] > 500]
        assert len(seen) >= 3, (scheme, painted.most_common(8))
        assert not [label for label in felt if painted[palette.COLOURS[label][1 - number]] > 100]
        page.add_style_tag(content=".m{visibility:hidden}")
        without = pixels(page)
        left = {label: without[palette.COLOURS[label][number]] for label in seen}
        assert max(left.values()) == 0, f"colours that no mark painted: {left}"
        behind.append(without.most_common(1)[0][0])
    light, dark = (palette.luminance(colour) for colour in behind)
    assert light > 0.8, behind
    assert dark < 0.05, behind


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_what_is_behind_it(shown: Shown, scheme: str) -> None:
    page = shown.open("call", DESKTOP, scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach((node) => { node.open = true; })")
    weak = page.evaluate(WEAK_TEXT)
    assert weak == []


def test_paper_has_the_words_but_no_buttons_and_no_evidence(shown: Shown) -> None:
    page = shown.open("call", DESKTOP, scheme="dark")
    page.locator("#u4 summary").click()
    page.emulate_media(media="print", color_scheme="dark")
    for selector in ("#theme", "#unfold", ".filters", ".zoom", "#u4 .why"):
        assert not page.locator(selector).first.is_visible(), selector
    assert page.locator("#u4 .words").is_visible()
    assert page.locator(".m").first.is_visible()
    assert background(page) == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(28, 30, 34)"


def test_without_scripts_everything_can_be_read(shown: Shown) -> None:
    page = shown.open("call", DESKTOP, scripts=False)
    for selector in ("#theme", ".filters", ".zoom", "#unfold"):
        assert not page.locator(selector).is_visible(), selector
    page.locator("#u8 summary").click()
    assert page.locator("#u8 .why").is_visible()
    page.locator('.m[href="#u16"]').click()
    box = page.locator("#u16").bounding_box()
    assert box is not None
    assert 0 <= box["y"] < DESKTOP["height"]


def test_zoom_makes_room_without_widening_the_page(shown: Shown) -> None:
    page = shown.open("call", PHONE)
    before = page.locator('.m[href="#u10"]').bounding_box()
    page.get_by_role("button", name="4×").click()
    after = page.locator('.m[href="#u10"]').bounding_box()
    assert before is not None
    assert after is not None
    assert after["width"] == pytest.approx(4 * before["width"], rel=0.05)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert page.evaluate("document.querySelector('#scroll').scrollWidth") > 3 * PHONE["width"]
