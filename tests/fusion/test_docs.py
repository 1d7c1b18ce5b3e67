"""The example in docs/fusion.md runs and prints what the page says."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path


def test_the_example_of_the_page() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "fusion.md").read_text(encoding="utf-8")
    found = re.search(r"```python\n(.*?)```\s*```text\n(.*?)```", page, re.DOTALL)
    assert found
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(found[1], "docs/fusion.md", "exec"), {})
    assert printed.getvalue() == found[2]
