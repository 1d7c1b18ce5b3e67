"""A run that is killed, a disk that is full, a loss that is no number: nothing is lost."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from hearfelt.training import __main__ as command  # noqa: E402
from hearfelt.training.networks import lesson  # noqa: E402

RECIPE = """
kind = "network"
name = "killed"
[features]
n_mels = 20
[network]
kind = "cnn"
options = { channels = [8, 8], width = 16, pooling = "mean", dropout = 0.2 }
[[tasks]]
name = "emotion"
[loop]
epochs = EPOCHS
batch = 8
average = 0.5
bf16 = false
[protocol]
folds = 3
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "killed.toml"
    path.write_text(RECIPE.replace("EPOCHS", "25"), encoding="utf-8")
    return path


def losses(run: Path) -> list[float]:
    path = run / "final" / "log.jsonl"
    return [json.loads(line)["loss"] for line in path.read_text(encoding="utf-8").splitlines()]


def test_after_kill_9_it_goes_on_at_the_same_loss(recipe: Path, own_clips: Path, tmp_path: Path) -> None:
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    arguments = [str(recipe), "--data", str(own_clips), "--stage", "final", "--device", "cpu", "--out"]
    process = subprocess.Popen(
        [sys.executable, "-m", "hearfelt.training", *arguments, str(killed)],
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    log = killed / "final" / "log.jsonl"
    deadline = time.monotonic() + 240
    while not (log.is_file() and len(log.read_text(encoding="utf-8").splitlines()) >= 2):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    done = losses(killed)
    assert 2 <= len(done) < 25 and not (killed / "final" / "network.pt").exists()

    assert command.main([*arguments, str(killed)]) == 0
    assert command.main([*arguments, str(whole)]) == 0
    assert losses(killed) == losses(whole) and losses(killed)[: len(done)] == done
    one, other = (torch.load(run / "final" / "network.pt")["state"] for run in (killed, whole))
    assert all(torch.equal(one[name], other[name]) for name in other)


def test_a_full_disk_loses_no_checkpoint(
    recipe: Path, own_clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The limit on the size of a file stands for the disk: the same error at the same place."""
    out = tmp_path / "run"
    arguments = [str(recipe), "--data", str(own_clips), "--stage", "final", "--out", str(out)]
    few = [*arguments, "--set", "loop.epochs=2"]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, hard))
        assert command.main(few) == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    said = capsys.readouterr().err.splitlines()[-1]
    assert "cannot be written (File too large)" in said
    assert said.endswith("make room, then run the same command again")
    assert not list(tmp_path.rglob("*.part"))
    assert command.main(few) == 0
    assert len(losses(out)) == 2


def test_a_loss_that_is_no_number_stops_the_run(
    recipe: Path,
    own_clips: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "run"
    arguments = [str(recipe), "--data", str(own_clips), "--stage", "final", "--out", str(out)]
    arguments += ["--set", "loop.epochs=3"]
    real = lesson.TaskLesson.batches

    def spoilt(self: lesson.TaskLesson, epoch: int) -> object:
        for batch in real(self, epoch):
            if epoch == 1:
                batch.x[:] = float("nan")
            yield batch

    monkeypatch.setattr(lesson.TaskLesson, "batches", spoilt)
    assert command.main(arguments) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert "the loss of epoch 2, batch 1 is nan: set loop.learning_rate lower than 0.002" in said
    assert said.endswith("checkpoint.pt holds the run up to epoch 1")
    monkeypatch.setattr(lesson.TaskLesson, "batches", real)
    assert command.main(arguments) == 0
    assert len(losses(out)) == 3
