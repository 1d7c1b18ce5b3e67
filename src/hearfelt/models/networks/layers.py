"""What several trunks share: masks, normalisation of the input, subsampling, pooling over time."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from hearfelt.errors import OptionError, unknown_name

POOLINGS = ("mean", "statistics", "attentive")


def step_mask(lengths: Tensor, size: int) -> Tensor:
    """True where a step is sound and not padding, shape ``(batch, size)``."""
    return torch.arange(size, device=lengths.device)[None, :] < lengths[:, None]


@dataclass(frozen=True)
class FrameOptions:
    """What all trunks on frames have.

    Args:
        width: size of the vector of a step.
        pooling: ``mean``, ``statistics`` (mean and deviation, Snyder et al. 2017) or ``attentive`` (the same
            with learnt weights, Okabe et al., arXiv:1803.10963).
        dropout: share of values set to 0 while training.
        own_mean: give the network a second picture of the frames, with each bin's mean in the clip taken
            out: it hears no level and no microphone.
    """

    width: int = 192
    pooling: str = "attentive"
    dropout: float = 0.2
    own_mean: bool = True

    def __post_init__(self) -> None:
        if self.pooling not in POOLINGS:
            raise unknown_name("pooling", self.pooling, POOLINGS)
        if self.width < 1 or not 0 <= self.dropout < 1:
            raise OptionError(
                f"width={self.width}, dropout={self.dropout}: give a width from 1 up and a dropout in [0, 1)"
            )


class Normalise(nn.Module):
    """Frames less the mean of the training data, by their deviation; padding becomes 0.

    The buffers ``mean`` and ``scale`` ``(n_dims,)`` are measured on the training data by `measure`.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, n_dims: int, own_mean: bool) -> None:
        super().__init__()
        self.own_mean = own_mean
        self.images = 2 if own_mean else 1
        self.register_buffer("mean", torch.zeros(n_dims))
        self.register_buffer("scale", torch.ones(n_dims))

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """``(batch, frames, n_dims)`` to float32 ``(batch, images, frames, n_dims)``."""
        with torch.autocast(x.device.type, enabled=False):
            valid = step_mask(lengths, x.shape[1])[:, :, None]
            x = ((x.float() - self.mean) / self.scale).masked_fill(~valid, 0.0)
            if not self.own_mean:
                return x[:, None]
            own = x.sum(dim=1, keepdim=True) / lengths[:, None, None]
            return torch.stack((x, (x - own).masked_fill(~valid, 0.0)), dim=1)

    @torch.no_grad()
    def measure(self, x: Tensor, lengths: Tensor) -> None:
        """Set the buffers from a sample of the training data."""
        frames = x[step_mask(lengths, x.shape[1])]
        self.mean.copy_(frames.mean(dim=0))
        self.scale.copy_(frames.std(dim=0, correction=0).clamp(min=1e-3))


class Subsample(nn.Module):
    """Images of frames to steps: 3×3 convolutions that halve time and bins, then one linear layer.

    The convolutional subsampling of Gulati et al. (arXiv:2005.08100). ``factor`` frames (1, 2, 4 or 8)
    become one step; n frames become ``ceil(n / factor)`` steps.
    """

    def __init__(self, images: int, n_dims: int, channels: int, width: int, factor: int) -> None:
        super().__init__()
        if factor not in (1, 2, 4, 8):
            raise OptionError(f"subsample={factor}: 1, 2, 4 or 8 frames become one step")
        layers, inputs, bins = [], images, n_dims
        for _ in range(factor.bit_length() - 1):
            layers.append(nn.Conv2d(inputs, channels, 3, 2, 1))
            inputs, bins = channels, (bins + 1) // 2
        self.layers = nn.ModuleList(layers)
        self.project = nn.Linear(inputs * bins, width)

    def forward(self, images: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """``(batch, images, frames, n_dims)`` to ``(batch, steps, width)`` and the steps of each clip."""
        x = images
        for layer in self.layers:
            lengths = (lengths + 1) // 2
            x = functional.relu(layer(x))
            x = x * step_mask(lengths, x.shape[2])[:, None, :, None]
        return self.project(x.permute(0, 2, 1, 3).flatten(2)), lengths


class Pool(nn.Module):
    """Steps to one vector a clip, by a kind of `POOLINGS`; ``size`` is the length of the vector."""

    def __init__(self, kind: str, width: int, hidden: int = 64) -> None:
        super().__init__()
        self.kind = kind
        self.size = width if kind == "mean" else 2 * width
        self.attend = (
            nn.Sequential(nn.Linear(width, hidden), nn.Tanh(), nn.Linear(hidden, width))
            if kind == "attentive"
            else None
        )

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """``(batch, steps, width)`` to float32 ``(batch, size)``."""
        valid = step_mask(lengths, x.shape[1])[:, :, None]
        if self.attend is not None:
            scores = self.attend(x).float().masked_fill(~valid, float("-inf"))
            weights = torch.softmax(scores, dim=1)
        else:
            weights = valid.float() / lengths[:, None, None]
        x = x.float().masked_fill(~valid, 0.0)
        mean = (weights * x).sum(dim=1)
        if self.kind == "mean":
            return mean
        deviation = ((weights * (x - mean[:, None]) ** 2).sum(dim=1) + 1e-5).sqrt()
        return torch.cat((mean, deviation), dim=1)
