"""``hearfelt data label`` as a user runs it, against a real server process: a rater beside people."""

from __future__ import annotations

import csv
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from hearfelt.cli import app
from hearfelt.datasets import manifest
from tests.language.conftest import ChatServer
from tests.serving import interruptible

from . import corpus

Here = Callable[..., tuple[int, str, str]]
TEXTS = ("anger it is", "I feel sadness", "the bus is late", "sadness again", "anger once more", "")
GOLD = ("anger", "sadness", "neutral", "anger", "anger", "neutral")
VOTES = (
    "ana=anger|ben=anger",
    "ana=sadness|ben=sadness",
    "ana=neutral|ben=anger",
    "ana=anger|ben=sadness",
    "ana=anger|ben=anger",
    "ana=neutral|ben=neutral",
)


@pytest.fixture
def here(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Here:
    """Runs ``hearfelt data label`` in this process, in ``tmp_path``: exit code, output, errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HEARFELT_CACHE", str(tmp_path / "cache"))

    def run(*arguments: object) -> tuple[int, str, str]:
        code = app.run(["data", "label", *map(str, arguments)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def write(path: Path, names: Sequence[str], rows: Sequence[Sequence[object]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([names, *rows])
    return path


def rated(tmp_path: Path) -> Path:
    rows = [(n, *row) for n, row in enumerate(zip(TEXTS, GOLD, VOTES, strict=True))]
    return write(tmp_path / "rated.csv", ("id", "Text", "gold", "votes"), rows)


def votes(path: Path) -> list[str]:
    with path.open(encoding="utf-8", newline="") as stream:
        return [row["votes"] for row in csv.DictReader(stream)]


def test_the_models_votes_stand_beside_the_peoples(
    chat_server: ChatServer,
    here: Here,
    tmp_path: Path,
) -> None:
    url = chat_server.url("labels")
    table = rated(tmp_path)
    code, out, err = here(table, "--out", "out.csv", "--llm", "tiny", "--llm-url", url)
    assert code == 0, err
    assert votes(tmp_path / "out.csv")[:3] == [
        "ana=anger|ben=anger|llm/tiny=anger",
        "ana=sadness|ben=sadness|llm/tiny=sadness",
        "ana=neutral|ben=anger|llm/tiny=sadness",
    ]
    assert votes(tmp_path / "out.csv")[5] == "ana=neutral|ben=neutral"
    first = table.read_text(encoding="utf-8").splitlines()[1].split(",")
    assert (tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()[1].split(",")[:3] == first[:3]
    assert "5 of 6 utterances labelled by llm/tiny" in out
    assert "labels: sadness 3, anger 2" in out
    assert "0 answers from the cache; 600 tokens for the others" in out
    assert re.search(r"Krippendorff's alpha, people: 0\.\d{3} \[-?\d\.\d{3}, 1\.000\] \(6 utterances", out)
    assert re.search(r"Krippendorff's alpha, with llm/tiny: 0\.\d{3} ", out)
    assert re.search(r"^alpha of label +people +with llm/tiny$", out, re.MULTILINE)
    assert re.search(r"^neutral +0\.\d{3} +0\.\d{3}$", out, re.MULTILINE)
    assert "llm/tiny says what another rater says in 70.0% (5 utterances)" in out
    assert re.search(r"^anger +2 +0 +1 +0\.67$", out, re.MULTILINE), (
        "gold anger: said anger, neutral, sadness"
    )
    assert "against gold: 60.0% right of 5, mean recall (UAR) 55.6% over 3 labels" in out
    assert "1 utterance has no words and no label" in err


def test_alpha_is_that_of_another_library(
    chat_server: ChatServer,
    here: Here,
    tmp_path: Path,
) -> None:
    import krippendorff

    code, out, _ = here(
        rated(tmp_path), "--out", "out.csv", "--llm", "tiny", "--llm-url", chat_server.url("labels")
    )
    assert code == 0
    table = [dict(pair.split("=") for pair in cell.split("|")) for cell in votes(tmp_path / "out.csv")]
    raters = [[row.get(name, "") for row in table] for name in ("ana", "ben", "llm/tiny")]
    names = ("anger", "neutral", "sadness")

    def alpha(rows: list[list[str]], one: str | None = None) -> float:
        coded = [
            [float("nan") if not v else float(names.index(v) if one is None else v == one) for v in row]
            for row in rows
        ]
        return float(krippendorff.alpha(coded, level_of_measurement="nominal"))

    assert f"people: {alpha(raters[:2]):.3f} [" in out
    assert f"with llm/tiny: {alpha(raters):.3f} [" in out
    for name in names:
        assert re.search(
            rf"^{name} +{alpha(raters[:2], name):.3f} +{alpha(raters, name):.3f}$", out, re.MULTILINE
        )


def test_a_run_whose_server_dies_keeps_what_it_has_and_goes_on_later(
    chat_server: ChatServer,
    here: Here,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("hearfelt.web.transport.time.sleep", lambda seconds: None)
    url = chat_server.url("labelsdie")
    table = rated(tmp_path)
    arguments = (table, "--out", "out.csv", "--llm", "tiny", "--llm-url", url)
    code, out, err = here(*arguments)
    assert code == 2
    assert "2 of 6 utterances labelled by llm/tiny" in out
    assert "hearfelt: 3 of 6 utterances are missing a label: " in err and "fails (500)" in err
    assert "the same command asks about these alone" in err
    assert [cell.count("llm/tiny") for cell in votes(tmp_path / "out.csv")] == [1, 1, 0, 0, 0, 0]
    code, out, err = here(*arguments)
    assert code == 2 and "2 answers from the cache" in out


def test_after_three_failures_in_a_row_nobody_else_is_asked(
    chat_server: ChatServer,
    here: Here,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("hearfelt.web.transport.time.sleep", lambda seconds: None)
    url = chat_server.url("labelsdie")
    table = write(tmp_path / "t.csv", ("text",), [(f"anger {n}",) for n in range(40)])
    code, _, err = here(table, "--out", "out.csv", "--llm", "tiny", "--llm-url", url)
    assert code == 2 and "38 of 40 utterances are missing a label" in err
    assert len(chat_server.asked(url)) == 2 + 3 * 3, "three questions, each tried three times"


def test_several_questions_at_once_give_the_same_table(
    chat_server: ChatServer,
    here: Here,
    tmp_path: Path,
) -> None:
    table = write(tmp_path / "t.csv", ("text",), [(f"{('anger', 'fear')[n % 2]} {n}",) for n in range(30)])
    for at_once in (1, 8):
        url = chat_server.url("labels")
        out = f"{at_once}.csv"
        code, _, err = here(table, "--out", out, "--llm", "tiny", "--llm-url", url, "--concurrency", at_once)
        assert code == 0, err
        assert len(chat_server.asked(url)) == 30
    assert votes(tmp_path / "1.csv") == votes(tmp_path / "8.csv")


def test_parquet_keeps_its_columns_and_is_a_manifest_again(
    chat_server: ChatServer,
    here: Here,
    tmp_path: Path,
) -> None:
    folder = corpus.make(tmp_path / "made", clips=3)
    examples = manifest.read(folder / "tones.csv")
    packed = tmp_path / "made" / "tones.parquet"
    manifest.write(examples, packed, audio=tmp_path / "made")
    table = pyarrow.parquet.read_table(packed)
    texts = pyarrow.array([f"{gold} I say" for gold in table["gold"].to_pylist()])
    table = table.set_column(table.column_names.index("text"), "text", texts)
    table = table.append_column("extra", pyarrow.array(range(len(table))))
    pyarrow.parquet.write_table(table, packed)
    url = chat_server.url("labels")
    for out in ("out.parquet", "out.csv"):
        code, said, err = here(packed, "--out", out, "--llm", "tiny", "--llm-url", url)
        assert code == 0, err
        again = manifest.read(tmp_path / out)
        assert [e.votes for e in again] == [(e.gold,) for e in examples]
        assert {e.raters for e in again} == {("llm/tiny",)}
        assert "no votes of people are there to agree with" in said
        assert "against gold: 100.0% right of 9, mean recall (UAR) 100.0% over 3 labels" in said
    assert pyarrow.parquet.read_table(tmp_path / "out.parquet")["extra"].to_pylist() == list(range(9))
    told = str(chat_server.asked(url)[-1]["body"]["messages"][1]["content"])
    assert "than most people" in told, "the sound is there, so cues are told"
    assert '"voice_model": null' in told


def test_a_voice_model_is_told_where_it_is_wanted(
    chat_server: ChatServer,
    here: Here,
    tmp_path: Path,
) -> None:
    folder = corpus.make(tmp_path / "made", speakers=1, clips=3)
    rows = [(f"wav/tones_0_{n}.wav", "hm", "anger") for n in range(3)]
    table = write(folder / "t.csv", ("file", "text", "gold"), rows)
    url = chat_server.url("labels")
    code, _, err = here(
        table, "--out", "o.csv", "--llm", "tiny", "--llm-url", url, "--voice", "base", "--no-cues"
    )
    assert code == 0, err
    told = str(chat_server.asked(url)[0]["body"]["messages"][1]["content"])
    assert '"vocal_cues": []' in told and '"confidence"' in told


def test_dialogues_roles_examples_and_wordings_are_told(
    chat_server: ChatServer,
    here: Here,
    tmp_path: Path,
) -> None:
    rows = [("d1", "ana", "agent", "Hello"), ("d2", "eve", "", "Bye"), ("d1", "ben", "customer", "fear me")]
    table = write(tmp_path / "t.csv", ("dialogue", "speaker", "role", "text"), rows)
    shots = write(tmp_path / "shots.csv", ("text", "label"), [("fear of flying", "fear"), ("ok", "neutral")])
    url = chat_server.url("labels")
    code, out, err = here(
        *(table, "--out", "o.csv", "--llm", "tiny", "--llm-url", url, "--labels", "fear,neutral"),
        *("--prompts", 2, "--examples", shots, "--shots", 1),
    )
    assert code == 0, err
    asked = [str(request["body"]["messages"][1]["content"]) for request in chat_server.asked(url)]
    assert len(asked) == 6
    assert '"dialogue": [{"speaker": "ana", "role": "agent", "text": "Hello"}]' in asked[4]
    assert '"role": "customer"' in asked[4] and '"dialogue": []' in asked[2]
    assert '"labelled_examples": [{"text": "fear of flying", "label": "fear"}]' in asked[4]
    assert "asked in 2 wordings: on 3 utterances its answers lay 0.00 apart" in out
    assert votes(tmp_path / "o.csv") == ["llm/tiny=neutral", "llm/tiny=neutral", "llm/tiny=fear"]


def test_the_way_score_and_votes_without_names(
    chat_server: ChatServer,
    here: Here,
    tmp_path: Path,
) -> None:
    rows = [("Hello", "anger|anger"), ("Bye", "fear|anger")]
    table = write(tmp_path / "t.csv", ("text", "votes"), rows)
    url = chat_server.url("letters")
    code, out, err = here(table, "--out", "o.csv", "--llm", "tiny", "--llm-url", url, "--mode", "score")
    assert code == 0, err
    assert "votes without raters are named by their place (vote 1, vote 2)" in out
    assert votes(tmp_path / "o.csv")[0].startswith("vote 1=anger|vote 2=anger|llm/tiny=")
    code, out, err = here("o.csv", "--out", "o.csv", "--llm", "tiny", "--llm-url", url, "--mode", "score")
    assert code == 0 and votes(tmp_path / "o.csv")[0].count("llm/tiny=") == 1


def test_what_cannot_be_labelled_is_refused_in_one_sentence(
    chat_server: ChatServer,
    here: Here,
    tmp_path: Path,
) -> None:
    table = rated(tmp_path)
    url = chat_server.url("labels")
    wordless = write(tmp_path / "w.csv", ("words", "gold"), [("x", "anger")])
    empty = write(tmp_path / "e.csv", ("text",), [])
    silent = write(tmp_path / "s.csv", ("text", "gold"), [("", "anger")])
    half = write(tmp_path / "h.csv", ("text", "votes"), [("x", "a=anger|fear")])
    asked = ("--out", "o.csv", "--llm", "tiny", "--llm-url", url)
    for arguments, message in (
        ((wordless, *asked), "has no column text or utterance or sentence, only words, gold"),
        ((empty, *asked), "has no rows below its header"),
        ((silent, *asked), "has no words in its texts: nothing to label"),
        ((half, *asked), "some votes name their rater and some do not"),
        ((tmp_path / "none.csv", *asked), "is not there"),
        ((table, *asked, "--mode", "sing"), "unknown way to ask for labels 'sing'; known: schema, score"),
        ((table, *asked, "--labels", "anger"), "leaves no choice: name two or more, as anger,neutral"),
        ((table, *asked, "--prompts", "4"), "4 wordings were asked for; take 1 to 3"),
        ((table, *asked, "--voice", "base"), "--voice base needs sound, but"),
        ((table, *asked, "--examples", "none.csv"), "none.csv is not there: give a table of labelled"),
        ((table, *asked, "--llm-timeout-s", "0"), "--llm-timeout-s is 0.0; it must be above 0"),
        ((table, "--out", "o.txt", *asked[2:]), "ends in '.txt'; write a .csv or a .parquet file"),
        (
            (table, "--out", "o.csv", "--llm", "tiny", "--llm-url", chat_server.url("nomodel")),
            "knows no model",
        ),
        ((table, "--out", "o.csv", "--llm", "tiny", "--llm-url", "localhost:9"), "no server answers at"),
        ((table, "--out", "o.csv", "--llm", " ", "--llm-url", url), "the language model has no name"),
    ):
        code, out, err = here(*arguments)
        assert (code, out) == (2, ""), arguments
        assert message in err and err.count("\n") == 1, err
        assert not (tmp_path / "o.csv").exists()


def test_an_interrupted_run_keeps_what_it_has(
    own_chat_server: ChatServer,
    tmp_path: Path,
) -> None:
    table = rated(tmp_path)
    url = own_chat_server.url("labelsslow")
    command = [sys.executable, "-m", "hearfelt", "data", "label", str(table), "--out", "out.csv"]
    running = subprocess.Popen(
        [*command, "--llm", "tiny", "--llm-url", url],
        cwd=tmp_path,
        env={**os.environ, "HEARFELT_CACHE": str(tmp_path / "cache")},
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=interruptible,
    )
    for _ in range(300):
        if running.poll() is not None or len(own_chat_server.asked(url)) >= 3:
            break
        time.sleep(0.1)
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 130, err
    assert "interrupted: 2 of 6 utterances are labelled in out.csv; the same command goes on there" in err
    assert [cell.count("llm/tiny") for cell in votes(tmp_path / "out.csv")] == [1, 1, 0, 0, 0, 0]
