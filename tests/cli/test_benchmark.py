"""``hearfelt benchmark`` in a real process, on made corpora in EmoBox's shape."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .conftest import Run
from .corpus import make, write

pytest.importorskip("sklearn")


def test_emobox_folds_beside_published_rows(hearfelt: Run, tmp_path: Path) -> None:
    make(tmp_path)
    make(tmp_path, "mixed", share_speakers=True)
    (tmp_path / "emobox" / "published.csv").write_text(
        "corpus,model,UA,WA,macro_F1,source,oddity\ntones,WavLM,70,71,69,a paper,\n", encoding="utf-8"
    )
    arguments = (
        "benchmark",
        "emobox",
        "--corpora",
        "mixed,tones",
        "--models",
        "logistic,tree",
        "--data",
        ".",
    )
    more = ("--json", "o.json", "--html", "o.html", "--md", "o.md", "--out", "run")
    done = hearfelt(*arguments, *more)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "o.json").read_text(encoding="utf-8"))
    independent, dependent = found["tables"]
    assert independent["title"] == "tones, EmoBox folds"
    assert dependent["title"] == "SPEAKER-DEPENDENT: mixed, EmoBox folds"
    assert "**SPEAKER-DEPENDENT: 2 of 2 test speakers are also in training**" in done.stdout
    rows = {row["name"]: row for row in independent["rows"]}
    assert set(rows) == {"logistic", "tree", "WavLM"}
    assert rows["WavLM"]["kind"] == "published"
    assert [row["name"] for row in dependent["rows"] if row["kind"] == "published"] == []
    assert rows["logistic"]["uar"]["value"] > 0.8
    assert 0 < rows["logistic"]["rtf"] < 1
    assert [fold["fold"] for fold in rows["tree"]["folds"]] == ["fold 1", "fold 2", "fold 3"]
    assert found["command"].startswith("hearfelt benchmark emobox")

    again = hearfelt(*arguments, *more)
    assert again.stderr.count("kept from before") == 12
    assert json.loads((tmp_path / "o.json").read_text(encoding="utf-8"))["tables"] == found["tables"]
    other = hearfelt(*arguments, *more, "--seed", "1")
    assert other.returncode == 2
    assert "was made of other clips, labels or options" in other.stderr


def test_leave_one_speaker_out_and_its_normalisations(hearfelt: Run, tmp_path: Path) -> None:
    make(tmp_path, clips=15)
    arguments = ("benchmark", "loso", "--data", "tones.csv", "--models", "logistic", "--json", "o.json")
    titles = {}
    for kind in ("none", "speaker", "running"):
        done = hearfelt(*arguments, "--normalise", kind, "--out", f"run-{kind}")
        assert done.returncode == 0, done.stderr
        (table,) = json.loads((tmp_path / "o.json").read_text(encoding="utf-8"))["tables"]
        titles[kind] = (table["title"], table["protocol"], table["clips"], len(table["rows"]))
    assert titles["none"][0] == "tones.csv, leave one speaker out"
    assert "No normalisation by speaker" in titles["none"][1]
    assert titles["speaker"][0].endswith("normalised (speaker)")
    assert "NORMALISED BY SPEAKER" in titles["speaker"][1]
    assert "RUNNING BASELINE" in titles["running"][1]
    assert titles["running"][2:] == (15, 4)


def test_across_corpora(hearfelt: Run, tmp_path: Path) -> None:
    make(tmp_path, "one")
    make(tmp_path, "two")
    two = (tmp_path / "two.csv").read_text(encoding="utf-8").replace("neutral", "calm")
    (tmp_path / "two.csv").write_text(two, encoding="utf-8")
    done = hearfelt(
        *("benchmark", "cross", "--all-pairs", "one.csv,two.csv", "--models", "logistic", "--json", "o.json")
    )
    assert done.returncode == 0, done.stderr
    tables = json.loads((tmp_path / "o.json").read_text(encoding="utf-8"))["tables"]
    assert [t["title"] for t in tables] == ["two → one, 2 shared labels", "one → two, 2 shared labels"]
    assert [t["chance"] for t in tables] == [0.5, 0.5]
    assert "Shared labels only (anger, sadness)" in tables[0]["protocol"]
    assert tables[0]["clips"] == 12
    overview = done.stdout.strip().splitlines()[-4:]
    assert overview[0].split("|")[1].strip() == "protocol"
    assert [row.split("|")[5:7] for row in overview[2:]] == [["      2 ", "   50.0 "]] * 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ("emobox", "--corpora", "none", "--models", "tree"),
            "no fold files of the corpus 'none' in emobox;",
        ),
        (("emobox", "--corpora", "tones", "--models", "oak"), "unknown model 'oak'; known: "),
        (("emobox", "--corpora", "tones,", "--models", "tree"), "--corpora 'tones,' names nothing between"),
        (
            ("emobox", "--corpora", "tones", "--models", "tree", "--json", "o.txt"),
            "unknown ending of a report",
        ),
        (
            ("emobox", "--corpora", "tones", "--models", "tree", "--html", "o.md"),
            "--html o.md must end in .html",
        ),
        (
            ("loso", "--data", "tones.csv", "--models", "tree", "--normalise", "x"),
            "unknown normalisation 'x'",
        ),
        (
            ("loso", "--data", "tones.csv", "--models", "tree", "--folds", "9"),
            "3 speakers cannot fill 9 folds",
        ),
        (("loso", "--data", "tones.csv", "--models", "base", "--normalise", "speaker"), "base does not take"),
        (
            ("loso", "--data", "tones.csv", "--models", "tree", "--normalise", "running"),
            "has 6 clips: a running",
        ),
        (("cross", "--models", "tree", "--train", "tones.csv"), "give --train with --test, or --all-pairs"),
        (("cross", "--models", "tree", "--each", "tones.csv"), "--each tones.csv names one: give at least 2"),
    ],
)
def test_says_what_is_wrong(hearfelt: Run, tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    make(tmp_path)
    more = ("--data", ".") if arguments[0] == "emobox" else ()
    done = hearfelt("benchmark", *arguments, *more, HEARFELT_DATA=str(tmp_path))
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_broken_fold_files(hearfelt: Run, tmp_path: Path) -> None:
    make(tmp_path)
    lists = tmp_path / "emobox" / "tones"
    arguments = ("benchmark", "emobox", "--corpora", "tones", "--models", "tree", "--data", ".")
    test = lists / "tones_test_fold_1.jsonl"
    kept = test.read_text(encoding="utf-8")
    write(test, [{"key": "tones-gone", "wav": "wav/gone.wav", "emo": "ang"}])
    assert (
        "tones_test_fold_1.jsonl names 1 clip that tones lacks, the first is gone"
        in hearfelt(*arguments).stderr
    )
    rows = [json.loads(line) for line in kept.splitlines()]
    write(test, [row for row in rows if row["emo"] == "ang"])
    assert (
        "all 2 test clips of fold 1 are labelled anger: a mean of UA over folds"
        in hearfelt(*arguments).stderr
    )
    test.write_text(kept, encoding="utf-8")
    (tmp_path / "wav" / "tones_0_0.wav").unlink()
    assert "1 of the 18 files that emobox/tones lists is not there" in hearfelt(*arguments).stderr
