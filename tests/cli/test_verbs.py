"""The smaller verbs: features, models, doctor, help."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

import hearfelt as package

from .conftest import Run


def test_version_and_help(hearfelt: Run) -> None:
    assert hearfelt("--version").stdout == f"hearfelt {package.__version__}\n"
    text = hearfelt("--help").stdout
    for verb in ("analyze", "features", "models", "doctor"):
        assert verb in text


def test_functionals_as_csv(hearfelt: Run, example_call: Path) -> None:
    done = hearfelt("features", example_call)
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [row["channel"] for row in rows] == ["0", "1"]
    assert len(rows[0]) == 4 + 88
    assert float(rows[1]["F0semitoneFrom27.5Hz_sma3nz_amean"]) > 0


def test_frames_and_segments(hearfelt: Run, example_call: Path, tmp_path: Path) -> None:
    assert hearfelt("features", example_call, "--level", "frames", "--out", "f.csv").returncode == 0
    with (tmp_path / "f.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert float(rows[1]["start_s"]) == pytest.approx(0.01)
    rows = list(csv.DictReader(io.StringIO(hearfelt("features", example_call, "--segments").stdout)))
    assert len(rows) > 6


def test_parquet(hearfelt: Run, example_call: Path, tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    assert hearfelt("features", example_call, "--out", "f.parquet").returncode == 0
    assert pandas.read_parquet(tmp_path / "f.parquet").shape == (2, 92)


def test_features_say_what_they_take(hearfelt: Run, example_call: Path) -> None:
    done = hearfelt("features", example_call, "--level", "words")
    assert done.returncode == 2
    assert "unknown level 'words'; known: functionals, frames" in done.stderr
    done = hearfelt("features", example_call, "--out", "f.xlsx")
    assert done.returncode == 2
    assert "write a .csv or a .parquet file" in done.stderr


def test_models_and_cards(hearfelt: Run) -> None:
    listing = hearfelt("models").stdout
    assert "base" in listing
    assert "CC BY-NC-SA 4.0" in listing
    assert "# " in hearfelt("models", "base").stdout
    card = json.loads(hearfelt("models", "base", "--json").stdout)
    assert card["labels"] == ["anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise"]
    wrong = hearfelt("models", "bas")
    assert wrong.returncode == 2
    assert "unknown model 'bas'; known: base" in wrong.stderr


def test_doctor(hearfelt: Run) -> None:
    done = hearfelt("doctor")
    assert done.returncode == 0, done.stdout
    for word in ("onnxruntime", "base", "CC BY-NC-SA 4.0", "whisper"):
        assert word in done.stdout
