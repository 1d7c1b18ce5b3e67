"""Whatever is wrong with the input: one sentence, exit code 2, no traceback, nothing lost."""

from __future__ import annotations

import json
import socket
import wave
from pathlib import Path

import numpy as np
import pytest
import soundfile

from .conftest import Run


def write(path: Path, samples: np.ndarray, rate: int = 16000, **options: str) -> Path:
    soundfile.write(str(path), samples, rate, **options)
    return path


@pytest.fixture
def call(example_call: Path, tmp_path: Path) -> Path:
    """The first 12 seconds of the example call."""
    samples, rate = soundfile.read(str(example_call))
    return write(tmp_path / "call.wav", samples[: 12 * rate], rate)


def says(run: Run, *arguments: object, words: str) -> None:
    done = run("analyze", "--transcriber", "none", *arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    message = " ".join(done.stderr.split())
    assert words in message, message
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr


def test_missing_file(hearfelt: Run, tmp_path: Path) -> None:
    says(hearfelt, tmp_path / "no.wav", words=f"{tmp_path / 'no.wav'}")


def test_empty_file(hearfelt: Run, tmp_path: Path) -> None:
    (tmp_path / "empty.wav").touch()
    says(hearfelt, tmp_path / "empty.wav", words="empty.wav' is empty (0 bytes); give a recording")


def test_text_named_wav(hearfelt: Run, tmp_path: Path) -> None:
    (tmp_path / "notes.wav").write_text("these are only words\n" * 50)
    says(hearfelt, tmp_path / "notes.wav", words="notes.wav' holds text, not sound; give a recording")


def test_no_samples(hearfelt: Run, tmp_path: Path) -> None:
    says(hearfelt, write(tmp_path / "zero.wav", np.zeros(0)), words="zero.wav' holds no samples")


def test_one_sample(hearfelt: Run, tmp_path: Path) -> None:
    says(hearfelt, write(tmp_path / "one.wav", np.full(1, 0.5)), words="no speech was found in 0.0 s")


def test_silence(hearfelt: Run, tmp_path: Path) -> None:
    path = write(tmp_path / "silent.wav", np.zeros(32000))
    says(hearfelt, path, words="no speech was found in 2.0 s (the loudest sample is 0.000 of full scale)")


def test_not_a_number(hearfelt: Run, tmp_path: Path) -> None:
    samples = np.zeros(32000)
    samples[16000] = np.nan
    path = write(tmp_path / "nan.wav", samples, subtype="FLOAT")
    says(hearfelt, path, words="nan.wav' holds nan at sample 16000 (1.000 s) of channel 0")


def test_wrong_type(hearfelt: Run, tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40)
    says(hearfelt, path, words="picture.png")


def test_truncated_keeps_what_was_read(hearfelt: Run, call: Path, tmp_path: Path) -> None:
    data = call.read_bytes()
    cut = tmp_path / "cut.wav"
    cut.write_bytes(data[: len(data) * 2 // 3])
    done = hearfelt("analyze", "--transcriber", "none", cut, "--out", "out")
    assert done.returncode == 2
    assert "cut.wav: the file breaks off" in done.stderr
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert report["estimates"]
    assert any("breaks off" in warning for warning in report["warnings"])


def test_eight_channels_with_two_names(hearfelt: Run, tmp_path: Path) -> None:
    path = write(tmp_path / "eight.wav", np.zeros((16000, 8)))
    words = (
        "2 speakers (agent, customer) were named for a recording of 8 channels; name one speaker a channel"
    )
    says(hearfelt, path, "--speakers", "agent,customer", words=words)


def test_transcript_in_another_encoding(hearfelt: Run, call: Path, tmp_path: Path) -> None:
    (tmp_path / "call.srt").write_bytes("1\n00:00:00,000 --> 00:00:01,000\nÄrger\n".encode("latin-1"))
    says(hearfelt, call, "--transcript", tmp_path / "call.srt", words="call.srt is not UTF-8")


def test_missing_transcript(hearfelt: Run, call: Path, tmp_path: Path) -> None:
    says(hearfelt, call, "--transcript", tmp_path / "no.srt", words="no transcript at")


def test_unknown_names(hearfelt: Run, call: Path) -> None:
    says(hearfelt, call, "--voice", "bas", words="unknown voice model 'bas'; known: base, open, none")
    says(hearfelt, call, "--format", "docx", words="unknown format 'docx'; known: json, csv")
    says(hearfelt, call, "--language", "fr", words="unknown report language 'fr'; known: en, zh")
    says(hearfelt, call, "--profile", "free", words="unknown profile 'free'; known: research, commercial")
    says(
        hearfelt, call, "--coverage", "1.5", words="coverage is 1.5; it must be at least 0.5 and at most 0.99"
    )
    says(hearfelt, call, "--max-risk", "0", words="max_risk is 0.0; it must be above 0 and at most 1")
    says(hearfelt, call, "--coverage", "0", words="coverage is 0.0; it must be at least 0.5")


def test_commercial_profile_refuses_research_weights(hearfelt: Run, call: Path) -> None:
    chosen = ("--profile", "commercial", "--voice", "base")
    says(hearfelt, call, *chosen, words="may not be used in the commercial profile")


def test_resume_without_a_folder(hearfelt: Run, call: Path) -> None:
    says(hearfelt, call, "--resume", words="--resume skips what is already in --out; say --out FOLDER")


def test_out_that_cannot_be_a_folder(hearfelt: Run, call: Path, tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.write_text("mine", encoding="utf-8")
    says(hearfelt, call, "--out", taken, words=f"--out {taken} is a file; name a folder for the reports")
    says(hearfelt, call, "--out", taken / "in", words="taken/in cannot be written (Not a directory); name")
    done = hearfelt("analyze", "--transcriber", "none", call, "--out", taken)
    assert done.stdout == "", "nothing was heard in vain"
    assert taken.read_text(encoding="utf-8") == "mine"


def test_unknown_option_and_verb(hearfelt: Run) -> None:
    for arguments in (("analyze", "--lod"), ("analyse", "x.wav"), ("analyze",)):
        done = hearfelt(*arguments)
        assert done.returncode == 2
        assert "(see hearfelt --help)" in done.stderr


def test_unreachable_language_model_leaves_the_report(hearfelt: Run, call: Path, tmp_path: Path) -> None:
    with socket.socket() as taken:  # a port at which nobody listens
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        text = tmp_path / "call.txt"
        text.write_text("We were told it would work. " * 5, encoding="utf-8")
        arguments = ("--llm", "tiny", "--llm-url", url, "--out", "out", "--transcript", text)
        done = hearfelt("analyze", call, *arguments)
    assert done.returncode == 2
    assert "the report stands without the language model" in done.stderr
    assert url in done.stderr
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert report["estimates"]
    assert any("gave no answer" in warning for warning in report["warnings"])


def test_one_bad_file_does_not_stop_the_rest(hearfelt: Run, call: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.wav").write_text("words")
    done = hearfelt("analyze", tmp_path / "bad.wav", call, "--out", "out", "--transcriber", "none")
    assert done.returncode == 2
    assert "bad.wav' holds text, not sound" in done.stderr
    assert "1 of 2 recordings failed; the others are done" in done.stderr
    assert (tmp_path / "out" / "call.wav" / "report.html").is_file()


def test_compressed_wave_is_named(hearfelt: Run, tmp_path: Path) -> None:
    """A header that lies about its bytes is an error, not a crash."""
    path = tmp_path / "odd.wav"
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(16000)
        out.writeframes(b"\0\1" * 100)
    data = bytearray(path.read_bytes())
    data[20:22] = b"\x99\x99"  # an audio format nobody knows
    path.write_bytes(bytes(data))
    done = hearfelt("analyze", "--transcriber", "none", path)
    assert done.returncode == 2
    assert "odd.wav" in done.stderr
