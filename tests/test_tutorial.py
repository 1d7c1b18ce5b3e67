"""The tutorial is run: every command of docs/tutorial.md, on made sounds and with a small network."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest.importorskip("torch")
pytest.importorskip("onnx")

from hearfelt.cli.app import run

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "tutorial.md").read_text(encoding="utf-8")
SMALL = ("network.stem=8", "network.channels=[8,8]", "network.width=16", "network.attention=8")
QUICK = ("loop.epochs=2", "loop.batch=8", "loop.average=0.5", "loop.bf16=false", "features.n_mels=20")
SEARCH = '\n[search]\n"loop.learning_rate" = { low = 1e-3, high = 1e-2, log = true }\n'


def blocks(language: str) -> list[str]:
    found = re.findall(r"^```(\w*)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return [text for name, text in found if name == language]


def commands() -> list[str]:
    return [line for block in blocks("") for line in block.splitlines() if line.startswith("hearfelt ")]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, speech) -> Path:  # type: ignore[no-untyped-def]
    """A folder with clips as the first section sorts them, and a call."""
    random = np.random.default_rng(3)
    for label, width in (("angry", 1), ("neutral", 4), ("sad", 20)):
        for speaker in ("ann", "ben", "cem"):
            folder = tmp_path / "clips" / label / speaker
            folder.mkdir(parents=True)
            for take in range(2):
                sound = np.convolve(random.standard_normal(4000) * 0.1, np.ones(width) / width**0.5, "same")
                soundfile.write(str(folder / f"{take:02}.wav"), sound, 16000)
    soundfile.write(str(tmp_path / "call.wav"), speech(seconds=3).samples, 16000)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def test_the_commands_run(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = commands()
    assert [shlex.split(line)[1] for line in asked] == [
        "data",
        "train",
        "train",
        "train",
        "analyze",
        "search",
    ]
    for line in asked:
        words = shlex.split(line)[1:]
        if words[0] == "train" and "--init" not in words:
            small = (*SMALL, *QUICK) if "mine.toml" not in words else QUICK[:1]
            words += [word for setting in small for word in ("--set", setting)]
            words += ["--stage", "final"] if "mine.toml" in words else ["--fold", "0"]  # one will do here
        if "--init" in words:
            words += [word for setting in (*SMALL, *QUICK) for word in ("--set", setting)]
        if words[0] == "search":
            with (desk / "mine.toml").open("a", encoding="utf-8") as stream:
                stream.write(SEARCH)
            words[words.index("--trials") + 1] = "1"
        assert run(words) == 0, f"{line}: {capsys.readouterr().err}"
        said = capsys.readouterr().out
        if "--fold" in words:
            score = r"UAR [01]\.\d{3} \[[01]\.\d{3}, [01]\.\d{3}\] on 6 clips, speakers held out"
            assert re.match(score, said)
        if words[0] == "analyze":
            assert "uncertain" in said or any(label in said for label in ("anger", "neutral", "sadness"))
    assert json.loads((desk / "runs/clips/final/model.json").read_text())["labels"][0] == "anger"
    assert (desk / "runs/clips-search/best.toml").is_file()


def test_the_code_runs(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["train", "clips", "--stage", "final", "--out", "runs/clips"]
    words += [word for setting in (*SMALL, *QUICK) for word in ("--set", setting)]
    assert run(words) == 0
    capsys.readouterr()
    (code,) = blocks("python")
    exec(compile(code, "tutorial", "exec"), {})
    assert capsys.readouterr().out.startswith("('anger', 'neutral', 'sadness') (")


def test_the_code_of_the_page_on_training_runs(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = (Path(__file__).resolve().parent.parent / "docs" / "training.md").read_text(encoding="utf-8")
    (desk / "clips").rename(desk / "my_clips")
    (code,) = [text for text in re.findall(r"^```python\n(.*?)^```", page, re.M | re.S) if ".save(" in text]
    exec(compile(code, "training", "exec"), {})
    shares = capsys.readouterr().out.strip().strip("()").split(", ")
    assert len(shares) == 3 and sum(map(float, shares)) == pytest.approx(1, abs=1e-5)
