"""The benchmark of all cheap models runs on a corpus in EmoDB's shape, and says what is not there."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from hearfelt.training import systems

pytest.importorskip("sklearn")


def test_figures_of_a_made_corpus(
    made_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = Path(__file__).resolve().parents[2] / "benchmarks" / "models.py"
    spec = importlib.util.spec_from_file_location("models_benchmark", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "DATA", made_data)
    found = module.main(["--models", "tree,average:knn+logistic", "--out", str(tmp_path)])
    assert set(found) == {"emodb_loso_uar"}
    assert set(found["emodb_loso_uar"]) == {"tree", "average:knn+logistic"}
    assert 0.5 < found["emodb_loso_uar"]["tree"] <= 1, "a third is chance"
    printed = capsys.readouterr()
    assert json.loads(printed.out.splitlines()[-1]) == found
    assert "| average:knn+logistic |" in printed.out
    assert "ravdess is not in" in printed.err
    assert len(list((tmp_path / "folds" / "emodb").glob("*/*.npz"))) == 8
    for name in (*module.ROWS, *module.QUICK):
        assert systems.make(name), name
