from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hearfelt.errors import OptionError  # noqa: E402
from hearfelt.models.neural import NetworkOptions, VoiceNetwork, masked_cross_entropy  # noqa: E402

SMALL = NetworkOptions(n_mels=16, stem=4, channels=(4, 6, 8), width=8, attention=4)


def network(seed: int = 0) -> VoiceNetwork:
    torch.manual_seed(seed)
    made = VoiceNetwork(SMALL, 3).eval()
    made.front.measure(sound(4, 80), torch.ones(4, 80, 1))
    return made


def sound(batch: int, frames: int, seed: int = 0) -> torch.Tensor:
    random = np.random.default_rng(seed)
    return torch.from_numpy((2 * random.standard_normal((batch, frames, 16)) - 8).astype(np.float32))


@pytest.mark.parametrize("frames", [1, 2, 3, 15, 16, 17, 61])
def test_padding_has_no_effect(frames: int) -> None:
    net, logmel = network(), sound(1, frames)
    padded = torch.cat((logmel, 50 * torch.ones(1, 23, 16)), dim=1)
    with torch.no_grad():
        alone = net(logmel, torch.tensor([frames]))
        beside = net(torch.cat((padded, sound(1, frames + 23))), torch.tensor([frames, frames + 23]))[:1]
    torch.testing.assert_close(beside, alone, atol=1e-5, rtol=1e-5)


def test_order_in_time_matters() -> None:
    net, logmel = network(), sound(1, 40)
    with torch.no_grad():
        difference = net(logmel, torch.tensor([40])) - net(logmel.flip(1), torch.tensor([40]))
    assert difference.abs().max() > 1e-4


def test_level_has_a_bounded_effect() -> None:
    """Ten times the level change beyond the bound moves the input no further."""
    front, logmel = network().front, sound(1, 60)
    mask = torch.ones(1, 60, 1)
    plain = front(logmel, mask)
    near, far, further = (front(logmel + shift, mask) for shift in (0.5, 20.0, 200.0))
    moved = [(image - plain)[:, 0].mean().item() * front.scale.item() for image in (near, far, further)]
    assert 0.3 < moved[0] < 0.55
    assert moved[1] == pytest.approx(moved[2], abs=0.05)
    assert moved[2] < 3 * SMALL.level_db * np.log(10) / 10
    torch.testing.assert_close(near[:, 1], plain[:, 1], atol=1e-5, rtol=1e-5)


def test_silence_around_the_floor_is_hidden() -> None:
    """Whether a quiet bin lies 80 or 100 dB under the peak makes no difference."""
    front, logmel = network().front, torch.zeros(1, 30, 16)
    one, other = logmel.clone(), logmel.clone()
    one[:, :10], other[:, :10] = -18.5, -23.0
    mask = torch.ones(1, 30, 1)
    torch.testing.assert_close(front(one, mask), front(other, mask), atol=1e-4, rtol=1e-4)


def test_front_end_centres_the_training_data() -> None:
    front, logmel = network().front, sound(4, 80)
    image = front(logmel, torch.ones(4, 80, 1))[:, 0]
    assert image.mean().item() == pytest.approx(0, abs=0.05)
    assert image.std().item() == pytest.approx(1, abs=0.1)


def test_loss_over_all_labels_is_cross_entropy() -> None:
    logits, targets = torch.randn(5, 4), torch.tensor([0, 1, 2, 3, 0])
    allowed = torch.ones(5, 4, dtype=torch.bool)
    for smoothing in (0.0, 0.1):
        expected = torch.nn.functional.cross_entropy(
            logits, targets, reduction="none", label_smoothing=smoothing
        )
        torch.testing.assert_close(masked_cross_entropy(logits, targets, allowed, smoothing), expected)


def test_a_label_that_a_corpus_lacks_gets_no_gradient() -> None:
    logits = torch.randn(2, 4, requires_grad=True)
    allowed = torch.tensor([[True, True, True, False], [True, True, True, True]])
    masked_cross_entropy(logits, torch.tensor([0, 0]), allowed, 0.1).sum().backward()
    assert logits.grad is not None
    assert logits.grad[0, 3] == 0
    assert logits.grad[1, 3] != 0
    assert logits.grad[0].sum().item() == pytest.approx(0, abs=1e-6)


def test_masked_loss_is_the_loss_over_the_allowed_labels_alone() -> None:
    logits = torch.randn(1, 4)
    loss = masked_cross_entropy(logits, torch.tensor([2]), torch.tensor([[True, False, True, False]]), 0.1)
    alone = torch.nn.functional.cross_entropy(logits[:, [0, 2]], torch.tensor([1]), label_smoothing=0.1)
    assert loss.item() == pytest.approx(alone.item(), abs=1e-6)


def test_the_shipped_size() -> None:
    assert VoiceNetwork(NetworkOptions(), 7).n_parameters < 1_300_000


def test_learns_to_tell_two_sounds_apart() -> None:
    torch.manual_seed(0)
    net, random = VoiceNetwork(SMALL, 2), np.random.default_rng(0)
    logmel = sound(32, 30)
    targets = torch.from_numpy(random.integers(0, 2, 32))
    logmel[:, :, 10:] += 3 * targets[:, None, None]
    net.front.measure(logmel, torch.ones(32, 30, 1))
    optimizer = torch.optim.AdamW(net.parameters(), 5e-3)
    for _ in range(25):
        loss = masked_cross_entropy(
            net(logmel, torch.full((32,), 30)), targets, torch.ones(32, 2, dtype=torch.bool)
        ).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        answers = net.eval()(logmel, torch.full((32,), 30)).argmax(dim=1)
    assert (answers == targets).float().mean() > 0.9


def test_refuses_a_size_that_cannot_be() -> None:
    with pytest.raises(OptionError, match="width=7: give blocks, and an even width"):
        NetworkOptions(width=7)
