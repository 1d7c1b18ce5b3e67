"""What is exported is the trained network, put another way: every shape of it, beside padding and alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hearfelt.models.neural import Linear, NetworkOptions, VoiceEnsemble, VoiceNetwork  # noqa: E402
from hearfelt.training import export  # noqa: E402

SHAPES = {
    "as shipped, smaller": NetworkOptions(n_mels=16, stem=4, channels=(4, 6, 8, 8), width=8, attention=4),
    "one block with a plain shortcut": NetworkOptions(n_mels=20, stem=8, channels=(8,), width=6, attention=4),
    "an odd number of bins": NetworkOptions(n_mels=23, stem=8, channels=(8, 16), width=6, attention=3),
    "with dimensions": NetworkOptions(n_mels=16, stem=4, channels=(4, 8, 8), width=8, dimensions=True),
}


def network(options: NetworkOptions, seed: int = 0) -> VoiceNetwork:
    """As after training: no buffer is at its start."""
    torch.manual_seed(seed)
    made = VoiceNetwork(options, 3).eval()
    made.front.measure(3 * torch.randn(4, 80, options.n_mels) - 9, torch.ones(4, 80, 1))
    for module in made.modules():
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.3, 2)
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, 0, 0.5)
    return made


@pytest.mark.parametrize("shape", SHAPES)
def test_the_exported_file_answers_as_the_network(shape: str, tmp_path: Path) -> None:
    assert export.export(network(SHAPES[shape]), tmp_path / "model.onnx") < 2e-5


@torch.no_grad()
def test_an_ensemble_ignores_what_lies_beyond_each_clip(tmp_path: Path) -> None:
    import onnxruntime

    options = SHAPES["as shipped, smaller"]
    linear = Linear(5, 3)
    linear.weight.normal_()
    whole = VoiceEnsemble([network(options, 1), network(options, 2)], linear, 0.4).eval()
    export.export(whole, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    random = np.random.default_rng(0)
    lengths = np.array([1, 2, 7, 8, 9, 16, 33, 50])
    logmel = (3 * random.standard_normal((8, 50, 16)) - 9).astype(np.float32)
    functionals = random.standard_normal((8, 5)).astype(np.float32)
    for row, length in enumerate(lengths):
        logmel[row, length:] = 40
    given = {"logmel": logmel, "lengths": lengths, "functionals": functionals}
    (together,) = session.run(["logits"], given)
    expected = whole(*map(torch.from_numpy, given.values())).numpy()
    np.testing.assert_allclose(together, expected, atol=2e-5)
    for row, length in enumerate(lengths):
        part = {
            "logmel": logmel[row : row + 1, :length],
            "lengths": lengths[row : row + 1],
            "functionals": functionals[row : row + 1],
        }
        np.testing.assert_allclose(session.run(["logits"], part)[0], together[row : row + 1], atol=2e-5)


def test_the_network_itself_is_left_as_it_was(tmp_path: Path) -> None:
    trained = network(SHAPES["with dimensions"])
    before = {name: value.clone() for name, value in trained.state_dict().items()}
    export.export(trained, tmp_path / "model.onnx")
    after = trained.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
