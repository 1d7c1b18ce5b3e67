"""What docs/augment.md shows is run, and its table names every kind of change."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hearfelt.datasets.augment import changes

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "augment.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("code", re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))
def test_code_runs(code: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)
    exec(code, {})
    assert capsys.readouterr().out


def test_recipe_is_read(tmp_path: Path) -> None:
    (shown,) = re.findall(r"^```toml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    (tmp_path / "aug.toml").write_text(shown, encoding="utf-8")
    assert len(changes.read(tmp_path / "aug.toml").changes) == 2


def test_every_kind_has_its_row() -> None:
    firsts = re.findall(r"^\| ([a-z_, ]+) \|", PAGE, re.MULTILINE)
    assert set(changes.KINDS) <= {name.strip() for first in firsts for name in first.split(",")}
