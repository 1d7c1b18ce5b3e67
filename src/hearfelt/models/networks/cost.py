"""What a network costs: multiply-accumulates of a second of sound."""

from __future__ import annotations

import warnings

import torch

from hearfelt.models.networks.base import EmotionNetwork


@torch.no_grad()
def macs_per_s(network: EmotionNetwork, n_dims: int, rate_hz: float, seconds: float = 3.0) -> float:
    """Multiply-accumulates for one second of sound, counted over a clip of ``seconds``.

    Those of matrix products, convolutions and attention, as torch counts them; what is done value by value
    (norms, gates) is left out. Attention grows with the square of the length, so the length matters.

    Args:
        n_dims: values of a frame; 1 for a waveform.
        rate_hz: frames (or samples) a second.
    """
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    count = max(1, round(seconds * rate_hz))
    shape = (1, count) if network.trunk.input == "waveform" else (1, count, n_dims)
    inputs = [torch.zeros(shape), torch.tensor([count])]
    if network.fusion is not None:
        inputs.append(torch.zeros(1, len(network.fusion.mean)))
    was_training = network.training
    network.eval()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "TF32 acceleration")  # said of a flag that is set back
        # A recurrent layer or an attention in one fused kernel would not be counted.
        plain = torch.backends.mkldnn.flags(enabled=False)
        with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH), plain:
            network(*inputs)
    network.train(was_training)
    return float(counter.get_total_flops()) / 2 / seconds
