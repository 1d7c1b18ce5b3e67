"""A plain CNN: 3×3 convolutions and max pooling over the picture that the frames are."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional

from hearfelt.errors import OptionError
from hearfelt.models.networks.base import FrameTrunk
from hearfelt.models.networks.layers import FrameOptions, step_mask


@dataclass(frozen=True)
class CnnOptions(FrameOptions):
    """Size of the plain CNN.

    Args:
        channels: of each convolution. Each halves the bins; the first two also halve time.
    """

    pooling: str = "mean"
    channels: tuple[int, ...] = (32, 64, 96, 128)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.channels or min(self.channels) < 1:
            raise OptionError(f"channels={self.channels}: give convolutions, each of 1 channel or more")


class Cnn(FrameTrunk):
    """Convolution, batch norm, ReLU, max pooling, several times; then one linear layer a step."""

    def __init__(self, n_dims: int, options: CnnOptions) -> None:
        super().__init__(n_dims, options)
        inputs, bins = self.front.images, n_dims
        convolutions, norms = [], []
        for channels in options.channels:
            convolutions.append(nn.Conv2d(inputs, channels, 3, 1, 1, bias=False))
            norms.append(nn.BatchNorm2d(channels))
            inputs, bins = channels, (bins + 1) // 2
        self.convolutions, self.norms = nn.ModuleList(convolutions), nn.ModuleList(norms)
        self.halved = min(2, len(options.channels))
        self.stride = 2**self.halved
        self.project = nn.Linear(inputs * bins, options.width)
        self.drop = nn.Dropout(options.dropout)

    def encode(self, images: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        x = images
        for number, (convolution, norm) in enumerate(zip(self.convolutions, self.norms, strict=True)):
            x = functional.relu(norm(convolution(x)))
            x = x * step_mask(lengths, x.shape[2])[:, None, :, None]
            time = 2 if number < self.halved else 1
            # What is pooled is 0 or more, so padding of 0 never is the greatest.
            x = functional.max_pool2d(x, (time, 2), ceil_mode=True)
            lengths = (lengths + time - 1) // time
        x = x.permute(0, 2, 1, 3).flatten(2)
        return functional.relu(self.project(self.drop(x))), lengths
