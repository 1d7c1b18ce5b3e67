"""The smaller verbs: features, models, doctor, help."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

import hearfelt as package
from hearfelt import audio
from hearfelt.audio import vad
from hearfelt.cli import app
from hearfelt.features.frames import FrameFeatures
from hearfelt.features.functionals import Functionals

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


def test_blocks_measure_what_the_whole_sound_gives(hearfelt: Run, example_call: Path) -> None:
    """The table is measured block by block; the library's one call on the whole sound gives the same."""
    sound = audio.read(example_call)[1]
    rows = list(csv.DictReader(io.StringIO(hearfelt("features", example_call).stdout)))
    whole = Functionals()(sound)
    assert [float(rows[1][name]) for name in whole.names or ()] == pytest.approx(whole.values[0], rel=1e-5)
    assert float(rows[1]["end_s"]) == pytest.approx(sound.end_s, abs=1e-3)
    done = hearfelt("features", example_call, "--level", "frames")
    table = [row for row in csv.DictReader(io.StringIO(done.stdout)) if row["channel"] == "1"]
    frames = FrameFeatures()(sound)
    assert len(table) == len(frames.values)
    assert float(table[-1]["start_s"]) == pytest.approx((len(table) - 1) * 0.01)
    assert [float(row["f0_hz"]) for row in table] == pytest.approx(frames["f0_hz"], rel=1e-5)
    done = hearfelt("features", example_call, "--segments")
    found = [row for row in csv.DictReader(io.StringIO(done.stdout)) if row["channel"] == "1"]
    segments = vad.detect(sound)
    assert [float(row["start_s"]) for row in found] == pytest.approx([s.start_s for s in segments], abs=1e-3)
    cut = Functionals()(sound.cut(segments[2].start_s, segments[2].end_s))
    assert [float(found[2][name]) for name in cut.names or ()] == pytest.approx(cut.values[0], rel=1e-5)


@pytest.mark.parametrize("name", ["f.csv", "f.parquet"])
def test_one_bad_file_leaves_the_other_rows(
    hearfelt: Run, example_call: Path, tmp_path: Path, name: str
) -> None:
    (tmp_path / "bad.wav").write_text("words", encoding="utf-8")
    done = hearfelt("features", tmp_path / "bad.wav", example_call, "--out", name)
    assert done.returncode == 2
    assert "bad.wav' holds text, not sound" in done.stderr
    assert "1 of 2 recordings failed; the others are measured" in done.stderr
    if name == "f.csv":
        rows = list(csv.DictReader(io.StringIO((tmp_path / name).read_text(encoding="utf-8"))))
    else:
        pandas = pytest.importorskip("pandas")
        rows = pandas.read_parquet(tmp_path / name).to_dict("records")
    assert [str(row["channel"]) for row in rows] == ["0", "1"]
    assert {row["file"] for row in rows} == {str(example_call)}


def test_a_bad_file_alone_leaves_the_table_that_was_there(hearfelt: Run, tmp_path: Path) -> None:
    (tmp_path / "bad.wav").write_text("words", encoding="utf-8")
    (tmp_path / "f.csv").write_text("older", encoding="utf-8")
    done = hearfelt("features", "bad.wav", "--out", "f.csv")
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert (tmp_path / "f.csv").read_text(encoding="utf-8") == "older"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bad.wav", "f.csv"]


def test_a_cut_file_gives_its_rows_and_an_error(hearfelt: Run, example_call: Path, tmp_path: Path) -> None:
    samples, rate = soundfile.read(str(example_call), frames=10 * 16000)
    soundfile.write(str(tmp_path / "cut.wav"), samples, rate)
    data = (tmp_path / "cut.wav").read_bytes()
    (tmp_path / "cut.wav").write_bytes(data[: len(data) // 2])
    done = hearfelt("features", "cut.wav", "--out", "f.csv")
    assert done.returncode == 2
    assert "cut.wav: the file breaks off" in done.stderr
    assert "the table covers what could be read" in done.stderr
    assert len((tmp_path / "f.csv").read_text(encoding="utf-8").splitlines()) == 3


@pytest.mark.parametrize("level", ["functionals", "frames"])
def test_a_sound_too_short_to_measure(hearfelt: Run, tmp_path: Path, level: str) -> None:
    soundfile.write(str(tmp_path / "short.wav"), np.full(100, 0.1), 16000)
    done = hearfelt("features", "short.wav", "--level", level)
    assert done.returncode == 2
    assert "short.wav: 0.006 s are too short to measure; give at least 0.02 s of sound" in done.stderr


def test_the_table_is_tried_before_anything_is_measured(
    hearfelt: Run,
    example_call: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "taken").touch()
    (tmp_path / "f.csv").mkdir()
    for out, words in (
        ("taken/f.csv", "--out taken/f.csv cannot be written (File exists); name a file that can be"),
        ("f.csv", "--out f.csv is a folder; name a file in it"),
    ):
        done = hearfelt("features", example_call, "--out", out)
        assert done.returncode == 2
        assert words in done.stderr
    measured: list[object] = []
    monkeypatch.setattr(FrameFeatures, "push", lambda self, sound: measured.append(sound))
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert app.run(["features", str(example_call), "--out", str(tmp_path / "f.parquet")]) == 2
    assert "pip install 'hearfelt[frame]'" in capsys.readouterr().err
    assert not measured
    assert not (tmp_path / "f.parquet").exists()


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


def test_doctor(hearfelt: Run, tmp_path: Path) -> None:
    model = tmp_path / "hub" / "models--Systran--faster-whisper-tiny.en" / "snapshots" / "1"
    model.mkdir(parents=True)
    for name in ("model.bin", "config.json", "tokenizer.json"):
        (model / name).touch()
    environment = {"HF_HUB_CACHE": str(tmp_path / "hub"), "OPENAI_API_KEY": "", "HEARFELT_LLM_KEY": "s3cret"}
    done = hearfelt("doctor", **environment)
    assert done.returncode == 0, done.stdout
    for word in (
        "onnxruntime",
        "base",
        "CC BY-NC-SA 4.0",
        "whisper models on this machine: tiny.en\n",
        "HEARFELT_LLM_KEY is set",
        "OPENAI_API_KEY is not set",
        "(vad, MIT; products allowed)",
        "population (cues, aggregate figures only, measured on emodb CC BY 4.0, ravdess CC BY-NC-SA 4.0",
    ):
        assert word in done.stdout
    assert "s3cret" not in done.stdout + done.stderr
