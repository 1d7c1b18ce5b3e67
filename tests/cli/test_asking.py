"""A language model on the command line: whom it is asked about, what it costs, replayed and compared."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import soundfile

from hearfelt import reports
from hearfelt.cli import app
from tests.language.conftest import ChatServer


@pytest.fixture
def asked(
    chat_server: ChatServer,
    example_call: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):  # type: ignore[no-untyped-def]
    """Analyses the example call with a language model, in this process: exit code, output, report."""
    monkeypatch.setenv("HEARFELT_CACHE", str(tmp_path / "cache"))
    url = chat_server.url("good")

    def run(name: str, *more: str) -> tuple[int, str, reports.Report]:
        out = tmp_path / name
        base = ["analyze", str(example_call), "--transcript", str(example_call.with_suffix(".srt"))]
        code = app.run([*base, "--llm", "tiny", "--llm-url", url, "--quiet", "--out", str(out), *more])
        return code, capsys.readouterr().out, reports.read(out / "report.json")

    run.url = url  # type: ignore[attr-defined]
    return run


def test_ask_budget_replay_and_compare(
    asked,  # type: ignore[no-untyped-def]
    chat_server: ChatServer,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, said, some = asked("some", "--ask", "uncertain", "--ask-below", "0.6", "--llm-max-requests", "3")
    assert code == 0
    account = some.asked
    assert account is not None and (account.policy, account.below) == ("uncertain", 0.6)
    assert (account.asked, account.requests, account.tokens) == (3, 3, 360)
    assert account.not_asked["sure"] > 0 and account.not_asked["budget"] > 0
    assert account.utterances == len(some.estimates)
    assert len(chat_server.asked(asked.url)) == 3
    assert (
        "3 of " in said and "because the budget was spent" in said and "Cost: 3 requests, 360 tokens" in said
    )
    assert any("the budget of 3 requests is spent" in warning for warning in some.warnings)
    page = (tmp_path / "some" / "report.html").read_text(encoding="utf-8")
    assert "Cost: 3 requests, 360 tokens" in page

    code, _, every = asked("every", "--llm-concurrency", "8")
    assert code == 0 and every.asked is not None
    assert (every.asked.cached, every.asked.failed, every.asked.not_asked) == (3, 0, {})
    n_asked = len(chat_server.asked(asked.url))
    assert n_asked == len(every.estimates)

    code, said, again = asked("again", "--replay", "--llm-concurrency", "1")
    assert code == 0 and again.asked is not None
    assert (again.asked.cached, again.asked.requests) == (len(every.estimates), 0)
    assert len(chat_server.asked(asked.url)) == n_asked, "a replay asks nobody"
    assert [e.emotion for e in again.estimates] == [e.emotion for e in every.estimates]
    assert again.asked.changed == every.asked.changed > 0

    paths = [str(tmp_path / name / "report.json") for name in ("every", "again", "some")]
    assert app.run(["compare", paths[0], paths[1]]) == 0
    assert (
        f"answers of the language model: {len(every.estimates)} the same, 0 others" in capsys.readouterr().out
    )
    assert app.run(["compare", paths[0], paths[2], "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["answers_same"], found["answers_first"]) == (3, len(every.estimates) - 3)


def test_a_replay_of_what_was_never_asked_says_so(
    asked,  # type: ignore[no-untyped-def]
    chat_server: ChatServer,
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, _, report = asked("none", "--replay")
    assert code == 2
    assert report.asked is not None and report.asked.not_asked == {"replay": len(report.estimates)}
    assert any("(a replay asks no model)" in warning for warning in report.warnings)
    assert chat_server.asked(asked.url) == []


def test_a_folder_of_short_files_pays_once_for_what_is_said_to_nothing(
    chat_server: ChatServer, example_call: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    samples, rate = soundfile.read(str(example_call), frames=4 * 16000)
    sounds = tmp_path / "sounds"
    sounds.mkdir()
    for name in ("a", "b", "c"):
        soundfile.write(str(sounds / f"{name}.wav"), samples[:, 0], rate)
        (sounds / f"{name}.txt").write_text(f"Good morning, this is {name}.", encoding="utf-8")
    url = chat_server.url("letters")
    asked = ("--llm", "tiny", "--llm-url", url, "--llm-mode", "score", "--llm-no-cache")
    assert app.run(["analyze", str(sounds), "--transcript", str(sounds), *asked, "--quiet"]) == 0
    assert "Cost: 1 request, 120 tokens" in capsys.readouterr().out
    assert len(chat_server.asked(url)) == 3 + 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--ask", "often", "--llm", "x"],
            "unknown way to choose whom to ask 'often'; known: always, uncertain, never",
        ),
        (["--replay"], "replay is True, but no language model is named; name one with llm"),
        (["--llm", "x", "--replay", "--llm-no-cache"], "replay takes its answers from the cache"),
        (
            ["--llm", "x", "--llm-concurrency", "0"],
            "llm_concurrency is 0; it must be from 1 to 64, such as 4",
        ),
    ],
)
def test_bad_options_are_one_sentence(
    options: list[str], message: str, example_call: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.run(["analyze", str(example_call), *options]) == 2
    assert message in capsys.readouterr().err


def test_compare_refuses_what_is_no_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.json"
    path.write_text("{}", encoding="utf-8")
    assert app.run(["compare", str(path), str(path)]) == 2
    assert "has the schema None" in capsys.readouterr().err
