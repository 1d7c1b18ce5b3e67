"""What is shown is run: the README's commands and code, and the examples in docstrings."""

from __future__ import annotations

import doctest
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

import hearfelt.pipeline.offline

ROOT = Path(__file__).resolve().parent.parent
READMES = ("README.md", "README.zh-CN.md")


def blocks(readme: str, language: str) -> list[str]:
    text = (ROOT / readme).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the README speaks of."""
    folder = tmp_path_factory.mktemp("desk")
    call = ROOT / "examples" / "call"
    shutil.copy(call / "call.flac", folder)
    shutil.copy(call / "call.srt", folder)
    samples, rate = soundfile.read(str(call / "call.flac"), dtype="float32", frames=16000 * 12)
    (folder / "recordings").mkdir()
    soundfile.write(str(folder / "recordings" / "one.wav"), samples, rate)
    with av.open(str(folder / "call.mp4"), "w") as container:
        track = container.add_stream("aac", rate=rate, layout="stereo")
        for first in range(0, len(samples), 1024):
            part = np.ascontiguousarray(samples[first : first + 1024].T)
            frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="stereo")
            frame.sample_rate, frame.pts = rate, first
            container.mux(track.encode(frame))
        container.mux(track.encode(None))
    return folder


def run(command: list[str], folder: Path) -> str:
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, encoding="utf-8", timeout=300
    )
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout


def commands_of(readme: str) -> list[str]:
    lines = [line for block in blocks(readme, "") for line in block.splitlines()]
    return [line for line in lines if line.startswith("hearfelt ") and "--llm" not in line]


@pytest.mark.parametrize("readme", READMES)
def test_commands_of_the_readme(readme: str, desk: Path) -> None:
    commands = commands_of(readme)
    assert len(commands) >= 5
    run_before = set() if readme == READMES[0] else set(commands_of(READMES[0]))
    for command in commands:
        if command not in run_before:
            run([sys.executable, "-m", *shlex.split(command)], desk)


def test_the_commands_of_the_readme_write_what_it_says(desk: Path) -> None:
    for name in ("report/report.html", "reports/report.json", "functionals.csv"):
        assert (desk / name).is_file()


@pytest.mark.parametrize("readme", READMES)
def test_code_of_the_readme(readme: str, desk: Path) -> None:
    for code in blocks(readme, "python"):
        assert run([sys.executable, "-W", "error", "-c", code], desk)


def test_docstring_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    found = doctest.testmod(hearfelt.pipeline.offline)
    assert found.attempted >= 3
    assert found.failed == 0


def test_readme_has_no_number_left_to_fill_in() -> None:
    for readme in READMES:
        assert "@@" not in (ROOT / readme).read_text(encoding="utf-8")


def test_demo_output_in_the_readme_is_what_comes_out(desk: Path) -> None:
    """Times, speakers, labels and words; confidences may differ in the last digit from machine to machine."""
    shown = next(block for block in blocks("README.md", "") if "“" in block)
    command = "hearfelt analyze call.flac --transcript call.srt --speakers agent,customer"
    printed = run([sys.executable, "-m", *shlex.split(command)], desk)

    def facts(text: str) -> list[str]:
        lines = [line for line in text.splitlines() if "“" in line]
        return [re.sub(r" 0\.\d\d |\s+", " ", line) for line in lines]

    assert len(facts(shown)) >= 3
    assert set(facts(shown)) <= set(facts(printed))
