"""Whom to ask: the stand-in is as good as it says, the threshold pays, and the benchmark says so."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hearfelt.fusion.cascade import Cascade, choose, recall, stand_in
from hearfelt.fusion.learned import Calibration

ROOT = Path(__file__).resolve().parents[2]


def test_a_stand_in_is_as_good_as_stated_and_says_so() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 7, 20_000)
    says = stand_in(labels, 7, 0.6, random)
    assert says.sum(axis=1) == pytest.approx(1)
    assert (says.argmax(axis=1) == labels).mean() == pytest.approx(0.6, abs=0.02)
    assert set(np.round(says.max(axis=1), 6)) == {0.6}
    others = (labels + 1) % 7
    leaning = stand_in(labels, 7, 0.6, random, others=others, lean=0.5)
    assert (leaning.argmax(axis=1) == labels).mean() == pytest.approx(0.3, abs=0.02)
    again = stand_in(labels, 7, 0.6, np.random.default_rng(5))
    assert np.array_equal(again, stand_in(labels, 7, 0.6, np.random.default_rng(5)))


def test_the_threshold_asks_no_more_than_it_must() -> None:
    """Verdicts above 0.7 are right whoever is asked; below, the model mends all of them."""
    n = 400
    labels = np.arange(n) % 2
    confidence = np.linspace(0.5, 0.99, n)
    sure = confidence >= 0.7
    said = np.where(sure, labels, 1 - labels)
    without = np.where(np.arange(2)[None, :] == said[:, None], confidence[:, None], 1 - confidence[:, None])
    always = np.eye(2)[labels] * 0.9 + 0.05
    one = Cascade(labels, without, always, np.zeros(n, bool))
    below = choose([one], (0.5, 0.6, 0.7, 0.8, 0.9, 1.0))
    assert below == 0.7
    assert recall(one.verdicts(below), labels) == 1
    assert one.asked(below).mean() == pytest.approx(1 - sure.mean())
    conflict = Cascade(labels, without, always, np.ones(n, bool))
    assert conflict.asked(0.0).all() and not conflict.asked(0.0, conflicts=False).any()


def test_the_shipped_threshold_is_what_the_recipe_chose() -> None:
    card = json.loads((ROOT / "src/hearfelt/weights/fusion/model.json").read_text(encoding="utf-8"))
    assert Calibration.load().ask_below == card["ask_below"] == Calibration.ask_below


def test_the_benchmark_runs_alone_and_its_page_says_what_it_found() -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "cascade.py"), "--quick"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["quality_never"] < found["quality_uncertain"]
    assert found["quality_uncertain"] > found["quality_always"] - 0.01
    assert 0.1 < found["asked_share"] < 0.5
    kept = json.loads((ROOT / "benchmarks/results/cascade.json").read_text(encoding="utf-8"))
    for name in ("asked_share", "quality_always", "quality_uncertain", "quality_never"):
        assert found[name] == pytest.approx(kept["stand_ins"]["0.7"][name], abs=0.05)
    page = (ROOT / "docs" / "language.md").read_text(encoding="utf-8")
    for row in kept["stand_ins"].values():
        assert f"{100 * row['quality_uncertain']:.1f} ({row['asked_share']:.0%})" in page
