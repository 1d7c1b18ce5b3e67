"""From the steps of a speech encoder to a few embeddings of a language model."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from hearfelt.errors import OptionError, unknown_name
from hearfelt.models.networks.layers import step_mask

ADAPTERS = ("conv", "query")


@dataclass(frozen=True)
class AdapterOptions:
    """Size of the adapter.

    Args:
        kind: ``conv`` pools time by strided convolutions, as in SLAM-LLM; ``query`` lets a fixed number of
            learnt queries attend to the steps, as the Q-Former of BLIP-2 (Li et al., arXiv:2301.12597).
        stride: steps that become one embedding (``conv``), halved by each convolution: 1, 2, 4 or 8.
        queries: embeddings of a clip (``query``).
        heads: of the attention of ``query``.
        width: hidden size.
        dropout: behind the hidden layer.
        pooled: the encoder's own pooled vector of the clip becomes one embedding more.
    """

    kind: str = "conv"
    stride: int = 4
    queries: int = 8
    heads: int = 4
    width: int = 192
    dropout: float = 0.1
    pooled: bool = True

    def __post_init__(self) -> None:
        if self.kind not in ADAPTERS:
            raise unknown_name("adapter", self.kind, ADAPTERS)
        if self.stride not in (1, 2, 4, 8):
            raise OptionError(f"stride={self.stride}: 1, 2, 4 or 8 steps become one embedding")
        if min(self.queries, self.heads, self.width) < 1 or self.width % self.heads:
            raise OptionError(
                f"queries={self.queries}, heads={self.heads}, width={self.width}: each 1 or more, the width "
                "a multiple of the heads"
            )


class Adapter(nn.Module):
    """Steps ``(batch, steps, width_in)`` to embeddings ``(batch, n, width_out)``, and how many a clip has."""

    def forward(self, steps: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """A clip of length 0 gets no embedding. Padding changes nothing."""
        raise NotImplementedError(type(self).__name__)


class ConvAdapter(Adapter):
    """Normalise, then convolutions of stride 2, then one linear layer."""

    def __init__(self, inputs: int, outputs: int, options: AdapterOptions) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(inputs)
        layers, width = [], inputs
        for _ in range(options.stride.bit_length() - 1):
            layers.append(nn.Conv1d(width, options.width, 3, 2, 1))
            width = options.width
        self.layers = nn.ModuleList(layers)
        self.drop = nn.Dropout(options.dropout)
        self.project = nn.Linear(width, outputs)

    def forward(self, steps: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        x = self.norm(steps) * step_mask(lengths, steps.shape[1])[:, :, None]
        x = x.transpose(1, 2)
        for layer in self.layers:
            lengths = (lengths + 1) // 2
            x = functional.gelu(layer(x))
            x = x * step_mask(lengths, x.shape[2])[:, None]
        return self.project(self.drop(x.transpose(1, 2))), lengths


class QueryAdapter(Adapter):
    """Learnt queries attend to the steps (cross-attention), then a feed-forward half, with shortcuts."""

    def __init__(self, inputs: int, outputs: int, options: AdapterOptions) -> None:
        super().__init__()
        width = options.width
        self.queries = nn.Parameter(torch.randn(options.queries, width) * 0.02)
        self.enter = nn.Sequential(nn.LayerNorm(inputs), nn.Linear(inputs, width))
        self.attend = nn.MultiheadAttention(width, options.heads, batch_first=True)
        self.norm = nn.LayerNorm(width)
        self.feed = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.drop = nn.Dropout(options.dropout)
        self.project = nn.Linear(width, outputs)

    def forward(self, steps: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        memory = self.enter(steps)
        # A clip without sound still needs one step to look at; it gets no embedding below.
        hidden = ~step_mask(lengths.clamp(min=1), steps.shape[1])
        asked = self.queries.expand(len(steps), -1, -1)
        x = (
            asked
            + self.attend(self.norm(asked), memory, memory, key_padding_mask=hidden, need_weights=False)[0]
        )
        x = x + self.feed(self.norm(x))
        return self.project(self.drop(x)), torch.where(lengths > 0, self.queries.shape[0], 0)


def build(inputs: int, outputs: int, options: AdapterOptions) -> Adapter:
    """An untrained adapter."""
    return (ConvAdapter if options.kind == "conv" else QueryAdapter)(inputs, outputs, options)
