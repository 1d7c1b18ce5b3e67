"""The pages of an evaluation and a benchmark in a real browser: nothing sticks out, nothing complains."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from hearfelt.datasets.splits import card, leave_one_speaker_out
from hearfelt.evaluation import benchmark, judge, report, tables

from .made import Guess, table

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")

SIDES = """() => {
  const wide = document.documentElement.clientWidth;
  const out = Array.from(document.querySelectorAll("h1,h2,p,dl,figure,svg,.wide,footer"))
    .filter((node) => node.getBoundingClientRect().right > wide + 0.5);
  return [document.documentElement.scrollWidth - wide, out.map((node) => node.outerHTML.slice(0, 80))];
}"""
CUT = """() => Array.from(document.querySelectorAll("svg")).flatMap((svg) => {
  const frame = svg.getBoundingClientRect();
  return Array.from(svg.querySelectorAll("text")).filter((node) => {
    const box = node.getBoundingClientRect();
    return box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1
      || box.bottom > frame.bottom + 1;
  }).map((node) => node.textContent);
})"""
"""Words of drawings that stick out of them."""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    examples = table(6, 24, corpus="a corpus with quite a long name")
    splits = leave_one_speaker_out(examples)
    results = benchmark.run(
        {"guess": Guess, "a model with a long name": lambda: Guess(0.4)}, examples, splits
    )
    facts = card(examples, splits, "leave one speaker out")
    options = judge.JudgeOptions(samples=20, groups=("gender", "speaker", "intensity"))
    found = judge.judge(results["guess"].answers, options, name="guess", card=facts)
    whole = tables.table(results, facts, title="made", protocol="P.", mean_over_folds=True, samples=20)
    report.write(found, folder / "evaluation.html")
    report.write(tables.benchmark("a benchmark", [whole]), folder / "benchmark.html")
    return {path.stem: path for path in folder.iterdir()}


def test_pages_fit_every_screen(pages: dict[str, Path]) -> None:
    complaints: list[str] = []
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for path in pages.values():
            for width, scheme in ((360, "light"), (1280, "dark")):
                page: Any = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
                page.set_default_timeout(90_000)
                page.on("console", lambda message: complaints.append(message.text))
                page.goto(path.as_uri())
                assert page.evaluate(SIDES) == [0, []], (path.name, width)
                assert page.evaluate(CUT) == [], (path.name, width)
                ink = page.evaluate("() => getComputedStyle(document.body).color")
                assert ink == {"light": "rgb(28, 30, 34)", "dark": "rgb(236, 234, 229)"}[scheme]
                page.close()
        browser.close()
    assert complaints == []
