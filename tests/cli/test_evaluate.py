"""``hearfelt evaluate`` in a real process."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from .conftest import Run
from .corpus import make


@pytest.fixture
def tones(tmp_path: Path) -> Path:
    return make(tmp_path)


def predict(tones: Path, name: str = "p.csv", wrong: int = 3) -> Path:
    """Predictions of the made corpus, the first few wrong."""
    with (tones / "tones.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    with (tones / name).open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(("file", "anger", "neutral", "sadness"))
        for i, row in enumerate(rows):
            answer = "neutral" if i < wrong else row["gold"]
            writer.writerow(
                (row["file"], *(0.8 if x == answer else 0.1 for x in ("anger", "neutral", "sadness")))
            )
    return tones / name


def test_predictions_of_anybody(hearfelt: Run, tones: Path, tmp_path: Path) -> None:
    predict(tones)
    outs = [x for name in ("r.html", "r.md", "r.json") for x in ("--out", name)]
    done = hearfelt("evaluate", "p.csv", "--gold", "tones.csv", *outs)
    assert done.returncode == 0, done.stderr
    assert "18 clips, 3 speakers, 3 gold labels, chance 33.3." in done.stdout
    found = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert found["scores"]["all"]["wa"]["value"] == pytest.approx(16 / 18, abs=1e-4)
    assert found["confusion"] == [[5, 1, 0], [0, 6, 0], [0, 1, 5]]
    assert {row["name"] for row in found["groups"]["gender"]} == {"female", "male"}
    assert "<svg" in (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "| anger" in (tmp_path / "r.md").read_text(encoding="utf-8")
    assert "r.html is written" in done.stderr


def test_two_systems_are_tested_against_each_other(hearfelt: Run, tones: Path) -> None:
    predict(tones)
    predict(tones, "q.csv", wrong=9)
    done = hearfelt("evaluate", "p.csv", "--gold", "tones.csv", "--against", "q.csv", "--samples", "50")
    assert done.returncode == 0, done.stderr
    assert "| less q.csv |" in done.stdout
    assert "McNemar's test of the clips: p = 0.1250." in done.stdout


def test_a_model_on_a_table(hearfelt: Run, tones: Path) -> None:
    done = hearfelt("evaluate", "--model", "base", "--data", "tones.csv", "--samples", "20")
    assert done.returncode == 0, done.stderr
    assert "18 clips, 3 speakers" in done.stdout
    assert "The weights had learnt from: emodb, ravdess, nemo." in done.stdout
    assert "within the labels of the corpus" in done.stdout
    assert "tones has no disgust, fear, happiness, surprise." in done.stdout


def test_labels_renamed_and_left_out(hearfelt: Run, tones: Path) -> None:
    (tones / "q.csv").write_text(
        "file,label\n" + "".join(f"tones_{s}_{c}.wav,anger\n" for s in range(3) for c in (0, 2, 3, 5)),
        encoding="utf-8",
    )
    done = hearfelt("evaluate", "q.csv", "--gold", "tones.csv", "--drop", "neutral", "--map", "sadness=anger")
    assert done.returncode == 0, done.stderr
    assert "All clips are labelled anger" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("p.csv",), "predictions need --gold, and neither --model nor --data"),
        ((), "give PREDICTIONS.csv with --gold, or --model with --data"),
        (("p.csv", "--gold", "none.csv"), "none.csv is not there"),
        (
            ("p.csv", "--gold", "iemo"),
            "iemo is not there: give the path of a table or folder, or the name of a corpus",
        ),
        (("none.csv", "--gold", "tones.csv"), "the predictions none.csv cannot be read"),
        (
            ("p.csv", "--gold", "tones.csv", "--out", "r.pdf"),
            "unknown ending of a report '.pdf'; known: .html",
        ),
        (("p.csv", "--gold", "tones.csv", "--by", "age"), "unknown column to give scores by 'age'"),
        (
            ("p.csv", "--gold", "tones.csv", "--map", "calm"),
            "--map 'calm' is no pair: write --map calm=neutral",
        ),
        (("p.csv", "--gold", "tones.csv", "--drop", "joy"), "--drop names 'joy', which no clip is labelled"),
        (("p.csv", "--gold", "tones.csv", "--drop", "sadness"), "predicts wav/tones_0_2.wav, which the gold"),
        (
            ("p.csv", "--gold", "tones.csv", "--map", "sadness=grief"),
            "the gold labels grief are none that p.csv",
        ),
        (("--model", "best", "--data", "tones.csv"), "unknown model 'best'; known: "),
        (("--model", "voice", "--data", "tones.csv"), "voice has learnt nothing yet"),
        (("--model", "base", "--data", "tones.csv,tones.csv"), "--data names tones.csv twice"),
    ],
)
def test_says_what_is_wrong(hearfelt: Run, tones: Path, arguments: tuple[str, ...], words: str) -> None:
    predict(tones)
    done = hearfelt("evaluate", *arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1
