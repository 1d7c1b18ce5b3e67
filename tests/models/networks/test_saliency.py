from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hearfelt.errors import FeatureError, OptionError
from hearfelt.models.networks import saliency
from hearfelt.models.onnx import VoiceModel
from hearfelt.types import Audio

WEIGHTS = Path(__file__).resolve().parents[3] / "src" / "hearfelt" / "weights" / "base"


def energy(audios: Sequence[Audio]) -> npt.NDArray[np.float64]:
    """A model whose answers are the energies of the first and of the second half."""
    halves = [np.array_split(audio.samples.astype(np.float64) ** 2, 2) for audio in audios]
    return np.array([[half.sum() for half in pair] for pair in halves])


def test_occluding_finds_where_the_sound_is() -> None:
    samples = np.zeros(16000, dtype=np.float32)
    samples[4000:5600] = 0.5
    found = saliency.occlude(energy, Audio(samples, 16000, start_s=3.0), window_s=0.1, hop_s=0.1)
    assert found.weights.shape == (10, 2)
    np.testing.assert_allclose(found.start_s, 3.0 + 0.1 * np.arange(10), atol=1e-6)
    np.testing.assert_allclose(found.end_s - found.start_s, 0.1, atol=1e-6)
    loud = np.flatnonzero(found.weights[:, 0] > 1)
    assert loud.tolist() == [2, 3]
    assert not found.weights[:, 1].any()
    # Both windows are faded inside, so a little of the energy stays.
    assert found.weights[:, 0].sum() == pytest.approx(energy([Audio(samples, 16000)])[0, 0], rel=0.05)


@settings(max_examples=30, deadline=None)
@given(
    samples=st.integers(1, 5000),
    window_s=st.floats(0.001, 2.0),
    hop_s=st.one_of(st.none(), st.floats(0.02, 2.0)),
)
def test_windows_cover_the_sound_and_stay_in_it(samples: int, window_s: float, hop_s: float | None) -> None:
    audio = Audio(np.ones(samples, dtype=np.float32), 8000)
    found = saliency.occlude(energy, audio, window_s=window_s, hop_s=hop_s)
    assert found.start_s[0] == 0
    assert found.end_s[-1] == pytest.approx(audio.duration_s, abs=1e-4)
    assert (np.diff(found.start_s) > 0).all()
    if hop_s is None:
        assert (found.start_s[1:] <= found.end_s[:-1] + 1e-6).all()


def test_occluding_does_not_change_the_sound_it_is_given() -> None:
    audio = Audio(np.ones(800, dtype=np.float32), 8000)
    saliency.occlude(energy, audio, 0.05)
    assert (audio.samples == 1).all()


def test_occluding_refuses_what_cannot_be() -> None:
    with pytest.raises(OptionError, match=r"window_s=0.0, hop_s=0.0: both must be more than 0"):
        saliency.occlude(energy, Audio(np.ones(9, dtype=np.float32), 8000), 0.0)
    with pytest.raises(FeatureError, match="saliency needs sound, got 0 samples"):
        saliency.occlude(energy, Audio(np.empty(0, dtype=np.float32), 8000))


