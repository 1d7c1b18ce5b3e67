"""The main job as a user runs it, on the example call."""

from __future__ import annotations

import csv
import io
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import soundfile

from hearfelt import reports

from .conftest import Run


@pytest.fixture
def short(example_call: Path, tmp_path: Path) -> Path:
    """The first 12 seconds of the example call, in a folder of its own."""
    samples, rate = soundfile.read(str(example_call))
    path = tmp_path / "calls" / "short.wav"
    path.parent.mkdir()
    soundfile.write(str(path), samples[: 12 * rate], rate)
    return path


def test_the_whole_job(hearfelt: Run, example_call: Path, tmp_path: Path) -> None:
    done = hearfelt(
        "analyze",
        example_call,
        "--transcript",
        example_call.with_suffix(".srt"),
        "--speakers",
        "agent,customer",
        "--out",
        "out",
    )
    assert done.returncode == 0, done.stderr
    names = {p.name for p in (tmp_path / "out").iterdir()}
    assert names == {f"report.{end}" for end in ("json", "csv", "html", "srt", "vtt", "TextGrid", "rttm")}
    report = reports.read(tmp_path / "out" / "report.json")
    assert {s.speaker for s in report.speakers} == {"agent", "customer"}
    lines = done.stdout.splitlines()
    for estimate in report.estimates:
        shown = [line for line in lines if f"“{estimate.text}”" in line]
        assert len(shown) >= 1, estimate.text
        assert estimate.reason
        assert any(estimate.reason in line for line in lines)
    assert sum(sum(s.shares.values()) for s in report.speakers) == pytest.approx(len(report.speakers))
    assert any(line.startswith("customer: ") and "interruptions" in line for line in lines)
    assert {c.kind for c in report.components} >= {"vad", "voice", "words", "transcriber", "fusion"}
    assert all(c.licence for c in report.components if c.kind in ("vad", "voice", "words"))


def test_words_and_voice_both_speak(hearfelt: Run, example_call: Path) -> None:
    done = hearfelt(
        "analyze", example_call, "--transcript", example_call.with_suffix(".srt"), "--format", "json"
    )
    report = json.loads(done.stdout)
    sources = {e["source"].split("/")[0] for item in report["estimates"] for e in item["evidence"]}
    assert sources == {"voice", "words"}
    # nobody said which channel is whose: the transcript's own names are placed by where the sound is
    assert [s["speaker"] for s in report["speakers"]] == ["Agent", "Customer"]


@pytest.mark.parametrize("name", ["json", "csv", "html", "srt", "vtt", "textgrid", "rttm"])
def test_one_format_to_standard_output(hearfelt: Run, short: Path, name: str) -> None:
    done = hearfelt("analyze", short, "--transcriber", "none", "--format", name)
    assert done.returncode == 0, done.stderr
    head = {"json": "{", "html": "<!doctype html>", "vtt": "WEBVTT", "rttm": "SPEAKER", "srt": "1\n"}
    assert done.stdout.lower().startswith(head.get(name, "").lower())
    if name == "csv":
        rows = list(csv.DictReader(io.StringIO(done.stdout)))
        assert rows
        assert {"file", "start_s", "end_s", "emotion", "confidence"} <= set(rows[0])


def test_folder_resume_and_json_lines(hearfelt: Run, short: Path, tmp_path: Path) -> None:
    (short.parent / "again.wav").write_bytes(short.read_bytes())
    base = ("analyze", short.parent, "--transcriber", "none", "--out", "out")
    assert hearfelt(*base).returncode == 0
    written = (tmp_path / "out" / "short.wav" / "report.json").stat().st_mtime_ns
    again = hearfelt(*base, "--resume")
    assert again.returncode == 0
    assert again.stderr.count("already done") == 2
    assert (tmp_path / "out" / "short.wav" / "report.json").stat().st_mtime_ns == written
    other = hearfelt(*base, "--resume", "--language", "zh")
    assert "already done" not in other.stderr, "other options make other reports"
    lines = hearfelt("analyze", short.parent, "--transcriber", "none", "--format", "json").stdout.splitlines()
    assert [Path(json.loads(line)["file"]).name for line in lines] == ["again.wav", "short.wav"]


def test_interrupt_keeps_what_was_heard(example_call: Path, tmp_path: Path) -> None:
    samples, rate = soundfile.read(str(example_call))
    path = tmp_path / "long.flac"
    with soundfile.SoundFile(str(path), "w", rate, samples.shape[1]) as out:
        for _ in range(90):
            out.write(samples)
    command = [
        sys.executable,
        "-m",
        "hearfelt",
        "analyze",
        str(path),
        "--transcriber",
        "none",
        "--out",
        "out",
    ]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
        errors = process.stderr.read()
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert "written to out" in rest
    report = reports.read(tmp_path / "out" / "report.json")
    assert report.estimates
    assert any("interrupted after" in warning for warning in report.warnings)


def test_a_reader_that_goes_away_is_no_error(example_call: Path) -> None:
    command = f"{sys.executable} -m hearfelt analyze {example_call} --transcriber none | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, encoding="utf-8")
    assert done.stdout
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


def test_chinese_report(hearfelt: Run, short: Path) -> None:
    done = hearfelt("analyze", short, "--transcriber", "none", "--language", "zh")
    assert done.returncode == 0
    assert "唤醒度" in done.stdout
