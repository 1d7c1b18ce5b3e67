"""The 8-bit model beside the float32 one: smaller, nearly the same answers, or not written at all."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import hearfelt
from hearfelt.errors import ModelError
from hearfelt.features.logmel import LogMelOptions
from hearfelt.models.onnx import VoiceModel, VoiceOptions
from hearfelt.training import publish, quantise
from hearfelt.types import Audio
from tests.training.test_publish import make

pytest.importorskip("onnx")

BASE = Path(hearfelt.__file__).parent / "weights" / "base"
FEATURES = LogMelOptions(**json.loads((BASE / "model.json").read_text())["features"]["options"])


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weights folder with both models, from a run whose cache holds log-mels."""
    root = tmp_path_factory.mktemp("runs")
    run = make(root / "run", {"emodb": 4})
    (root / "cache").mkdir()
    for number, seed in enumerate((5, 6)):
        clips = quantise.made_logmels(FEATURES, 4, seed)
        np.savez(
            root / "cache" / f"logmel-{number}.npz",
            values=np.concatenate(clips).astype(np.float16),
            lengths=np.array([len(one) for one in clips]),
        )
    np.savez(root / "cache" / "logmel-other.npz", values=np.zeros((9, 20)), lengths=np.array([9]))
    publish.of_run(run, root / "w", int8=True)
    return root / "w"


def test_an_int8_model_beside_the_float32_one(published: Path) -> None:
    card = json.loads((published / "model.json").read_text(encoding="utf-8"))
    size, whole = ((published / name).stat().st_size for name in (quantise.FILE, "model.onnx"))
    assert size < 0.45 * whole
    found = card["int8"]
    assert (found["file"], found["clips"], found["mb"]) == (quantise.FILE, 24, round(size / 1e6, 1))
    assert found["sounds"] == "clips, real ones of the run and made ones"
    assert found["agreement"] >= 0.95 and 0 < found["largest_difference"] <= 0.15
    page = (published / "CARD.md").read_text(encoding="utf-8")
    assert f"Beside it `{quantise.FILE}`: {found['mb']} MB" in page


def test_it_answers_alike_and_alone_as_in_a_batch(published: Path) -> None:
    random = np.random.default_rng(0)
    sounds = [Audio((0.1 * random.standard_normal(n)).astype(np.float32), 16000) for n in (9000, 30000)]
    small = VoiceModel.load(published, VoiceOptions(precision="int8"))
    np.testing.assert_allclose(small.logits(sounds)[:1], small.logits(sounds[:1]), atol=0.02)
    exact = VoiceModel.load(published).logits(sounds)
    assert 0 < np.abs(small.logits(sounds) - exact).max() < 1.0


def test_a_folder_without_int8_says_so() -> None:
    with pytest.raises(ModelError, match=r"model-int8.onnx is missing: .*hearfelt models publish RUN --int8"):
        VoiceModel.load(BASE, VoiceOptions(precision="int8"))


def test_answers_that_differ_are_refused(tmp_path: Path) -> None:
    run, target = make(tmp_path / "run", {"emodb": 4}), tmp_path / "int8.onnx"
    tight = quantise.Bounds(agreement=1.0, difference=1e-6)
    with pytest.raises(
        ModelError,
        match=r"on [\d.]+ % of 12 clips and probabilities that differ by up to 0\.\d+; accepted are at least "
        r"100.0 % and at most 0.000: nothing was written, publish float32 alone",
    ):
        quantise.quantise(run / "final" / "model.onnx", target, features=FEATURES, bounds=tight)
    assert not target.exists()
    assert not list(tmp_path.glob("*.part"))


def test_parity_sees_another_model(published: Path) -> None:
    exact, small = published / "model.onnx", published / quantise.FILE
    given = quantise.inputs_of(exact, quantise.made_logmels(FEATURES, 4), 0.01)
    assert quantise.parity(exact, exact, given) == quantise.Parity(1.0, 0.0, 4)
    found = quantise.parity(exact, small, given).difference
    assert 0 < found < 0.15
    assert quantise.parity(exact, small, given, temperature=100.0).difference < found / 2
