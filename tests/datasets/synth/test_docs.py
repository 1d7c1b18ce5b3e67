"""The table in the docs is the table in the package, and the benchmark's measures are right."""

from __future__ import annotations

import csv
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from hearfelt.datasets.synth import rules

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    spec = importlib.util.spec_from_file_location("synthesis", ROOT / "benchmarks" / "synthesis.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["synthesis"] = module
    spec.loader.exec_module(module)
    return module


def test_the_docs_show_the_rules() -> None:
    page = (ROOT / "docs" / "synthesis.md").read_text(encoding="utf-8")
    with rules.LITERATURE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            *values, numbers, directions = row.values()
            assert f"| {' | '.join(values)} |" in page
            if row["emotion"] != "neutral":
                assert f"| {row['emotion']} | {numbers or '–'} | {directions} |" in page
    assert rules.load().version in page


def test_frechet_against_scipy(benchmark: ModuleType) -> None:
    linalg = pytest.importorskip("scipy.linalg")
    random = np.random.default_rng(0)
    one, other = (
        random.standard_normal((60, 5)),
        1 + random.standard_normal((40, 5)) @ np.diag([1, 2, 3, 4, 5]),
    )
    a, b = np.cov(one.T), np.cov(other.T)
    cross = linalg.sqrtm(a @ b).real
    gap = one.mean(axis=0) - other.mean(axis=0)
    assert benchmark.frechet(one, other) == pytest.approx(gap @ gap + np.trace(a + b - 2 * cross))
    assert benchmark.frechet(one, one) == pytest.approx(0, abs=1e-9)


def test_clips_of_one_kind_cannot_be_told_apart(benchmark: ModuleType) -> None:
    pytest.importorskip("sklearn")
    random = np.random.default_rng(0)

    def clips(shift: float) -> object:
        names = np.repeat([f"s{n}" for n in range(10)], 20)
        return benchmark.Clips(random.standard_normal((200, 6)) + shift, names, names, names)

    assert benchmark.told_apart(clips(0), clips(0)) == pytest.approx(0.5, abs=0.1)
    assert benchmark.told_apart(clips(0), clips(3)) > 0.99
