"""Two processes on one machine learn together, as the launchers of torch and accelerate start them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("accelerate")
pytest.importorskip("onnx")

RECIPE = """
kind = "network"
name = "two"
[features]
n_mels = 20
[network]
kind = "cnn"
options = { channels = [8, 8], width = 16, pooling = "mean" }
[loop]
epochs = 2
batch = 4
average = 0.5
bf16 = false
[protocol]
folds = 3
"""


@pytest.mark.slow
def test_two_processes_make_one_run(own_clips: Path, tmp_path: Path) -> None:
    (tmp_path / "two.toml").write_text(RECIPE, encoding="utf-8")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2"]
    arguments = ["two.toml", "--data", str(own_clips), "--out", "run", "--stage", "folds", "--fold", "0"]
    done = subprocess.run(
        [*launcher, "-m", "hearfelt.training", *arguments],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"},
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr
    # 18 clips make 5 batches (the last of 2 clips); each process learns from 2, the fifth is left out.
    lines = (tmp_path / "run" / "fold0" / "log.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 2 and all(14 <= json.loads(line)["clips"] <= 16 for line in lines)
    assert sum("epoch 2/2" in line for line in done.stderr.splitlines()) == 1, (
        "the first process reports alone"
    )
    assert json.loads((tmp_path / "run" / "scores.json").read_text(encoding="utf-8"))["all"]["clips"] == 9
