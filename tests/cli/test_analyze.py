"""The main job as a user runs it, on the example call."""

from __future__ import annotations

import csv
import io
import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import soundfile

from hearfelt import reports
from hearfelt.cli import app
from hearfelt.pipeline.offline import Recognizer

from ..serving import interruptible
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
    names = {p.name for p in (tmp_path / "out").iterdir() if not p.name.startswith(".")}
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
    assert any(line.startswith("customer: ") and "1 interruption" in line for line in lines)
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


def test_the_commercial_profile_hears_with_weights_that_products_may_use(hearfelt: Run, short: Path) -> None:
    done = hearfelt("analyze", short, "--profile", "commercial", "--format", "json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    voice = next(c for c in report["components"] if c["kind"] == "voice")
    assert (voice["name"], voice["licence"]) == ("open", "CC BY 4.0")
    heard = [
        e for estimate in report["estimates"] for e in estimate["evidence"] if e["source"] == "voice/open"
    ]
    assert heard and "surprise" not in heard[0]["emotion"]["labels"]
    refused = hearfelt("analyze", short, "--profile", "commercial", "--voice", "base")
    assert refused.returncode == 2
    assert "'base' (CC BY-NC-SA 4.0) may not be used in the commercial profile" in refused.stderr


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


def test_resume_hears_again_what_has_changed(hearfelt: Run, short: Path, tmp_path: Path) -> None:
    base = ("analyze", short, "--out", "out", "--resume", "--transcriber", "none")
    words = tmp_path / "words.srt"
    words.write_text("1\n00:00:01,000 --> 00:00:03,000\nGood morning\n", encoding="utf-8")
    done = "already done"
    assert done not in hearfelt(*base).stderr
    assert done in hearfelt(*base).stderr
    assert done not in hearfelt(*base, "--speakers", "agent,customer").stderr, "other speakers"
    assert done not in hearfelt(*base, "--transcript", words).stderr, "a transcript"
    assert done in hearfelt(*base, "--transcript", words).stderr
    words.write_text("1\n00:00:01,000 --> 00:00:03,000\nGood evening\n\n", encoding="utf-8")
    assert done not in hearfelt(*base, "--transcript", words).stderr, "another transcript"
    (tmp_path / "out" / "report.rttm").unlink()
    assert done not in hearfelt(*base, "--transcript", words).stderr, "a file of the report is gone"
    samples, rate = soundfile.read(str(short))
    soundfile.write(str(short), samples[: 9 * rate], rate)
    assert done not in hearfelt(*base, "--transcript", words).stderr, "another recording"
    assert reports.read(tmp_path / "out" / "report.json").duration_s == pytest.approx(9)
    assert not list((tmp_path / "out").glob("*.part"))


def test_resume_does_not_take_a_broken_report_for_done(hearfelt: Run, short: Path, tmp_path: Path) -> None:
    whole = short.read_bytes()
    base = ("analyze", short, "--out", "out", "--transcriber", "none", "--resume")
    assert hearfelt(*base).returncode == 0
    assert (tmp_path / "out" / ".done.json").is_file()
    short.write_bytes(whole[: len(whole) * 2 // 3])
    for _ in range(2):
        broken = hearfelt(*base)
        assert broken.returncode == 2
        assert "breaks off" in broken.stderr
        assert "already done" not in broken.stderr
        assert not (tmp_path / "out" / ".done.json").exists(), "the old mark is gone"
    assert (tmp_path / "out" / "report.json").is_file()


def test_resume_does_not_take_a_report_without_its_language_model_for_done(
    hearfelt: Run, short: Path, tmp_path: Path
) -> None:
    with socket.socket() as taken:  # a port at which nobody listens
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        text = tmp_path / "words.txt"
        text.write_text("We were told it would work. " * 5, encoding="utf-8")
        base = ("analyze", short, "--out", "out", "--transcript", text, "--resume")
        for _ in range(2):
            done = hearfelt(*base, "--llm", "tiny", "--llm-url", url)
            assert done.returncode == 2
            assert "the report stands without the language model" in done.stderr


def test_any_error_of_one_recording_leaves_the_others(
    short: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (short.parent / "again.wav").write_bytes(short.read_bytes())
    real = Recognizer.open

    def fails(self: Recognizer, source: Any, **rest: Any) -> Any:
        if Path(source).name == "again.wav":
            raise ZeroDivisionError("nobody\nforesaw this")
        return real(self, source, **rest)

    monkeypatch.setattr(Recognizer, "open", fails)
    out = tmp_path / "out"
    code = app.run(["analyze", str(short.parent), "--transcriber", "none", "--out", str(out)])
    errors = capsys.readouterr().err
    assert code == 2
    assert f"hearfelt: {short.parent / 'again.wav'}: ZeroDivisionError: nobody foresaw this\n" in errors
    assert "1 of 2 recordings failed; the others are done" in errors
    assert (out / "short.wav" / ".done.json").is_file()
    assert not (out / "again.wav").exists()


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
        command,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        preexec_fn=interruptible,
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
    assert not (tmp_path / "out" / ".done.json").exists(), "--resume hears it again"


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
