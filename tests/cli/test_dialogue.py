"""``hearfelt benchmark dialogue`` in a real process: rows, published results, a language model, bad input."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import Run

pytest.importorskip("torch")
pytest.importorskip("sklearn")

SERVER = Path(__file__).resolve().parents[1] / "language" / "chat_server.py"
PUBLISHED = """model,year,dataset,modalities_or_features,accuracy,weighted_f1,other,source
Theirs,2020,MELD-7,text,,62.5,,a paper
Other,2021,IEMOCAP-6,text,,70.0,MELD 64.25; EmoryNLP 39.02,another paper
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A hundred dialogues of two lines: a loud angry one and a soft neutral one."""
    rows = ["dialogue,speaker,text,emotion,avg_intensity"]
    for number in range(100):
        rows += [f"d{number},ana,go away {number},anger,{80 + number % 3}"]
        rows += [f"d{number},ben,it is noon {number},neutral,{50 + number % 4}"]
    path = tmp_path / "talks.csv"
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def server() -> Iterator[str]:
    """A chat server that answers the last label where the words name none."""
    with subprocess.Popen([sys.executable, str(SERVER)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        process.terminate()


def test_rows_of_a_table_stand_in_one_table(hearfelt: Run, tmp_path: Path, table: Path) -> None:
    arguments = ("benchmark", "dialogue", "--corpus", table.name, "--model", "majority,cues")
    done = hearfelt(*arguments, "--json", "o.json", "--md", "o.md")
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "o.json").read_text(encoding="utf-8"))
    assert found["models"]["majority"]["accuracy"] == 0.5
    assert found["models"]["cues"]["accuracy"] == 1.0
    assert found["models"]["cues"]["lines"] == 40
    assert found["published"] == []
    assert "70 / 10 / 20 % of its dialogues dealt by seed 0" in done.stdout
    assert "the test part is read once" in done.stdout
    assert (tmp_path / "o.md").read_text(encoding="utf-8") == done.stdout
    again = hearfelt(*arguments)
    assert again.stdout == done.stdout and "begins" not in again.stderr


def test_a_language_model_is_one_more_row_with_its_tokens(
    hearfelt: Run, table: Path, tmp_path: Path, server: str
) -> None:
    done = hearfelt(
        *("benchmark", "dialogue", "--corpus", table.name, "--model", "majority", "--limit", "3"),
        *("--llm", "tiny", "--llm-url", f"{server}/labels/dialogue/v1", "--llm-cues", "--json", "o.json"),
    )
    assert done.returncode == 0, done.stderr
    row = json.loads((tmp_path / "o.json").read_text(encoding="utf-8"))["models"]["llm/tiny + cues"]
    assert (row["lines"], row["accuracy"], row["failures"]) == (4, 0.5, 0)
    assert row["tokens"] > 0
    assert re.search(r"\| llm/tiny \+ cues \|.* zero-shot, first 4 test lines \|", done.stdout)


def test_published_rows_stand_beside_with_their_sources(tmp_path: Path) -> None:
    from hearfelt.evaluation import dialogues

    path = tmp_path / "published.csv"
    path.write_text(PUBLISHED, encoding="utf-8")
    found = dialogues.published(path, "meld")
    assert [(one.model, one.weighted_f1, one.source) for one in found] == [
        ("Theirs", 0.625, "a paper"),
        ("Other", 0.6425, "another paper"),
    ]
    assert [one.model for one in dialogues.published(path, "emorynlp")] == ["Other"]
    assert dialogues.published(path, "cped") == []
    assert "| Theirs | 2020 | text |  | 62.50 | a paper |" in list(dialogues.lines_of(found))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--model", "bert"), "unknown model of dialogue 'bert'; known: majority"),
        (("--llm-cues",), "--llm-cues tells a language model what was heard: name one by --llm"),
        (("--llm-url", "http://localhost:1/v1"), "--llm-url is for a language model: name one by --llm"),
        (("--limit", "3"), "--limit is for a language model: name one by --llm"),
        (("--llm", "tiny", "--llm-device", "cpu"), "llm_device is cpu, but 'tiny' is a model on a server"),
        (("--set", "kind=voice"), "unknown"),
        (
            ("--model", "majority", "--published", "none.csv"),
            "none.csv is not there: give a table as CSV or Parquet",
        ),
        (("--llm", "tiny", "--llm-timeout-s", "0"), "--llm-timeout-s is 0.0; it must be above 0, such as 60"),
        (
            ("--model", "majority", "--llm", "tiny", "--llm-key-file", "none"),
            "the key file none cannot be read",
        ),
    ],
)
def test_bad_options_end_in_a_sentence(
    table: Path,
    more: tuple[str, ...],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from hearfelt.cli.app import run

    monkeypatch.chdir(table.parent)
    assert run(["benchmark", "dialogue", "--corpus", table.name, *more]) == 2
    assert said in capsys.readouterr().err


def test_a_server_that_is_down_is_said_and_nothing_learnt_is_lost(
    hearfelt: Run, table: Path, tmp_path: Path
) -> None:
    done = hearfelt(
        *("benchmark", "dialogue", "--corpus", table.name, "--model", "majority"),
        *("--llm", "tiny", "--llm-url", "http://127.0.0.1:9/v1"),
    )
    assert done.returncode == 2
    assert "127.0.0.1:9" in done.stderr
    assert "; the table stands without the language model" in done.stderr
    assert "| majority | 50.0 |" in done.stdout and "llm/tiny" not in done.stdout
    assert (tmp_path / "runs" / "talks" / "scores.json").is_file()
