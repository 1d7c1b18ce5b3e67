"""The page on models: its commands are ones the command line takes, its Python runs, its names are known."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer

from hearfelt.cli.app import app
from hearfelt.training import systems
from tests.cli.corpus import make

pytest.importorskip("sklearn")

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "models.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_commands_have_the_options_that_they_use() -> None:
    lines = [line for line in PAGE.splitlines() if line.startswith("hearfelt ")]
    assert len(lines) >= 4
    root = typer.main.get_command(app)
    for line in lines:
        command, words = root, shlex.split(line)[1:]
        while hasattr(command, "commands") and words and words[0] in command.commands:
            command = command.commands[words.pop(0)]
        command.make_context("hearfelt", words)  # a usage error where an option is not known


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_python_of_the_page(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if "import torch" in BLOCKS[number]:
        pytest.importorskip("torch")
    make(tmp_path)
    monkeypatch.chdir(tmp_path)
    exec(BLOCKS[number], {})


def test_every_name_has_a_row() -> None:
    table = PAGE.partition("## By name")[2].partition("Names can be put together")[0]
    cells = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    named = [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]
    assert set(named) >= set(systems.SYSTEMS) - {"open"}
    for code in re.findall(r"`systems\.make\((.+?)\)` \|$", table, re.MULTILINE):
        assert eval(f"systems.make({code})", {"systems": systems})
