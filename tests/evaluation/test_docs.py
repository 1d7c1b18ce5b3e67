"""The page on evaluation: its commands are ones the command line takes, its Python runs on made answers."""

from __future__ import annotations

import csv
import re
import shlex
from pathlib import Path

import pytest
import typer

from hearfelt.cli.app import app
from hearfelt.evaluation import metrics

from .made import LABELS, table

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "evaluation.md").read_text(encoding="utf-8")


def test_commands_have_the_options_that_they_use() -> None:
    lines = [line for line in PAGE.splitlines() if line.startswith("hearfelt ")]
    assert len(lines) >= 5
    root = typer.main.get_command(app)
    for line in lines:
        command, words = root, shlex.split(line)[1:]
        while hasattr(command, "commands"):
            command = command.commands[words.pop(0)]
        command.make_context("hearfelt", words)  # a usage error where an option is not known


def test_metrics_that_it_names_are_there() -> None:
    named = re.findall(r"\| ((?:`\w+`(?:, )?)+) \|$", PAGE, re.MULTILINE)
    names = [name for cell in named for name in re.findall(r"`(\w+)`", cell)]
    assert len(names) >= 20
    for name in names:
        assert hasattr(metrics, name), name


def test_first_python_of_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    examples = table(2, 6)
    for name, column in (("gold.csv", "gold"), ("predictions.csv", "label")):
        with (tmp_path / name).open("w", newline="", encoding="utf-8") as stream:
            rows = [(e.file, e.speaker, e.gold) for e in examples]
            csv.writer(stream).writerows([("file", "speaker", column), *rows])
    for example in examples:
        (tmp_path / example.file).touch()
    monkeypatch.chdir(tmp_path)
    code = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)[0]
    exec(code, {})
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert all(label in page for label in LABELS)
