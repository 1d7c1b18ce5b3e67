"""``hearfelt synth`` as a user runs it."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import pytest
import soundfile

from hearfelt.datasets import manifest

from ..datasets.synth.serving import speech_server
from .conftest import Run

pytest.importorskip("espeakng_loader", reason="espeakng-loader is missing: pip install 'hearfelt[tts]'")


def test_a_text_and_its_transfer(hearfelt: Run, tmp_path: Path) -> None:
    text = "We will be there at ten."
    for emotion in ("anger", "neutral"):
        done = hearfelt(
            "synth", "--text", text, "--emotion", emotion, "--out", f"{emotion}.wav", "--speaker", "m2"
        )
        assert done.returncode == 0, done.stderr
    assert (
        "anger 1, en-m2, seed 0"
        in hearfelt(
            "synth", "--text", text, "--emotion", "angry", "--speaker", "m2", "--out", "again.wav"
        ).stdout
    )
    assert (tmp_path / "again.wav").read_bytes()[-20000:] == (tmp_path / "anger.wav").read_bytes()[-20000:]
    done = hearfelt(
        "synth", "--text", "Es ist zehn Uhr.", "--voice", "de", "--emotion", "anger", "--out", "de.flac",
        "--prosody-from", "anger.wav", "--prosody-reference", "neutral.wav",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "transfer (espeak-ng" in done.stdout
    made = soundfile.info(str(tmp_path / "de.flac"))
    assert (made.samplerate, made.format) == (16000, "FLAC")
    assert made.duration == pytest.approx(soundfile.info(str(tmp_path / "anger.wav")).duration, rel=0.15)


def test_a_table(hearfelt: Run, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(
        "text,emotion,intensity,voice,speaker\nThe door is open.,anger,0.8,en,m1\n"
        "Die Tür ist offen.,Trauer,1,de,f1\nNothing.,glee,1,en,f1\n",
        encoding="utf-8",
    )
    for line in ("2 made now, 0 there already", "0 made now, 2 there already"):
        done = hearfelt("synth", "--table", "in.csv", "--out", "corpus")
        assert done.returncode == 2
        assert line in done.stdout and "1 of 3 lines could not be made" in done.stdout
        (said,) = done.stderr.strip().splitlines()
        assert said.startswith("hearfelt: in.csv, line 4: unknown emotion label 'glee'")
    assert [e.gold for e in manifest.read(tmp_path / "corpus" / "manifest.csv")] == ["anger", "sadness"]


def test_a_server(hearfelt: Run, tmp_path: Path) -> None:
    with speech_server() as server:
        url = server.url("good")
        done = hearfelt(
            "synth", "--text", "Hello there.", "--emotion", "joy", "--engine", "server", "--url", url,
            "--model", "m", "--voice", "alto", "--out", "x.wav", HEARFELT_TTS_KEY="very-secret",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert server.asked(url)[0]["key"] == "Bearer very-secret"
        assert "very-secret" not in done.stdout + done.stderr
        assert b"very-secret" not in (tmp_path / "x.wav").read_bytes()


def test_the_list(hearfelt: Run) -> None:
    done = hearfelt("synth", "--list")
    assert done.returncode == 0
    for line in ("voices    de, en", "speaker   f1  female", "rules     literature-", "emotion   anger"):
        assert line in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--text", "Hello"], "synth needs --out"),
        (["--out", "x.wav"], "synth needs one of --text, --speech or --table"),
        (["--text", "a", "--table", "b.csv", "--out", "c"], "synth needs one of --text, --speech or --table"),
        (["--text", "Hello", "--out", "."], "--out . is a folder: name a .wav or .flac file in it"),
        (["--text", "Hello", "--out", "x.mp3"], "ends in '.mp3': write a .wav or a .flac file"),
        (["--text", "Hello", "--out", "x.wav", "--emotion", "glee"], "unknown emotion label 'glee'; known:"),
        (["--text", "Hello", "--out", "x.wav", "--voice", "tlh"], "unknown voice 'tlh'; known: de, en"),
        (["--text", "Hello", "--out", "x.wav", "--intensity", "1.2"], "intensity 1.2 cannot be made"),
        (["--text", "", "--out", "x.wav"], "the text '' has no word in it"),
        (["--text", "word " * 20000, "--out", "x.wav"], "a text of 99999 characters is too long"),
        (["--table", "gone.csv", "--out", "c"], "the table gone.csv is not there"),
    ],
)
def test_bad_input_is_one_sentence(hearfelt: Run, tmp_path: Path, arguments: list[str], words: str) -> None:
    done = hearfelt("synth", *arguments)
    assert done.returncode == 2
    (said,) = done.stderr.strip().splitlines()
    assert words in said
    assert not list(tmp_path.iterdir())


def test_a_missing_extra(hearfelt: Run, tmp_path: Path) -> None:
    """A folder on the path that hides the library, as if it were not installed."""
    for name in ("espeakng_loader", "pyworld"):
        hidden = tmp_path / name / f"{name}.py"
        hidden.parent.mkdir()
        hidden.write_text(f"raise ImportError('no {name}')\n")
        search = [str(hidden.parent), *filter(None, sys.path)]
        done = hearfelt("synth", "--text", "Hello there.", "--out", "x.wav", PYTHONPATH=":".join(search))
        assert done.returncode == 2
        library = name.replace("_", "-")
        assert f"needs {library}, which is not installed: pip install 'hearfelt[tts]'" in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1


def test_the_manifest_opens_as_a_plain_table(hearfelt: Run, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text('text,emotion\n"Yes, ""now"".",calm\n', encoding="utf-8")
    assert hearfelt("synth", "--table", "in.csv", "--out", "c", "--voice", "en-gb").returncode == 0
    with (tmp_path / "c" / "manifest.csv").open(encoding="utf-8", newline="") as stream:
        (row,) = csv.DictReader(stream)
    assert (row["text"], row["language"], row["voice"]) == ('Yes, "now".', "en", "en+steph")
