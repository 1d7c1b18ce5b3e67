"""Imports go one way: the table of the design, held by reading every import in the package."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parent.parent / "src" / "hearfelt"
OPEN = {"types", "labels", "errors", "web"}
MAY_IMPORT: dict[str, set[str]] = {
    "audio": set(),
    "language": set(),
    "applications": set(),
    "reports": set(),
    "features": {"audio"},
    "transcribers": {"audio"},
    "datasets": {"audio"},
    "fusion": {"language"},
    "models": {"features", "language"},
    "evaluation": {"audio", "datasets"},
    "training": {"audio", "datasets", "features", "models", "language", "fusion", "evaluation"},
    "pipeline": {"audio", "features", "transcribers", "language", "models", "fusion"},
    "server": {"pipeline", "applications", "reports", "settings"},
    "weights": set(),
    "types": set(),
    "web": set(),
}


def imported_rooms(file: Path) -> set[str]:
    """Rooms of hearfelt that a file imports, at any depth of the file."""
    rooms = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import; write the full name"
            names = [node.module or ""]
            if node.module == "hearfelt":
                names = [f"hearfelt.{alias.name}" for alias in node.names]
        rooms |= {name.split(".")[1] for name in names if name.startswith("hearfelt.")}
    return rooms


def rooms() -> list[str]:
    return sorted(p.name for p in SOURCE.iterdir() if p.is_dir() and any(p.glob("**/*.py")))


@pytest.mark.parametrize("room", rooms())
def test_room_imports_only_what_the_table_allows(room: str) -> None:
    if room == "cli":
        return  # the command line may use everything
    assert room in MAY_IMPORT, f"{room} is a new room: add it to the table"
    for file in (SOURCE / room).rglob("*.py"):
        found = imported_rooms(file) - OPEN - {room, "__version__"}
        assert found <= MAY_IMPORT[room], f"{file.name} imports {sorted(found - MAY_IMPORT[room])}"


@pytest.mark.parametrize("name", sorted(OPEN))
def test_open_modules_import_nothing_else_of_ours(name: str) -> None:
    files = [*(SOURCE / name).rglob("*.py")] or [SOURCE / f"{name}.py"]
    assert set().union(*map(imported_rooms, files)) <= OPEN


def test_import_loads_no_heavy_library() -> None:
    """`import hearfelt` costs nothing: no numpy, no back end, no thread."""
    code = (
        "import sys, threading, hearfelt; "
        "heavy = {'numpy','onnxruntime','av','soundfile','tokenizers','pydantic','httpx'}; "
        "print(sorted(heavy & set(sys.modules)), threading.active_count())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] 1"


def test_an_analysis_without_a_language_model_loads_none_of_its_parts() -> None:
    code = (
        "import sys, hearfelt.pipeline.offline; "
        "parts = {'pydantic', 'hearfelt.language.judge.judge', 'hearfelt.language.privacy.mask'}; "
        "print(sorted(parts & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
