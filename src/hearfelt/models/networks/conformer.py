"""A Conformer-like encoder (Gulati et al., arXiv:2005.08100).

Two things differ from the paper. Places are heard by rotary positions instead of the relative encoding of
Transformer-XL. The convolution module has layer norm instead of batch norm, whose statistics padding would
enter.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional

from hearfelt.errors import OptionError
from hearfelt.models.networks.attention import SelfAttention
from hearfelt.models.networks.base import FrameTrunk
from hearfelt.models.networks.layers import FrameOptions, Subsample, step_mask


@dataclass(frozen=True)
class ConformerOptions(FrameOptions):
    """Size of the Conformer.

    Args:
        layers: blocks.
        heads: of self-attention; the width is a multiple of twice as many.
        inner: hidden size of the feed-forward halves, in widths.
        kernel: steps that the depthwise convolution spans, odd.
        subsample: frames that become one step before the first block: 1, 2, 4 or 8.
        channels: of the convolutions that do this.
    """

    width: int = 112
    layers: int = 4
    heads: int = 4
    inner: int = 4
    kernel: int = 15
    subsample: int = 4
    channels: int = 16

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.layers < 1 or self.inner < 1 or self.kernel < 1 or self.kernel % 2 == 0:
            raise OptionError(
                f"layers={self.layers}, inner={self.inner}, kernel={self.kernel}: at least 1 block, an inner "
                "size of 1 or more, and an odd kernel"
            )


class Convolution(nn.Module):
    """The convolution module: gated pointwise, depthwise over time, pointwise."""

    def __init__(self, width: int, kernel: int) -> None:
        super().__init__()
        self.enter = nn.Linear(width, 2 * width)
        self.depthwise = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width)
        self.norm = nn.LayerNorm(width)
        self.leave = nn.Linear(width, width)

    def forward(self, x: Tensor, valid: Tensor) -> Tensor:
        """``x`` ``(batch, steps, width)``, ``valid`` bool ``(batch, steps)``."""
        x = functional.glu(self.enter(x), dim=2) * valid[:, :, None]
        x = self.depthwise(x.transpose(1, 2)).transpose(1, 2)
        out: Tensor = self.leave(functional.silu(self.norm(x)))
        return out


class Block(nn.Module):
    """Half a feed-forward, attention, convolution, half a feed-forward, each with a shortcut (eq. 1)."""

    def __init__(self, options: ConformerOptions) -> None:
        super().__init__()
        width = options.width
        self.feeds = nn.ModuleList(
            nn.Sequential(
                nn.LayerNorm(width),
                nn.Linear(width, options.inner * width),
                nn.SiLU(),
                nn.Dropout(options.dropout),
                nn.Linear(options.inner * width, width),
            )
            for _ in range(2)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.attend = SelfAttention(width, options.heads, options.dropout, rotary=True)
        self.convolve = Convolution(width, options.kernel)
        self.drop = nn.Dropout(options.dropout)

    def forward(self, x: Tensor, valid: Tensor) -> Tensor:
        """``x`` ``(batch, steps, width)``, ``valid`` bool ``(batch, steps)``."""
        x = x + 0.5 * self.drop(self.feeds[0](x))
        x = x + self.drop(self.attend(self.norms[0](x), valid))
        x = x + self.drop(self.convolve(self.norms[1](x), valid))
        x = x + 0.5 * self.drop(self.feeds[1](x))
        out: Tensor = self.norms[2](x)
        return out


class Conformer(FrameTrunk):
    """Subsampling, then Conformer blocks."""

    def __init__(self, n_dims: int, options: ConformerOptions) -> None:
        super().__init__(n_dims, options)
        self.subsample = Subsample(
            self.front.images, n_dims, options.channels, options.width, options.subsample
        )
        self.stride = options.subsample
        self.blocks = nn.ModuleList(Block(options) for _ in range(options.layers))
        self.drop = nn.Dropout(options.dropout)

    def encode(self, images: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        x, lengths = self.subsample(images, lengths)
        x, valid = self.drop(x), step_mask(lengths, x.shape[1])
        for block in self.blocks:
            x = block(x, valid)
        return x, lengths