def test_the_shipped_model_without_torch(speech: Callable[..., Audio]) -> None:
    model, audio = VoiceModel.load(WEIGHTS), speech(1.0)
    found = saliency.occlude(model.logits, audio, window_s=0.25)
    assert found.weights.shape == (len(found.start_s), len(model.labels))
    silent = audio.samples.copy()
    silent[-4000:] *= saliency._silence(Audio(np.ones(4000, np.float32), 16000), 0, 4000).samples
    expected = model.logits([audio])[0] - model.logits([Audio(silent, 16000)])[0]
    np.testing.assert_allclose(found.weights[-1], expected, atol=1e-3)
    assert np.abs(found.weights).max() > 0.05
    code = (
        "import sys, hearfelt.models.networks.saliency; "
        "print(sorted({'torch', 'scipy', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


torch = pytest.importorskip("torch")

from hearfelt.models.networks import heads  # noqa: E402
from hearfelt.models.networks.base import EmotionNetwork, Trunk  # noqa: E402
from hearfelt.models.networks.cost import macs_per_s  # noqa: E402
from hearfelt.models.networks.functionals import FunctionalOptions  # noqa: E402
from tests.models.networks.tiny import EMOTION, N_DIMS, SIZES, frames, network  # noqa: E402


def answer(net: EmotionNetwork, x: torch.Tensor, task: str, place: int) -> float:
    with torch.no_grad():
        return float(net(x[None], torch.tensor([len(x)]))[task][0, place])


@pytest.mark.parametrize("name", SIZES)
def test_integrated_gradients_sum_to_what_the_sound_adds(name: str) -> None:
    net, x = network(name), frames(1, 40, seed=3)[0]
    baseline = x.mean(dim=0, keepdim=True).expand_as(x)
    for task, label, place in (("emotion", "joy", 1), ("dimensions", "valence", 1)):
        found = saliency.integrated_gradients(net, x.numpy(), 0.01, task, label, points=96)
        added = answer(net, x, task, place) - answer(net, baseline, task, place)
        assert found.weights.shape == (40,)
        # The integral has kinks where a ReLU opens.
        assert found.weights.sum() == pytest.approx(added, abs=0.02 * (abs(added) + 0.1))
    np.testing.assert_allclose(found.end_s, 0.01 * np.arange(1, 41), atol=1e-6)
    assert not any(p.grad is not None for p in net.parameters())


class Line(Trunk):
    """A trunk without anything learnt: one step with the mean of all frames."""

    width = size = N_DIMS
    stride = 1

    def steps(self, x: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return x.mean(dim=1, keepdim=True), torch.ones_like(lengths)

    def pool(self, steps: torch.Tensor, step_lengths: torch.Tensor) -> torch.Tensor:
        return steps[:, 0]

    def measure(self, x: torch.Tensor, lengths: torch.Tensor) -> None:
        pass


def test_of_a_linear_network_both_ways_give_weight_times_input() -> None:
    torch.manual_seed(0)
    net, x = EmotionNetwork(Line(), (EMOTION,)), frames(1, 30)[0]
    weight = net.heads.layers[0].weight[2]
    expected = ((x - x.mean(dim=0)) @ weight / 30).detach().numpy()
    gradients = saliency.integrated_gradients(net, x.numpy(), 0.01, "emotion", "neutral", points=4)
    np.testing.assert_allclose(gradients.weights, expected, atol=1e-5)
    occluded = saliency.occlude_frames(net, x.numpy(), 0.01, "emotion", "neutral", window_s=0.01)
    np.testing.assert_allclose(occluded.weights, expected, atol=1e-5)
    assert net.training


def test_windows_of_frames_are_the_answer_without_them() -> None:
    net, x = network("recurrent"), frames(1, 25)[0]
    found = saliency.occlude_frames(net, x.numpy(), 0.01, "emotion", "anger", window_s=0.06)
    np.testing.assert_allclose(found.start_s, 0.01 * np.array([0, 3, 6, 9, 12, 15, 18, 19]), atol=1e-6)
    changed = x.clone()
    changed[9:15] = x.mean(dim=0)
    lost = answer(net, x, "emotion", 0) - answer(net, changed, "emotion", 0)
    assert found.weights[3] == pytest.approx(lost, abs=1e-5)


def test_saliency_of_a_network_with_functionals() -> None:
    net, x = network("cnn", functionals=FunctionalOptions(5)), frames(1, 25)[0].numpy()
    measured = np.ones(5, dtype=np.float32)
    found = saliency.integrated_gradients(net, x, 0.01, "emotion", "joy", points=8, functionals=measured)
    assert np.abs(found.weights).max() > 0
    saliency.occlude_frames(net, x, 0.01, "emotion", "joy", functionals=measured)


def test_saliency_refuses_what_the_network_does_not_answer() -> None:
    net, x = network("cnn"), frames(1, 25)[0].numpy()
    with pytest.raises(OptionError, match=r"unknown task of the network 'mood'; known: emotion, dimensions$"):
        saliency.integrated_gradients(net, x, 0.01, "mood", "joy")
    with pytest.raises(OptionError, match="unknown label of the task 'emotion' 'awe'; known: anger, joy"):
        saliency.occlude_frames(net, x, 0.01, "emotion", "awe")


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_macs_of_a_recurrent_network_are_those_of_its_matrices(cell: str) -> None:
    net = network("recurrent", (EMOTION,), cell=cell, layers=1, subsample=1, own_mean=False, pooling="mean")
    gates = {"lstm": 4, "gru": 3}[cell]
    frame = N_DIMS * 12 + 2 * gates * (12 * 6 + 6 * 6)
    assert macs_per_s(net, N_DIMS, 100.0) == pytest.approx(100 * frame + 12 * 3 / 3.0)


def test_macs_count_convolutions_attention_and_functionals() -> None:
    tasks = (heads.Task("e", labels=("a", "b")),)
    cnn = network("cnn", tasks, channels=(4,), own_mean=False)
    one = 100 * N_DIMS * 9 * 4 + 50 * (4 * N_DIMS // 2) * 12 + 12 * 2 / 3.0
    assert macs_per_s(cnn, N_DIMS, 100.0) == pytest.approx(one)
    fused = network("cnn", tasks, FunctionalOptions(5, 4), channels=(4,), own_mean=False)
    assert macs_per_s(fused, N_DIMS, 100.0) == pytest.approx(one + (5 * 4 + 4 * 2) / 3.0)
    short, long = (macs_per_s(network("transformer", tasks), N_DIMS, 100.0, s) for s in (2.0, 4.0))
    assert long - short == pytest.approx(2 * (100 - 50) * 25 * 16 * 2, rel=0.01)
