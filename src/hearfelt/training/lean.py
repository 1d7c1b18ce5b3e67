"""The voice network as it is exported: the answers of `VoiceNetwork` from fewer passes over memory.

* Batch normalisation and the scale of the front end become part of the convolutions.
* Images lie with time last, so that what depends on time alone runs along memory.
* Where a clip of a batch has ended, a number far below zero is added before a rectifier, which gives the zero
  that `VoiceNetwork` gets by a product with a mask: onnxruntime adds in the layout of its convolutions, and
  multiplies only after it has changed the layout.
* One recurrent layer of two directions knows where each clip ends, so nothing is turned round.

These modules are for tracing: they hold what the network has learnt and learn nothing themselves.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from hearfelt.models.neural import Block, FrontEnd, Recurrent, VoiceNetwork

_FAR = -1e9
"""Below any sum in the network, and finite: in a valid frame it is multiplied by zero."""


class LeanNetwork(nn.Module):
    """Inputs and outputs of `VoiceNetwork.answers`.

    ``padding`` holds a 1×1 convolution for the stem and for each block: of an image that is 1 beyond the end
    of a clip it makes the numbers to add there. `hearfelt.training.quantise` knows these by name.
    """

    zeros: Tensor

    def __init__(self, network: VoiceNetwork) -> None:
        super().__init__()
        options = network.options
        self.front = _Front(network.front)
        self.stem = _folded(network.stem, network.stem_norm, float(network.front.scale))
        self.blocks = nn.ModuleList()
        self.padding = nn.ModuleList([_far(options.stem, (2, 2))])
        self.strides: list[int] = []
        across, along, bins = 2, 2, (options.n_mels + 1) // 2
        for block in network.blocks:
            assert isinstance(block, Block)
            self.strides.append(block.stride[0])
            along, across = along * block.stride[0], across * block.stride[1]
            bins = (bins + block.stride[1] - 1) // block.stride[1]
            self.blocks.append(_Block(block, bins))
            self.padding.append(_far(block.second.out_channels, (across, along)))
        self.project = _projection(network, bins)
        self.recurrent = _Recurrent(network.recurrent, along)
        self.attend, self.head = network.attend, network.head
        self.dimension_head = network.dimension_head
        self.register_buffer("zeros", torch.zeros(1, 1, options.n_mels, 1))

    def answers(self, logmel: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor | None]:
        """As `VoiceNetwork.answers`."""
        frames = torch.arange(logmel.shape[1], device=logmel.device)
        valid = (frames[None, :] < lengths[:, None]).to(logmel.dtype)[:, None]
        ended = 1 - valid
        image = self.front(logmel.transpose(1, 2), valid, ended)
        beyond = ended[:, None] + self.zeros
        first, *padding = [far(beyond) for far in self.padding]
        x = functional.relu(self.stem(image) + first)
        valid = valid[:, None, :, ::2]
        for block, far, stride in zip(self.blocks, padding, self.strides, strict=True):
            valid = valid if stride == 1 else valid[:, :, :, ::stride]
            x = block(x, far, valid / valid.sum(dim=3, keepdim=True))
        x = functional.relu(self.project(x)).permute(3, 0, 2, 1).flatten(1, 2)
        pooled = self._pool(self.recurrent(x, lengths), 1 - valid[:, 0])
        rated = None if self.dimension_head is None else torch.tanh(self.dimension_head(pooled))
        return self.head(pooled), rated

    def _pool(self, x: Tensor, ended: Tensor) -> Tensor:
        """``x`` (steps, batch, width) to ``(batch, 2 * width)``; ``ended`` (batch, 1, steps)."""
        weights = torch.softmax(self.attend(x).permute(1, 2, 0) + ended * _FAR, dim=2)
        x = x.permute(1, 2, 0)
        mean = (weights * x).sum(dim=2, keepdim=True)
        deviation = ((weights * (x - mean) ** 2).sum(dim=2, keepdim=True) + 1e-5).sqrt()
        return torch.cat((mean, deviation), dim=1).flatten(1)


class _Front(nn.Module):
    """`FrontEnd` without the last division, to images ``(batch, 2, n_mels, frames)``."""

    mean: Tensor

    def __init__(self, front: FrontEnd) -> None:
        super().__init__()
        self.floor, self.bound, self.level = front.floor, front.bound, float(front.level)
        self.register_buffer("mean", front.mean[None, :, None].clone())

    def forward(self, logmel: Tensor, valid: Tensor, ended: Tensor) -> Tensor:
        """``logmel`` (batch, n_mels, frames); ``valid``, ``ended`` (batch, 1, frames)."""
        count = valid.sum(dim=2, keepdim=True)
        hidden = logmel + ended * _FAR
        peak = hidden.amax(dim=(1, 2), keepdim=True)
        lifted = torch.maximum(logmel, peak - self.floor)
        power = torch.exp(hidden - peak).sum(dim=(1, 2), keepdim=True) / (count * self.mean.shape[1])
        away = peak + torch.log(power) - self.level
        usual = self.mean + (away - self.bound * torch.tanh(away / self.bound))
        own = (lifted * valid).sum(dim=2, keepdim=True) / count
        return (lifted[:, None] - torch.stack((usual, own), dim=1)) * valid[:, None]


class _Block(nn.Module):
    """`Block` over images with time last; ``bins`` of its output."""

    def __init__(self, block: Block, bins: int) -> None:
        super().__init__()
        self.first = _folded(block.first, block.first_norm)
        self.second = _folded(block.second, block.second_norm)
        self.squeeze, self.excite = block.squeeze, block.excite
        self.shortcut: nn.Module = nn.Identity()
        if isinstance(block.shortcut, nn.Sequential):
            convolution, norm = block.shortcut
            assert isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)
            self.shortcut = _folded(convolution, norm)
        self.over_bins = nn.AvgPool2d((bins, 1))

    def forward(self, x: Tensor, padding: Tensor, share: Tensor) -> Tensor:
        """``share`` (batch, 1, 1, steps): one over the number of valid steps, zero beyond."""
        y = self.second(functional.relu(self.first(x) + padding))
        pooled = (self.over_bins(y) * share).sum(dim=(2, 3))
        gate = torch.sigmoid(self.excite(functional.relu(self.squeeze(pooled))))
        gate = gate.reshape(-1, self.second.out_channels, 1, 1)
        return functional.relu(y * gate + (self.shortcut(x) + padding))


class _Recurrent(nn.Module):
    """`Recurrent` with time first, as one ONNX ``GRU`` that is told the length of each clip."""

    weight: Tensor
    again: Tensor
    bias: Tensor

    def __init__(self, recurrent: Recurrent, stride: int) -> None:
        super().__init__()
        self.norm, self.stride = recurrent.norm, stride
        states = [half.state_dict() for half in (recurrent.forwards, recurrent.backwards)]
        parts = {name: torch.stack([_gates(state[name]) for state in states]) for name in states[0]}
        self.register_buffer("weight", parts["weight_ih_l0"])
        self.register_buffer("again", parts["weight_hh_l0"])
        self.register_buffer("bias", torch.cat((parts["bias_ih_l0"], parts["bias_hh_l0"]), dim=1))

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """``x`` (steps, batch, width); ``lengths`` in frames."""
        x = self.norm(x)
        steps = torch.div(lengths + (self.stride - 1), self.stride, rounding_mode="floor").int()
        heard: Tensor = _BothWays.apply(x, self.weight, self.again, self.bias, steps)  # type: ignore[no-untyped-call]
        return x + heard.permute(0, 2, 1, 3).flatten(2)


class _BothWays(torch.autograd.Function):
    """ONNX's bidirectional ``GRU``, whose inputs torch offers only by packed sequences."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, again: Tensor, bias: Tensor, steps: Tensor) -> Tensor:
        """A tensor of the right shape, which is all that tracing asks for."""
        return x.new_zeros(x.shape[0], 2, x.shape[1], again.shape[2])

    @staticmethod
    def symbolic(g: Any, x: Any, weight: Any, again: Any, bias: Any, steps: Any) -> Any:
        """The node."""
        hidden = again.type().sizes()[2]
        inputs = (x, weight, again, bias, steps)
        options = {"hidden_size_i": hidden, "direction_s": "bidirectional", "linear_before_reset_i": 1}
        return g.op("GRU", *inputs, **options, outputs=2)[0]


