"""CNN, recurrent network and Transformer in one: a shared front end, three branches, their fusion."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hearfelt.errors import OptionError, unknown_name
from hearfelt.models.networks.attention import sinusoids
from hearfelt.models.networks.base import FrameTrunk
from hearfelt.models.networks.cnn_stats import TimeBlock
from hearfelt.models.networks.functionals import FUSIONS
from hearfelt.models.networks.layers import FrameOptions, Subsample, step_mask
from hearfelt.models.networks.recurrent import CELLS, Bidirectional
from hearfelt.models.networks.transformer import Layer

BRANCHES = ("cnn", "rnn", "transformer")


@dataclass(frozen=True)
class FusedOptions(FrameOptions):
    """Size of the fused network.

    Args:
        branches: which of ``cnn``, ``rnn``, ``transformer`` there are.
        fusion: ``concat`` joins the branches by a linear layer; ``gated`` weighs them at each step.
        layers, heads: of the Transformer.
        cell: of the recurrent branch, ``lstm`` or ``gru``.
        kernel, dilations: of the convolutions over time.
        subsample: frames that become one step in the front end: 1, 2, 4 or 8.
        channels: of the convolutions that do this.
    """

    width: int = 144
    branches: tuple[str, ...] = BRANCHES
    fusion: str = "gated"
    layers: int = 2
    heads: int = 4
    cell: str = "gru"
    kernel: int = 3
    dilations: tuple[int, ...] = (1, 2, 3)
    subsample: int = 4
    channels: int = 24

    def __post_init__(self) -> None:
        super().__post_init__()
        for what, values, known in (
            ("branch", self.branches, BRANCHES),
            ("fusion", (self.fusion,), FUSIONS),
            ("cell", (self.cell,), tuple(CELLS)),
        ):
            for value in values:
                if value not in known:
                    raise unknown_name(what, value, known)
        if not self.branches or self.layers < 1 or self.width % 2 or self.kernel % 2 == 0:
            raise OptionError(
                f"branches={self.branches}, layers={self.layers}, width={self.width}, kernel={self.kernel}: "
                "at least one branch and one layer, an even width and an odd kernel"
            )


class CnnBranch(nn.Module):
    """Dilated convolutions over time: what a short stretch sounds like."""

    def __init__(self, options: FusedOptions) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(TimeBlock(options.width, options.kernel, d) for d in options.dilations)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """``(batch, steps, width)`` to the same shape."""
        x = (x * step_mask(lengths, x.shape[1])[:, :, None]).transpose(1, 2)
        for block in self.blocks:
            x = block(x, lengths)
        return x.transpose(1, 2)


class TransformerBranch(nn.Module):
    """Self-attention with sinusoidal positions: what belongs together over the whole clip."""

    def __init__(self, options: FusedOptions) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            Layer(options.width, options.heads, 4, options.dropout) for _ in range(options.layers)
        )

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """``(batch, steps, width)`` to the same shape."""
        valid = step_mask(lengths, x.shape[1])
        x = x + sinusoids(x.shape[1], x.shape[2], x.device)
        for layer in self.layers:
            x = layer(x, valid)
        return x


def _branch(name: str, options: FusedOptions) -> nn.Module:
    if name == "cnn":
        return CnnBranch(options)
    return Bidirectional(options.cell, options.width) if name == "rnn" else TransformerBranch(options)


class Fused(FrameTrunk):
    """The same steps through each branch; each is normalised, then all are fused step by step."""

    def __init__(self, n_dims: int, options: FusedOptions) -> None:
        super().__init__(n_dims, options)
        self.subsample = Subsample(
            self.front.images, n_dims, options.channels, options.width, options.subsample
        )
        self.stride = options.subsample
        self.branches = nn.ModuleList(_branch(name, options) for name in options.branches)
        self.norms = nn.ModuleList(nn.LayerNorm(options.width) for _ in options.branches)
        self.gated = options.fusion == "gated"
        count = len(options.branches)
        self.fuse = nn.Linear(count * options.width, count if self.gated else options.width)
        self.drop = nn.Dropout(options.dropout)

    def encode(self, images: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        x, lengths = self.subsample(images, lengths)
        x = self.drop(x)
        heard = [norm(b(x, lengths)) for b, norm in zip(self.branches, self.norms, strict=True)]
        joined = self.fuse(self.drop(torch.cat(heard, dim=2)))
        if not self.gated:
            return joined, lengths
        weights = torch.softmax(joined, dim=2)
        return (torch.stack(heard, dim=3) * weights[:, :, None]).sum(dim=3), lengths
