"""CNNs with attentive statistics pooling: convolutions over time, and the voice network of this package."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from hearfelt.errors import OptionError
from hearfelt.models.networks.base import FrameTrunk, Trunk
from hearfelt.models.networks.layers import FrameOptions, step_mask
from hearfelt.models.neural import NetworkOptions, VoiceNetwork


@dataclass(frozen=True)
class CnnStatsOptions(FrameOptions):
    """Size of the CNN over time.

    Args:
        kernel: steps that a convolution spans, odd.
        dilations: steps between the taps of each block's convolution.
    """

    kernel: int = 3
    dilations: tuple[int, ...] = (1, 2, 3, 4)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.kernel % 2 == 0 or not self.dilations or min(self.dilations) < 1:
            raise OptionError(
                f"kernel={self.kernel}, dilations={self.dilations}: an odd kernel, dilations from 1 up"
            )


class TimeBlock(nn.Module):
    """A dilated convolution between two pointwise ones, squeeze-excitation (arXiv:1709.01507), a shortcut."""

    def __init__(self, width: int, kernel: int, dilation: int) -> None:
        super().__init__()
        self.enter = nn.Conv1d(width, width, 1, bias=False)
        self.dilated = nn.Conv1d(
            width, width, kernel, padding=kernel // 2 * dilation, dilation=dilation, bias=False
        )
        self.leave = nn.Conv1d(width, width, 1, bias=False)
        self.norms = nn.ModuleList(nn.BatchNorm1d(width) for _ in range(3))
        self.squeeze = nn.Linear(width, max(4, width // 8))
        self.excite = nn.Linear(max(4, width // 8), width)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """``x`` ``(batch, width, steps)`` whose padding is 0."""
        mask = step_mask(lengths, x.shape[2])[:, None]
        y = functional.relu(self.norms[0](self.enter(x))) * mask
        y = functional.relu(self.norms[1](self.dilated(y)))
        y = self.norms[2](self.leave(y)) * mask
        pooled = y.sum(dim=2) / lengths[:, None]
        gate = torch.sigmoid(self.excite(functional.relu(self.squeeze(pooled))))
        out: Tensor = (x + y * gate[:, :, None]) * mask
        return out


class CnnStats(FrameTrunk):
    """Dilated convolutions over time, all blocks heard together, attentive statistics pooling.

    After ECAPA-TDNN (Desplanques et al., arXiv:2005.07143), with plain dilated convolutions in place of the
    Res2Net ones.
    """

    stride = 2

    def __init__(self, n_dims: int, options: CnnStatsOptions) -> None:
        super().__init__(n_dims, options)
        width = options.width
        self.stem = nn.Conv1d(self.front.images * n_dims, width, 5, 2, 2, bias=False)
        self.stem_norm = nn.BatchNorm1d(width)
        self.blocks = nn.ModuleList(TimeBlock(width, options.kernel, each) for each in options.dilations)
        self.join = nn.Linear(len(options.dilations) * width, width)
        self.drop = nn.Dropout(options.dropout)

    def encode(self, images: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        lengths = (lengths + 1) // 2
        x = functional.relu(self.stem_norm(self.stem(images.transpose(2, 3).flatten(1, 2))))
        x = x * step_mask(lengths, x.shape[2])[:, None]
        heard = []
        for block in self.blocks:
            x = block(x, lengths)
            heard.append(x)
        joined = self.join(self.drop(torch.cat(heard, dim=1).transpose(1, 2)))
        return functional.relu(joined), lengths


@dataclass(frozen=True)
class CnnGruStatsOptions:
    """Size of the voice network; see `hearfelt.models.neural.NetworkOptions`, which it becomes."""

    stem: int = 24
    channels: tuple[int, ...] = (24, 48, 96, 192)
    width: int = 192
    attention: int = 64
    dropout: float = 0.3
    floor_db: float = 70.0
    level_db: float = 10.0


class _Unpooled(VoiceNetwork):
    """The voice network up to its pooling: `embed` gives the steps and their mask."""

    def _pool(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        return x, mask


class CnnGruStats(Trunk):
    """`hearfelt.models.neural.VoiceNetwork` without its head: CNN, GRU, attentive statistics."""

    def __init__(self, n_dims: int, options: CnnGruStatsOptions) -> None:
        super().__init__()
        size = NetworkOptions(n_mels=n_dims, **vars(options))
        self.network = _Unpooled(size, 1)
        self.network.head = nn.Identity()  # type: ignore[assignment]
        self.stride = 2 * 2 ** min(2, len(options.channels) - 1)
        self.width, self.size = options.width, 2 * options.width

    def steps(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        steps, mask = self.network.embed(x, lengths)
        return steps, mask[:, :, 0].sum(dim=1).long()

    def pool(self, steps: Tensor, step_lengths: Tensor) -> Tensor:
        mask = step_mask(step_lengths, steps.shape[1])[:, :, None].float()
        return VoiceNetwork._pool(self.network, steps.float(), mask)

    def measure(self, x: Tensor, lengths: Tensor) -> None:
        self.network.front.measure(x, step_mask(lengths, x.shape[1])[:, :, None].float())
