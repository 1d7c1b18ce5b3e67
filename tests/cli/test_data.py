"""``hearfelt data``: corpora, labels, read, check, split and votes, as a user types them."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hearfelt import datasets
from hearfelt.cli import app
from hearfelt.datasets import splits

from . import corpus
from .conftest import Run

Here = Callable[..., tuple[int, str, str]]


@pytest.fixture
def here(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Here:
    """Runs ``hearfelt`` in this process, in ``tmp_path``: exit code, output, errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HEARFELT_CACHE", str(tmp_path / "cache"))

    def run(*arguments: object) -> tuple[int, str, str]:
        code = app.run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def tones(tmp_path: Path) -> Path:
    """A made corpus with a doubled, a silent and a clipped clip."""
    folder = corpus.make(tmp_path / "made", clips=12)
    wav = folder / "wav"
    samples, rate = soundfile.read(wav / "tones_0_0.wav")
    soundfile.write(wav / "tones_1_1.wav", samples, rate)  # another speaker, another label
    soundfile.write(wav / "tones_2_2.wav", np.zeros(8000), rate)
    soundfile.write(wav / "tones_2_0.wav", np.clip(20 * samples, -1, 1), rate)
    return folder


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


class Page(HTMLParser):
    """Counts the tags of a page and keeps what it would load."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: dict[str, int] = {}
        self.loads: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags[tag] = self.tags.get(tag, 0) + 1
        self.loads += [value or "" for name, value in attributes if name in ("src", "href", "srcset")]


def test_check_tells_and_writes_what_it_found(hearfelt: Run, tones: Path, tmp_path: Path) -> None:
    """As a real process: summary, page and JSON; the second run takes its measures from the cache."""
    arguments = ("data", "check", tones / "tones.csv", "--out", "page.html", "--json", "out.json")
    done = hearfelt(*arguments, "--cache", "kept")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].endswith("tones.csv: 36 clips, 0.01 h, 3 speakers, no sentences")
    assert lines[1] == "labels: anger 12, neutral 12, sadness 12"
    kinds = [line.split(":")[0].split(maxsplit=1) for line in lines[2:-1]]
    assert ["error", "duplicates with different labels"] in kinds
    assert ["error", "silent"] in kinds
    assert ["warning", "clipped"] in kinds
    assert ["warning", "exact duplicates"] in kinds
    ranks = [("error", "warning", "note").index(severity) for severity, _ in kinds]
    assert ranks == sorted(ranks)
    assert lines[-1] == "page: page.html"
    report = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert len(report["clips"]) == 36
    assert report["facts"]["labels"] == {"anger": 12, "neutral": 12, "sadness": 12}
    assert {f["kind"] for f in report["findings"]} == {kind for _, kind in kinds}
    assert any("88 eGeMAPS functionals, speakers held out" in sentence for sentence in report["method"])
    stored = next((tmp_path / "kept").glob("quality-*.jsonl")).read_text(encoding="utf-8")
    again = hearfelt(*arguments, "--cache", "kept", "--strict")
    assert (again.returncode, again.stdout) == (1, done.stdout)
    assert next((tmp_path / "kept").glob("quality-*.jsonl")).read_text(encoding="utf-8") == stored


def test_the_page_stands_alone(here: Here, tones: Path, tmp_path: Path) -> None:
    odd = tones / "wav" / "<b>&tones.wav"
    (tones / "wav" / "tones_2_2.wav").rename(odd)
    table = (tones / "tones.csv").read_text(encoding="utf-8")
    (tones / "tones.csv").write_text(table.replace("tones_2_2.wav", odd.name), encoding="utf-8")
    more = ("--out", "page.html", "--json", "out.json", "--clips", "2")
    assert here("data", "check", tones / "tones.csv", "--fast", *more)[0] == 0
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    page = Page(text)
    findings = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))["findings"]
    heard = {file for finding in findings for file in finding["files"][:2]}
    assert len(heard) >= 4
    assert page.tags["audio"] == sum(file in heard for finding in findings for file in finding["files"])
    assert all(load.startswith("data:audio/wav;base64,UklGR") for load in page.loads)
    assert "script" not in page.tags
    assert "default-src 'none'" in text
    assert "&lt;b&gt;&amp;tones.wav" in text and "<b>&tones" not in text
    assert "prefers-color-scheme:dark" in text
    assert page.tags["svg"] >= 3 + 3 * 3  # bars of labels, boxes of three measures
    assert "http" not in re.sub(r"http-equiv|https?://www\.w3\.org\S*", "", text)


def test_the_page_fits_and_plays_in_a_browser(here: Here, tones: Path, tmp_path: Path) -> None:
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("there is no Chromium on this machine")
    assert here("data", "check", tones / "tones.csv", "--fast", "--out", "page.html")[0] == 0
    said: list[str] = []
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for width, scheme, paper in (
            (360, "dark", "rgb(21, 23, 27)"),
            (1280, "light", "rgb(251, 250, 248)"),
        ):
            page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
            page.on("console", lambda message: said.append(message.text))
            page.goto((tmp_path / "page.html").as_uri())
            assert page.evaluate("() => document.documentElement.scrollWidth") == width
            assert page.evaluate("() => getComputedStyle(document.body).backgroundColor") == paper
            page.wait_for_function(
                "() => [...document.querySelectorAll('audio')].every(a => Math.abs(a.duration - 0.5) < 0.01)"
            )
            page.close()
        browser.close()
    assert said == []


def test_sound_on_a_page_is_bounded(
    here: Here, tones: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hearfelt.cli.data_check.PAGE_BYTES", 50_000)
    assert here("data", "check", tones / "tones.csv", "--fast", "--out", "page.html")[0] == 0
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    sounds = re.findall(r"base64,([^\"]+)", text)
    assert len(sounds) >= 1
    assert sum(map(len, sounds)) < 50_000 * 4 / 3 + 100
    assert "tones_2_0.wav" in text  # its row is there without a player


def test_a_corpus_of_one_class_or_one_speaker_is_told(here: Here, tones: Path) -> None:
    lines = (tones / "tones.csv").read_text(encoding="utf-8").splitlines()
    rows = [line.split(",") for line in lines]
    alone = [rows[0]] + [row for row in rows[1:] if row[1] == "s0"]
    same = [rows[0]] + [[*row[:3], "anger"] for row in rows[1:]]
    for name, part, sentence in (
        ("alone", alone, "Speaker s0 is the only one: nobody can be held out"),
        ("same", same, "All examples are labelled anger: a model needs at least 2 labels"),
    ):
        with (tones / f"{name}.csv").open("w", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerows(part)
        code, told, _ = here("data", "check", tones / f"{name}.csv")
        assert code == 0
        assert sentence in told
    code, _, error = here("data", "split", tones / "alone.csv", "--kind", "loso", "--out", "f", "--fast")
    assert (code, error) == (
        2,
        "hearfelt: 1 speaker cannot be both learnt from and held out: use at least 2\n",
    )
    code, _, error = here("data", "split", tones / "same.csv", "--kind", "loso", "--out", "f", "--fast")
    assert code == 2
    assert "all 24 training examples of speaker s0 are labelled anger: a classifier needs" in error


def test_split_writes_folds_that_others_read(here: Here, tones: Path, tmp_path: Path) -> None:
    code, told, _ = here("data", "split", tones / "tones.csv", "--kind", "loso", "--out", "folds/tones")
    assert code == 0
    assert told.splitlines()[:3] == [
        "speaker-independent: no test speaker is in training",
        "Protocol: leave one speaker out, 3 folds.",
        "Exact duplicates: 2 test clips are in training too.",
    ]
    folder = tmp_path / "folds" / "tones"
    examples = datasets.read(tones / "tones.csv")
    made = splits.emobox(examples, folder)
    assert [s.test for s in made] == [s.test for s in splits.leave_one_speaker_out(examples)]
    first = datasets.read(folder, split="1")
    assert [e.speaker for e in first if e.split == "test"] == ["s0"] * 12
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    assert card["speaker_independent"] is True
    assert card["duplicates"] == 2


def test_split_is_loud_and_writes_a_table(here: Here, tones: Path, tmp_path: Path) -> None:
    shared = corpus.make(tmp_path / "shared", share_speakers=True)
    source, lists = shared / "tones.csv", shared / "emobox" / "tones"
    code, told, _ = here(
        "data", "split", source, "--kind", "emobox", "--emobox", lists, "--out", "t.csv", "--fast"
    )
    assert code == 0
    assert told.splitlines()[0] == "SPEAKER-DEPENDENT: 2 of 2 test speakers are also in training"
    rows = table(tmp_path / "t.csv")
    assert {row["split"] for row in rows} == {"fold 1", "fold 2", "fold 3"}
    assert json.loads((tmp_path / "t.card.json").read_text(encoding="utf-8"))["shared_speakers"] == 2
    one = ("data", "split", source, "--kind", "group", "--column", "gender", "--out", "g.parquet", "--fast")
    assert here(*one, "--seen", "tones")[1].startswith(
        "speaker-independent: no test speaker is in training; SEEN"
    )
    Path("other.csv").write_text(
        Path(tones / "tones.csv").read_text(encoding="utf-8").replace("wav/", f"{tones}/wav/"),
        encoding="utf-8",
    )
    two = f"{source},other.csv"
    cross = ("data", "split", two, "--kind", "cross", "--train", "tones", "--test", "other", "--out", "c.csv")
    assert here(*cross, "--fast")[0] == 0
    rows = table(tmp_path / "c.csv")
    assert {(row["corpus"], row["split"]) for row in rows} == {("tones", "train"), ("other", "test")}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ("--kind", "magic"),
            "unknown kind of split 'magic'; known: loso, group, kfold, official, emobox, cross",
        ),
        (("--kind", "emobox"), "--kind emobox needs --emobox, the folder of the corpus's fold files"),
        (("--kind", "cross", "--train", "tones"), "--kind cross needs both --train and --test, or neither"),
        (("--kind", "group", "--column", "mood"), "unknown column to group by 'mood'; known: speaker, text"),
        (("--kind", "kfold", "--folds", "9"), "3 groups of speaker cannot fill 9 folds: use 2 to 3"),
        (("--kind", "official"), "has no split; known: train, dev, test: fill in the column split"),
        (
            ("--kind", "loso", "--out", "x.xlsx"),
            "--out x.xlsx ends in '.xlsx'; write a .csv or a .parquet file",
        ),
    ],
)
def test_splits_say_what_they_need(
    here: Here, tones: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    code, _, error = here("data", "split", tones / "tones.csv", "--fast", "--out", "folds", *arguments)
    assert code == 2
    assert sentence in error
    assert error.count("\n") == 1


def test_fold_files_that_name_absent_clips(here: Here, tones: Path) -> None:
    path = tones / "emobox" / "tones" / "tones_test_fold_2.jsonl"
    gone = "".join(json.dumps({"key": f"tones-gone{i}", "wav": "x", "emo": "ang"}) + "\n" for i in range(2))
    path.write_text(path.read_text(encoding="utf-8") + gone, encoding="utf-8")
    code, _, error = here(
        "data", "split", tones / "tones.csv", "--kind", "emobox", "--emobox", path.parent, "--out", "f"
    )
    assert code == 2
    assert (
        "tones_test_fold_2.jsonl names 2 clips that tones lacks, the first is gone0: restore the corpus"
        in error
    )


def test_what_cannot_be_checked_is_one_sentence(here: Here, tones: Path, tmp_path: Path) -> None:
    code, _, error = here("data", "check", "nowhere.csv")
    assert code == 2
    assert "nowhere.csv is not there" in error
    code, _, error = here("data", "check", tones / "tones.csv", "--fast", "--out", tmp_path)
    assert (code, error) == (2, f"hearfelt: {tmp_path} is a folder; name a file in it\n")
    (tmp_path / "file").write_text("")
    code, _, error = here("data", "check", tones / "tones.csv", "--fast", "--json", "file/out.json")
    assert code == 2
    assert "cannot be written (" in error and error.endswith("; name another file\n")
    code, _, error = here("data", "check", tones / "tones.csv", "--fast", "--cache", tmp_path / "file")
    assert code == 2
    assert "name another --cache" in error


def test_check_tells_what_was_left_out_and_which_labels_are_its_own(
    here: Here, tones: Path, tmp_path: Path
) -> None:
    """Broken corpora are what a check is for: it goes on with what can be used."""
    rows = table(tones / "tones.csv")
    with (tmp_path / "own.csv").open("w", encoding="utf-8") as stream:
        stream.write("file,speaker,gold\n")
        for row in rows:
            gold = {"anger": "Furious", "neutral": "neutral", "sadness": "sad"}[row["gold"]]
            stream.write(f"made/{row['file']},{row['speaker']},{gold}\n")
        stream.write("made/wav/gone.wav,s0,neutral\n")
    code, told, _ = here("data", "check", "own.csv", "--fast", "--cache", "kept")
    assert code == 0
    assert "labels: Furious 12, neutral 12, sadness 12" in told
    assert (
        f"error    left out: 1 of the {len(rows) + 1} files that own.csv lists is not there, the first is "
        "made/wav/gone.wav: restore them or take their rows out; left out of this check\n" in told
    )
    assert (
        "note     labels of its own: hearfelt does not know Furious (12): mend a slip of the pen; to learn "
        'them as they are, hearfelt train --set \'data.labels=["Furious", "neutral", "sadness"]\'\n' in told
    )
    code, _, error = here("data", "read", "own.csv", "--out", "x.csv")
    assert code == 2
    assert "own.csv, line 2: unknown emotion label 'Furious'" in error
    assert error.endswith(
        "; --own-labels takes it as it is, hearfelt data read --labels MAP.csv renames it\n"
    )
    code, told, error = here("data", "read", "own.csv", "--out", "x.csv", "--own-labels", "--lenient")
    assert (code, told) == (0, "x.csv: 36 examples, 3 labels\n")
    assert error.startswith("left out: 1 of the 37 files that own.csv lists is not there")


def test_a_corpus_that_lacks_clips_is_noted(here: Here, tmp_path: Path) -> None:
    (tmp_path / "few").mkdir()
    for emotion in ("Wa", "Na"):
        soundfile.write(tmp_path / "few" / f"03a01{emotion}.wav", np.zeros(800), 16000)
    code, told, error = here("data", "read", "emodb:few", "--out", "few.csv")
    assert (code, told) == (0, "few.csv: 2 examples, 2 labels\n")
    assert error == "note: few has 2 of the 535 clips of EmoDB\n"


def test_read_gives_one_table(here: Here, tones: Path, tmp_path: Path) -> None:
    code, told, _ = here("data", "read", tones / "emobox" / "tones", "--audio", tones, "--out", "one.csv")
    assert (code, told) == (0, "one.csv: 36 examples, 3 labels\n")
    examples = datasets.read(tmp_path / "one.csv")
    assert {e.gold for e in examples} == {"anger", "neutral", "sadness"}
    code, told, _ = here("data", "read", "one.csv", "--labels", "valence", "--out", "two.parquet")
    assert code == 0
    assert {
        e.gold
        for e in datasets.read(Path("two.parquet"), labels={"negative": "negative", "neutral": "neutral"})
    } == {
        "negative",
        "neutral",
    }
    code, _, error = here("data", "read", "one.csv", "--out", "three.txt")
    assert (code, error) == (2, "hearfelt: --out three.txt ends in '.txt'; write a .csv or a .parquet file\n")
    code, _, error = here("data", "read", "one.csv", "--labels", "moods", "--out", "three.csv")
    assert code == 2
    assert "unknown label map 'moods'; known: ekman7, emobox, four" in error


def test_corpora_and_label_maps_are_shown(here: Here) -> None:
    code, told, _ = here("data", "corpora")
    assert code == 0
    assert re.search(r"^emodb +de +CC BY 4\.0 +EmoDB: 535 utterances", told, re.MULTILINE)
    assert "Interspeech 2005" in here("data", "corpora", "EmoDB")[1]
    assert "unknown corpus 'emodbb'; known: emodb, ravdess" in here("data", "corpora", "emodbb")[2]
    assert re.search(r"^four +anger, happiness, neutral, sadness$", here("data", "labels")[1], re.MULTILINE)
    assert re.search(r"^boredom +\(left out\)", here("data", "labels", "ekman7")[1], re.MULTILINE)


def votes_table(folder: Path, rows: list[tuple[str, str, str]]) -> Path:
    path = folder / "voted.csv"
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([("file", "gold", "votes"), *rows])
    for file, _, _ in rows:
        soundfile.write(folder / file, np.zeros(160), 16000)
    return path


def test_votes_are_weighed(here: Here, tmp_path: Path) -> None:
    pytest.importorskip("krippendorff")
    import krippendorff

    labels = ("anger", "fear", "sadness")
    random = np.random.default_rng(0)
    truth = random.integers(3, size=40)
    said = np.stack([truth, truth, truth, random.integers(3, size=40)])
    said[1, :6] = (said[1, :6] + 1) % 3
    rows = [
        (
            f"{i}.wav",
            "",
            "|".join(f"{rater}={labels[k]}" for rater, k in zip("abcx", said[:, i], strict=True)),
        )
        for i in range(40)
    ]
    path = votes_table(tmp_path, rows)
    code, told, _ = here("data", "votes", path, "--out", "gold.csv", "--gold", "dawid-skene")
    assert code == 0
    assert "40 of 40 examples have 160 votes of 4 raters" in told
    alpha = krippendorff.alpha(reliability_data=said, level_of_measurement="nominal")
    assert f"Krippendorff's alpha {alpha:.3f} [" in told
    assert told.splitlines()[3].startswith("x ")  # who guesses is the least reliable
    examples = datasets.read(tmp_path / "gold.csv")
    assert [e.gold for e in examples] == [labels[k] for k in truth]
    assert all(abs(sum((e.soft or {}).values()) - 1) < 1e-6 for e in examples)


def test_majority_keeps_a_label_that_is_there_unless_told(here: Here, tmp_path: Path) -> None:
    path = votes_table(
        tmp_path,
        [("0.wav", "fear", "anger|anger|fear"), ("1.wav", "", "fear|sadness"), ("2.wav", "", "fear|fear")],
    )
    code, told, _ = here("data", "votes", path, "--out", "kept.csv")
    assert code == 0
    assert "3 of 3 examples have 7 votes; raters have no names" in told
    assert "majority: 2 of 3 have one; gold labels now: 2 of 3; 33.3% of the votes say the gold label" in told
    assert [e.gold for e in datasets.read(tmp_path / "kept.csv")] == ["fear", None, "fear"]
    assert here("data", "votes", path, "--out", "new.csv", "--replace")[0] == 0
    assert [e.gold for e in datasets.read(tmp_path / "new.csv")] == ["anger", None, "fear"]
    for arguments, sentence in (
        (("--gold", "dawid-skene"), "does not name its raters: --gold dawid-skene needs them; use majority"),
        (("--gold", "dice"), "unknown way to a gold label 'dice'; known: majority, dawid-skene"),
    ):
        code, _, error = here("data", "votes", path, *arguments)
        assert code == 2
        assert sentence in error


def test_a_table_without_votes(here: Here, tones: Path) -> None:
    code, _, error = here("data", "votes", tones / "tones.csv")
    assert code == 2
    assert "has no votes: give a table with the column votes (ana=anger|ben=fear)" in error


def test_real_ravdess_is_checked(here: Here, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The corpus's own duplicate pair is found among all 1440 clips, and nothing else is called a copy."""
    monkeypatch.setenv("HEARFELT_DATA", str(data_dir))
    code, told, _ = here("data", "check", "ravdess", "--fast")
    assert code == 0
    assert (
        "exact duplicates: 2 clips hold the same samples, in 1 group, the first 03-01-03-01-02-01-07.flac"
        in told
    )
    assert "near duplicates" not in told