def _gates(values: Tensor) -> Tensor:
    """Torch's order of gates (reset, update, new) to ONNX's (update, reset, new)."""
    reset, update, new = values.chunk(3)
    return torch.cat((update, reset, new))


def _gain(norm: nn.BatchNorm1d | nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """What a batch normalisation multiplies by and what it adds."""
    assert norm.running_var is not None and norm.running_mean is not None
    gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return gain.detach(), (norm.bias - norm.running_mean * gain).detach()


@torch.no_grad()
def _folded(convolution: nn.Conv2d, norm: nn.BatchNorm2d, scale: float = 1.0) -> nn.Conv2d:
    """A convolution and what follows it in one, for images with time last, not divided by ``scale``."""
    height, width = convolution.kernel_size
    along, across = convolution.stride
    gain, shift = _gain(norm)
    made = nn.Conv2d(
        convolution.in_channels,
        convolution.out_channels,
        (width, height),
        (across, along),
        (width // 2, height // 2),
    )
    made.weight.copy_((convolution.weight * gain[:, None, None, None] / scale).transpose(2, 3))
    assert made.bias is not None
    made.bias.copy_(shift)
    return made


@torch.no_grad()
def _projection(network: VoiceNetwork, bins: int) -> nn.Conv2d:
    """The projection of all bins of a step and its normalisation, as a convolution one step wide."""
    gain, shift = _gain(network.project_norm)
    width = network.options.width
    made = nn.Conv2d(network.project.in_features // bins, width, (bins, 1))
    made.weight.copy_((network.project.weight * gain[:, None]).view(width, -1, bins, 1))
    assert made.bias is not None
    made.bias.copy_(shift)
    return made


@torch.no_grad()
def _far(channels: int, stride: tuple[int, int]) -> nn.Conv2d:
    made = nn.Conv2d(1, channels, 1, stride, bias=False)
    made.weight.fill_(_FAR)
    return made
