"""LSTM and GRU, in both directions."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hearfelt.errors import OptionError, unknown_name
from hearfelt.models.networks.base import FrameTrunk
from hearfelt.models.networks.layers import FrameOptions, Subsample

CELLS: dict[str, type[nn.LSTM] | type[nn.GRU]] = {"lstm": nn.LSTM, "gru": nn.GRU}


@dataclass(frozen=True)
class RecurrentOptions(FrameOptions):
    """Size of the recurrent network.

    Args:
        cell: ``lstm`` (Hochreiter & Schmidhuber 1997) or ``gru`` (Cho et al., arXiv:1406.1078).
        layers: of both directions each; every layer hears both directions of the one before.
        subsample: frames that become one step before the first layer: 1, 2, 4 or 8.
        channels: of the convolutions that do this.
    """

    cell: str = "lstm"
    layers: int = 2
    subsample: int = 4
    channels: int = 16

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.cell not in CELLS:
            raise unknown_name("cell", self.cell, CELLS)
        if self.layers < 1 or self.width % 2:
            raise OptionError(f"layers={self.layers}, width={self.width}: at least 1 layer, an even width")


class Bidirectional(nn.Module):
    """One layer in both directions; the backward one starts at each clip's own end.

    The clip is turned round within its length instead of being packed: the result is the same, and the
    ONNX file takes any batch.
    """

    def __init__(self, cell: str, width: int) -> None:
        super().__init__()
        self.forwards = CELLS[cell](width, width // 2, batch_first=True)
        self.backwards = CELLS[cell](width, width // 2, batch_first=True)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """``(batch, steps, width)`` to the same shape."""
        places = torch.arange(x.shape[1], device=x.device)
        order = (lengths[:, None] - 1 - places[None, :]).clamp(min=0)[:, :, None]
        ahead, _ = self.forwards(x)
        back, _ = self.backwards(x.gather(1, order.expand(-1, -1, x.shape[2])))
        return torch.cat((ahead, back.gather(1, order.expand(-1, -1, back.shape[2]))), dim=2)


class Recurrent(FrameTrunk):
    """Subsampling, then layers in both directions with dropout between them."""

    def __init__(self, n_dims: int, options: RecurrentOptions) -> None:
        super().__init__(n_dims, options)
        self.subsample = Subsample(
            self.front.images, n_dims, options.channels, options.width, options.subsample
        )
        self.stride = options.subsample
        self.layers = nn.ModuleList(Bidirectional(options.cell, options.width) for _ in range(options.layers))
        self.drop = nn.Dropout(options.dropout)

    def encode(self, images: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        x, lengths = self.subsample(images, lengths)
        for layer in self.layers:
            x = layer(self.drop(x), lengths)
        return x, lengths
