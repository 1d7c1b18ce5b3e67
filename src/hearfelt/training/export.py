"""A trained network as ONNX, checked: the export fails where onnxruntime and torch disagree."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import torch

from hearfelt.errors import ModelError
from hearfelt.models.neural import VoiceEnsemble, VoiceNetwork
from hearfelt.training.files import atomic
from hearfelt.training.lean import LeanNetwork

TOLERANCE = 1e-4
"""Largest difference of an output between torch and onnxruntime that an export may have."""


def export(network: VoiceNetwork | VoiceEnsemble, path: Path) -> float:
    """Write float32 ONNX with free batch size and length; the largest difference found by `parity`.

    A `VoiceNetwork` is written as `LeanNetwork` puts it.

    Raises:
        ModelError: the exported model does not give what torch gives; no file is left behind.
    """
    network = network.eval()
    outputs = _outputs(network)
    sample = torch.zeros(2, 60, network.options.n_mels) - 8.0
    extra = [torch.zeros(2, network.n_functionals)] if network.n_functionals else []
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic(path) as part:
        with warnings.catch_warnings():
            # The newer exporter (dynamo=True) cannot decompose GRU in torch 2.13; this one warns of its age.
            warnings.simplefilter("ignore")
            torch.onnx.export(
                _Answers(_lean(network)).eval(),
                (sample, torch.tensor([60, 40]), *extra),
                str(part),
                input_names=["logmel", "lengths", *(["functionals"] if extra else [])],
                output_names=outputs,
                dynamic_axes={"logmel": {0: "batch", 1: "frames"}}
                | {name: {0: "batch"} for name in ("lengths", "functionals", *outputs)},
                opset_version=17,
                dynamo=False,
            )
        worst = parity(network, part)
        if not worst <= TOLERANCE:
            raise ModelError(
                f"the exported {path.name} differs from the trained network by {worst:.2g} "
                f"(at most {TOLERANCE} is accepted): nothing was written"
            )
    return worst


def _lean(network: torch.nn.Module) -> torch.nn.Module:
    if isinstance(network, VoiceNetwork):
        return LeanNetwork(network)
    if isinstance(network, VoiceEnsemble):
        members = [_lean(member) for member in network.members]
        return VoiceEnsemble(members, network.linear, network.weight)  # type: ignore[arg-type]
    return network


class _Answers(torch.nn.Module):
    """The network with all its outputs: ``logits``, and ``dimensions`` where it has them."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(one for one in self.network.answers(*inputs) if one is not None)  # type: ignore[operator]


def _outputs(network: VoiceNetwork | VoiceEnsemble) -> list[str]:
    return ["logits", "dimensions"] if network.options.dimensions else ["logits"]


@torch.no_grad()
def parity(network: VoiceNetwork | VoiceEnsemble, path: Path, seed: int = 0) -> float:
    """Largest difference of an output between torch and onnxruntime over several sizes and lengths."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    random, worst = np.random.default_rng(seed), 0.0
    answers = _Answers(network).eval()
    for batch, frames in ((1, 1), (1, 37), (3, 200), (2, 701)):
        shape = (batch, frames, network.options.n_mels)
        logmel = (3 * random.standard_normal(shape) - 9).astype(np.float32)
        lengths = random.integers((frames + 1) // 2, frames + 1, batch)
        lengths[0] = frames
        given = {"logmel": logmel, "lengths": lengths}
        if network.n_functionals:
            given["functionals"] = random.standard_normal((batch, network.n_functionals)).astype(np.float32)
        expected = answers(*map(torch.from_numpy, given.values()))
        got = session.run(_outputs(network), given)
        for ours, theirs in zip(expected, got, strict=True):
            difference = float(np.abs(theirs - ours.numpy()).max())
            worst = max(worst, difference if np.isfinite(difference) else np.inf)
    return worst
