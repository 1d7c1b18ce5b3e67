"""The benchmark measures what it says."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

pytest.importorskip("torch")


def test_figures_of_a_small_network(monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(__file__).resolve().parents[3] / "benchmarks" / "networks.py"
    spec = importlib.util.spec_from_file_location("networks_benchmark", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "RUNS", 3)
    figures = module.measure("recurrent", {"width": 32, "subsample": 8})
    assert 0.005 < figures["params_m"] < 0.1
    assert figures["onnx_mb"] == pytest.approx(4 * figures["params_m"], rel=0.5)
    assert 0.1 < figures["macs_m_per_s"] < 10
    assert 0 < figures["rtf"] < 1
    assert 0 < figures["onnx_rtf"] < 1
    assert {name for name, _ in module.VARIANTS.values()} == set(module.NETWORKS) - {"encoder"}
