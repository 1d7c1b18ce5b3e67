"""``hearfelt train`` as a user runs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from hearfelt.cli.app import run
from tests.cli.conftest import Run


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """Three labels, two speakers, two clips each."""
    import numpy as np
    import soundfile

    random = np.random.default_rng(2)
    for label, width in (("angry", 1), ("neutral", 4), ("sad", 20)):
        for speaker in ("ann", "ben"):
            folder = tmp_path / "clips" / label / speaker
            folder.mkdir(parents=True)
            for take in range(2):
                sound = np.convolve(random.standard_normal(4000) * 0.1, np.ones(width) / width**0.5, "same")
                soundfile.write(str(folder / f"{take}.wav"), sound, 16000)
    return tmp_path / "clips"


RECIPE = (
    'kind = "classical"\nname = "tree"\n[model]\nkind = "tree"\nfeatures = "mel"\n[protocol]\nfolds = 2\n'
)


def test_a_recipe_becomes_a_run(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("sklearn")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tree.toml").write_text(RECIPE, encoding="utf-8")
    assert run(["train", "tree.toml", "--data", "clips", "--set", "model.min_leaf=1"]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("UAR ") and "the model: runs/tree/final" in said.out
    assert "fold 1 of 2: UAR" in said.err
    assert run(["train", "tree.toml", "--data", "clips", "--set", "model.min_leaf=2"]) == 2
    error = capsys.readouterr().err
    assert "runs/tree holds a run with other options (model.min_leaf 1 then, 2 now): give another" in error


def test_the_recipe_of_a_folder_is_written(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["train", "clips", "--init", "mine.toml"]) == 0
    said = capsys.readouterr()
    assert said.out == "mine.toml: the recipe; learn it by hearfelt train mine.toml --data clips\n"
    assert "12 clips: 4 anger, 4 neutral, 4 sadness" in said.err
    assert 'labels = ["anger", "neutral", "sadness"]' in (tmp_path / "mine.toml").read_text(encoding="utf-8")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere is not there: give the path of a table or folder"),
        (["no.toml"], "there is no recipe no.toml"),
        (["clips", "--stage", "test"], "unknown stage 'test'; known: folds, final, publish"),
        (["clips", "--set", "loop.epochs"], "write KEY=VALUE, such as loop.epochs=3"),
        (["clips", "--set", "loop.epoch=3"], "unknown key in the recipe [loop] 'epoch'; known: epochs"),
        (["clips", "--stage", "publish"], "publishing needs --weights"),
        (["clips", "--device", "gpu"], "unknown device 'gpu'; known: auto, cpu, accelerate"),
    ],
)
def test_mistakes_are_one_sentence(
    arguments: list[str],
    message: str,
    clips: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["train", *arguments]) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("hearfelt:")]
    assert message in line
    assert not (tmp_path / "runs").exists()


def test_help_names_every_option(hearfelt: Run) -> None:
    done = hearfelt("train", "--help")
    assert done.returncode == 0
    for option in ("--data", "--out", "--stage", "--fold", "--set", "--device", "--tensorboard", "--weights"):
        assert option in done.stdout


def test_an_interrupted_run_says_how_it_goes_on(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from hearfelt.training import command

    def stopped(*_: object) -> Path:
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, "train", stopped)
    assert run(["train", "clips"]) == 130
    assert "interrupted: what was learnt is kept, and the same command goes on" in capsys.readouterr().err
