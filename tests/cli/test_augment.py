"""``hearfelt augment`` and ``hearfelt benchmark stress`` in a real process."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.cli.conftest import Run
from tests.serving import interruptible

RECIPE = '[[change]]\nkind = "noise"\nsnr_db = [5, 20]\n\n[[change]]\nkind = "gain"\ngain_db = -6\n'


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A table of six clips of two speakers, and a recipe."""
    rows = ["file,speaker,emotion"]
    for i in range(6):
        sound = 0.2 * np.sin(2 * np.pi * (150 + 20 * i) * np.arange(8000) / 16000)
        soundfile.write(tmp_path / f"{i}.wav", sound, 16000)
        rows.append(f"{i}.wav,{i % 2},{('anger', 'sadness', 'neutral')[i // 2]}")
    (tmp_path / "table.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (tmp_path / "aug.toml").write_text(RECIPE, encoding="utf-8")
    return tmp_path


def test_augment_writes_copies_with_their_provenance(hearfelt: Run, desk: Path) -> None:
    done = hearfelt("augment", "table.csv", "--recipe", "aug.toml", "--out", "more", "--copies", 2)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"{Path('more') / 'manifest.csv'}: 12 copies of 6 clips"
    with (desk / "more" / "manifest.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 12
    for row in rows:
        samples, rate = soundfile.read(desk / "more" / row["file"])
        assert (len(samples), rate) == (8000, 16000)
        assert json.loads(row["changes"])[0] == {
            "kind": "noise",
            "snr_db": [5.0, 20.0],
            "noises": ["white", "pink", "brown"],
            "hum_hz": 50.0,
            "voices": 6,
        }
        assert Path(row["source"]).is_absolute() or (desk / row["source"]).is_file()


def test_interrupted_it_says_what_is_kept(desk: Path) -> None:
    arguments = ["augment", "table.csv", "--recipe", "aug.toml", "--out", "more", "--copies"]
    running = subprocess.Popen(
        [sys.executable, "-m", "hearfelt", *arguments, "2000"],
        cwd=desk,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=interruptible,
    )
    for _ in range(600):
        if running.poll() is not None or len(list((desk / "more").rglob("*.flac"))) > 3:
            break
        time.sleep(0.1)
    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=60)
    assert running.returncode == 130, errors
    kept = "the copies that are done are kept, and the same command goes on from there"
    assert errors.splitlines()[-1] == f"hearfelt: interrupted: {kept}"


@pytest.mark.parametrize(
    ("recipe", "extra", "message"),
    [
        ('[[change]]\nkind = "echo"', (), "unknown kind of change 'echo'; known: noise, room"),
        (
            '[[change]]\nkind = "gain"\ndb = 3',
            (),
            "unknown key in change 1 (gain) 'db'; known: kind, p, gain_db",
        ),
        ("change", (), "is not valid TOML"),
        (RECIPE, ("--copies", 0), "Invalid value for '--copies'"),
        (RECIPE, ("--out", "table.csv"), "table.csv cannot be written"),
    ],
)
def test_mistakes_are_one_sentence(
    recipe: str, extra: tuple[object, ...], message: str, hearfelt: Run, desk: Path
) -> None:
    (desk / "bad.toml").write_text(recipe, encoding="utf-8")
    done = hearfelt("augment", "table.csv", "--recipe", "bad.toml", "--out", "more", *extra)
    assert done.returncode == 2 and message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_stress_prints_a_table_and_writes_every_figure(hearfelt: Run, desk: Path) -> None:
    done = hearfelt(
        *("benchmark", "stress", "--data", "table.csv", "--recipe", "aug.toml"),
        *("--json", "s.json", "--md", "s.md"),
    )
    assert done.returncode == 0, done.stderr
    assert "### Robustness:" in done.stdout and done.stdout == (desk / "s.md").read_text(encoding="utf-8")
    found = json.loads((desk / "s.json").read_text(encoding="utf-8"))
    assert [row["name"] for row in found["rows"]] == ["noise", "gain"] and found["rows"][0]["clips"] == 6
    assert "2 of 2: gain" in done.stderr


def test_stress_says_what_makes_its_figures_doubtful(hearfelt: Run, desk: Path) -> None:
    text = (desk / "table.csv").read_text(encoding="utf-8").replace("sadness", "boredom")
    text = text.replace("emotion", "emotion,corpus", 1).replace("anger", "anger,emodb")
    (desk / "table.csv").write_text(text, encoding="utf-8")
    done = hearfelt("benchmark", "stress", "--data", "table.csv", "--recipe", "aug.toml")
    assert "base has learnt from emodb: its UAR there is no test result" in done.stderr
    assert "the model never answers boredom: map or drop these labels" in done.stderr
    for wrong, message in (
        (("--model", "nobody"), "unknown voice model 'nobody'"),
        (("--json", "x.md"), ".json"),
    ):
        done = hearfelt("benchmark", "stress", "--data", "table.csv", *wrong)
        assert done.returncode == 2 and message in done.stderr
