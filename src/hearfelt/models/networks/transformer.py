"""A Transformer encoder with sinusoidal positions."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from hearfelt.errors import OptionError
from hearfelt.models.networks.attention import SelfAttention, sinusoids
from hearfelt.models.networks.base import FrameTrunk
from hearfelt.models.networks.layers import FrameOptions, Subsample, step_mask


@dataclass(frozen=True)
class TransformerOptions(FrameOptions):
    """Size of the Transformer encoder.

    Args:
        layers, heads: of self-attention.
        inner: hidden size of the feed-forward half of a layer, in widths.
        subsample: frames that become one step before the first layer: 1, 2, 4 or 8.
        channels: of the convolutions that do this.
    """

    width: int = 144
    layers: int = 4
    heads: int = 4
    inner: int = 4
    subsample: int = 4
    channels: int = 16

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.layers < 1 or self.inner < 1 or self.width % 2:
            raise OptionError(
                f"layers={self.layers}, inner={self.inner}, width={self.width}: at least 1 layer, an inner "
                "size of 1 or more, and an even width"
            )


class Layer(nn.Module):
    """Self-attention and a feed-forward half, each with a shortcut, normalised before (Xiong et al. 2020)."""

    def __init__(self, width: int, heads: int, inner: int, dropout: float) -> None:
        super().__init__()
        self.attend_norm, self.feed_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attend = SelfAttention(width, heads, dropout)
        self.feed = nn.Sequential(
            nn.Linear(width, inner * width), nn.GELU(), nn.Dropout(dropout), nn.Linear(inner * width, width)
        )
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor, valid: Tensor) -> Tensor:
        """``x`` ``(batch, steps, width)``, ``valid`` bool ``(batch, steps)``."""
        x = x + self.drop(self.attend(self.attend_norm(x), valid))
        out: Tensor = x + self.drop(self.feed(self.feed_norm(x)))
        return out


class Transformer(FrameTrunk):
    """Subsampling, sinusoidal positions, layers of self-attention."""

    def __init__(self, n_dims: int, options: TransformerOptions) -> None:
        super().__init__(n_dims, options)
        self.subsample = Subsample(
            self.front.images, n_dims, options.channels, options.width, options.subsample
        )
        self.stride = options.subsample
        self.layers = nn.ModuleList(
            Layer(options.width, options.heads, options.inner, options.dropout) for _ in range(options.layers)
        )
        self.norm = nn.LayerNorm(options.width)
        self.drop = nn.Dropout(options.dropout)

    def encode(self, images: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        x, lengths = self.subsample(images, lengths)
        x = self.drop(x + sinusoids(x.shape[1], x.shape[2], x.device))
        valid = step_mask(lengths, x.shape[1])
        for layer in self.layers:
            x = layer(x, valid)
        return self.norm(x), lengths
