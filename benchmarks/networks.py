"""What each network of `hearfelt.models.networks` costs at its default size: parameters, MACs, time.

    python benchmarks/networks.py [--json FILE]

Untrained networks with one head of seven labels hear made log-mels (80 bins, 100 frames a second) of 3 s, one
clip at a time, as torch runs them and as onnxruntime runs the exported file. The real-time factor is seconds
of one core a second of sound, the median of the runs, without the log-mel itself. Weights and sound have no
effect on the cost. Says nothing on how well they learn. The last line is JSON. Takes about half a minute.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import torch

from hearfelt.labels import EKMAN7
from hearfelt.models.networks.base import EmotionNetwork, Flat
from hearfelt.models.networks.cost import macs_per_s
from hearfelt.models.networks.heads import Task
from hearfelt.models.networks.table import NETWORKS, build

N_MELS, RATE_HZ, SECONDS, RUNS = 80, 100, 3.0, 15
VARIANTS: dict[str, tuple[str, dict[str, object]]] = {
    **{name: (name, {}) for name in NETWORKS if name != "encoder"},
    "recurrent (gru)": ("recurrent", {"cell": "gru"}),
    "fused (concat)": ("fused", {"fusion": "concat"}),
}


def on_one_core() -> None:
    torch.set_num_threads(1)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def rtf(run: Callable[[], object]) -> float:
    """Median real-time factor after two runs that warm up."""
    times = []
    for _ in range(RUNS + 2):
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    return statistics.median(times[2:]) / SECONDS


def onnx_rtf(network: EmotionNetwork, logmel: torch.Tensor, lengths: torch.Tensor) -> tuple[float, float]:
    """Real-time factor of the exported network, and the size of its file in MB."""
    import onnxruntime

    flat = Flat(network)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / "model.onnx"
        torch.onnx.export(
            flat,
            (logmel, lengths),
            str(path),
            input_names=list(network.input_names),
            output_names=list(network.output_names),
            dynamic_axes=flat.dynamic_axes,
            opset_version=17,
            dynamo=False,
        )
        size_mb = path.stat().st_size / 1e6
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    given = {"logmel": logmel.numpy(), "lengths": lengths.numpy()}
    return rtf(lambda: session.run(None, given)), size_mb


def measure(name: str, options: dict[str, object]) -> dict[str, float]:
    """All figures of one network."""
    torch.manual_seed(0)
    task = Task("emotion", labels=EKMAN7)
    network = EmotionNetwork(build(name, N_MELS, **options), (task,)).eval()
    count = round(SECONDS * RATE_HZ)
    random = np.random.default_rng(0)
    logmel = torch.from_numpy((3 * random.standard_normal((1, count, N_MELS)) - 9).astype(np.float32))
    lengths = torch.tensor([count])
    network.measure(logmel, lengths)
    with torch.inference_mode():
        in_torch = rtf(lambda: network(logmel, lengths))
    in_onnx, size_mb = onnx_rtf(network, logmel, lengths)
    return {
        "params_m": round(network.n_parameters / 1e6, 3),
        "macs_m_per_s": round(macs_per_s(network, N_MELS, RATE_HZ, SECONDS) / 1e6, 1),
        "rtf": round(in_torch, 5),
        "onnx_rtf": round(in_onnx, 5),
        "onnx_mb": round(size_mb, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    target = parser.parse_args().json
    on_one_core()
    figures = {}
    print("| network | parameters (M) | MACs a second (M) | RTF torch | RTF ONNX | MB |", file=sys.stderr)
    print("|---|---|---|---|---|---|", file=sys.stderr)
    for shown, (name, options) in VARIANTS.items():
        figures[shown] = found = measure(name, options)
        print(f"| {shown} | " + " | ".join(map(str, found.values())) + " |", file=sys.stderr, flush=True)
    line = json.dumps(figures)
    if target:
        target.write_text(line + "\n", encoding="utf-8")
    print(line)


if __name__ == "__main__":
    main()
