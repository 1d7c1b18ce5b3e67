"""The benchmark runs alone and what the documentation says of it is so."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def figures() -> dict[str, float]:
    command = [sys.executable, str(ROOT / "benchmarks" / "fusion.py"), "--quick"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    assert "draw 1/1" in done.stderr
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_fused_beats_each_source_alone(figures: dict[str, float]) -> None:
    alone = max(figures[name] for name in ("voice_uar", "words_uar", "voice_raw_uar", "words_raw_uar"))
    assert figures["fused_uar"] > alone + 0.05


def test_promises_hold_on_speakers_left_out(figures: dict[str, float]) -> None:
    assert figures["coverage"] == pytest.approx(figures["target_coverage"], abs=0.04)
    assert figures["voice_coverage"] == pytest.approx(figures["target_coverage"], abs=0.04)
    assert figures["ece"] < 0.06
    assert figures["voice_answered_error"] < 0.4
    assert 0.4 < figures["voice_answered"] < 0.95


def test_conflicts_are_found(figures: dict[str, float]) -> None:
    assert figures["conflict_auc"] > 0.75
    assert figures["conflict_found_emotional"] > 3 * figures["conflict_false_alarm"]
