"""The voice network: a small CNN with a recurrent layer on log-mel frames (torch; extra ``train``).

Convolutional stem and squeeze-excitation residual blocks (Hu et al., arXiv:1709.01507), a bidirectional GRU
with a residual path, and attentive statistics pooling (Okabe et al., arXiv:1803.10963).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from hearfelt.errors import OptionError


@dataclass(frozen=True)
class NetworkOptions:
    """Size of the network.

    Args:
        n_mels: mel bins of a frame.
        stem: channels of the 5×5 stem, which halves time and frequency.
        channels: channels of each residual block. Every block but the last halves frequency; the second and
            the third also halve time.
        width: size of the vector a step has after the 1×1 convolution and the GRU.
        attention: hidden size of the attentive pooling.
        dropout: before the last layer, and on the steps that enter the GRU at half the rate.
        floor_db: power this far under the loudest bin is lifted to there: hides how quiet the room was.
        level_db: how far the level of a clip may lie from that of the training data before its effect fades.
        dimensions: whether the network also answers arousal, valence and dominance, learnt from ratings.
    """

    n_mels: int = 80
    stem: int = 24
    channels: tuple[int, ...] = (24, 48, 96, 192)
    width: int = 192
    attention: int = 64
    dropout: float = 0.3
    floor_db: float = 70.0
    level_db: float = 10.0
    dimensions: bool = False

    def __post_init__(self) -> None:
        if not self.channels or min(self.channels) < 1 or self.width % 2:
            raise OptionError(f"channels={self.channels}, width={self.width}: give blocks, and an even width")


_NAT_PER_DB = 0.2302585093


class FrontEnd(nn.Module):
    """Log-mel to two images: one normalised over the training data, one by each bin's mean in the clip.

    The buffers ``mean`` (n_mels,), ``scale`` and ``level`` are measured on the training data by `measure`.
    """

    mean: Tensor
    scale: Tensor
    level: Tensor

    def __init__(self, options: NetworkOptions) -> None:
        super().__init__()
        self.floor = options.floor_db * _NAT_PER_DB
        self.bound = options.level_db * _NAT_PER_DB
        self.register_buffer("mean", torch.zeros(options.n_mels))
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("level", torch.zeros(()))

    def forward(self, logmel: Tensor, mask: Tensor) -> Tensor:
        """``(batch, frames, n_mels)`` and mask ``(batch, frames, 1)`` to ``(batch, 2, frames, n_mels)``."""
        frames = mask.sum(dim=1, keepdim=True)
        lifted, level = self._level(logmel, mask)
        away = level - self.level
        absolute = lifted - (away - self.bound * torch.tanh(away / self.bound)) - self.mean
        own = (lifted * mask).sum(dim=1, keepdim=True) / frames
        images = torch.stack((absolute, lifted - own), dim=1)
        return images / self.scale * mask.unsqueeze(1)

    def _level(self, logmel: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        hidden = logmel.masked_fill(mask == 0, -100.0)
        peak = hidden.amax(dim=(1, 2), keepdim=True)
        lifted = torch.maximum(logmel, peak - self.floor)
        power = torch.exp(hidden - peak).mean(dim=2, keepdim=True).sum(dim=1, keepdim=True)
        return lifted, peak + torch.log(power / mask.sum(dim=1, keepdim=True))

    @torch.no_grad()
    def measure(self, logmel: Tensor, mask: Tensor) -> None:
        """Set the buffers from a sample of the training data, shapes as in `forward`."""
        lifted, level = self._level(logmel, mask)
        frames = mask.sum()
        self.level.copy_(level.mean())
        mean = (lifted * mask).sum(dim=(0, 1)) / frames
        self.mean.copy_(mean)
        self.scale.copy_(((((lifted - mean) * mask) ** 2).sum() / frames / logmel.shape[2]).sqrt())


class Block(nn.Module):
    """Two 3×3 convolutions with squeeze-excitation and a shortcut; padding frames stay zero."""

    def __init__(self, inputs: int, outputs: int, stride: tuple[int, int]) -> None:
        super().__init__()
        self.stride = stride
        self.first = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.first_norm = nn.BatchNorm2d(outputs)
        self.second = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.second_norm = nn.BatchNorm2d(outputs)
        self.squeeze = nn.Linear(outputs, max(4, outputs // 8))
        self.excite = nn.Linear(max(4, outputs // 8), outputs)
        self.shortcut: nn.Module = nn.Identity()
        if inputs != outputs or stride != (1, 1):
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """``x`` (batch, channels, steps, bins), ``mask`` (batch, 1, steps, 1)."""
        mask_out = mask[:, :, :: self.stride[0]]
        y = functional.relu(self.first_norm(self.first(x))) * mask_out
        y = self.second_norm(self.second(y)) * mask_out
        pooled = y.mean(dim=3).sum(dim=2) / mask_out.sum(dim=(2, 3))
        gate = torch.sigmoid(self.excite(functional.relu(self.squeeze(pooled))))
        y = functional.relu(y * gate[:, :, None, None] + self.shortcut(x)) * mask_out
        return y, mask_out


class Recurrent(nn.Module):
    """Bidirectional GRU whose backward half starts at each clip's own end, added to its input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.forwards = nn.GRU(width, width // 2, batch_first=True)
        self.backwards = nn.GRU(width, width // 2, batch_first=True)
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor, steps: Tensor) -> Tensor:
        """``x`` (batch, steps, width); ``steps`` (batch,) valid steps of each clip."""
        x = self.norm(x)
        order = (steps[:, None] - 1 - torch.arange(x.shape[1], device=x.device)[None, :]).clamp(min=0)
        index = order[:, :, None].expand(-1, -1, x.shape[2])
        ahead, _ = self.forwards(x)
        back, _ = self.backwards(torch.gather(x, 1, index))
        back = torch.gather(back, 1, order[:, :, None].expand(-1, -1, back.shape[2]))
        return x + torch.cat((ahead, back), dim=2)


class VoiceNetwork(nn.Module):
    """Log-mel frames to one logit a label. See the module's docstring for the parts and their papers."""

    def __init__(self, options: NetworkOptions, n_labels: int) -> None:
        super().__init__()
        self.options = options
        self.front = FrontEnd(options)
        self.stem = nn.Conv2d(2, options.stem, 5, 2, 2, bias=False)
        self.stem_norm = nn.BatchNorm2d(options.stem)
        blocks, inputs, bins = [], options.stem, (options.n_mels + 1) // 2
        for number, outputs in enumerate(options.channels):
            last = number == len(options.channels) - 1
            stride = (2 if number in (1, 2) else 1, 1 if last else 2)
            blocks.append(Block(inputs, outputs, stride))
            inputs, bins = outputs, (bins + stride[1] - 1) // stride[1]
        self.blocks = nn.ModuleList(blocks)
        self.project = nn.Linear(inputs * bins, options.width, bias=False)
        self.project_norm = nn.BatchNorm1d(options.width)
        self.recurrent = Recurrent(options.width)
        self.attend = nn.Sequential(
            nn.Linear(options.width, options.attention),
            nn.Tanh(),
            nn.Linear(options.attention, options.width),
        )
        self.drop_steps = nn.Dropout(options.dropout / 2)
        self.drop = nn.Dropout(options.dropout)
        self.head = nn.Linear(2 * options.width, n_labels)
        self.dimension_head = nn.Linear(2 * options.width, 3) if options.dimensions else None

    def forward(self, logmel: Tensor, lengths: Tensor) -> Tensor:
        """Logits ``(batch, n_labels)`` of log-mels ``(batch, frames, n_mels)``.

        Args:
            lengths: int64 ``(batch,)``: frames of each clip; what lies beyond is padding and has no effect.
        """
        return self.answers(logmel, lengths)[0]

    def answers(self, logmel: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor | None]:
        """The logits of `forward`, and arousal, valence, dominance in [-1, 1], shape ``(batch, 3)``.

        The second is None for a network without ``options.dimensions``.
        """
        pooled = self.drop(self.embed(logmel, lengths))
        rated = None
        if self.dimension_head is not None:
            rated = torch.tanh(self.dimension_head(pooled).float())
        return self.head(pooled), rated

    def embed(self, logmel: Tensor, lengths: Tensor) -> Tensor:
        """The pooled vector of each clip, shape ``(batch, 2 * width)``."""
        frames = torch.arange(logmel.shape[1], device=logmel.device)
        flat_mask = (frames[None, :] < lengths[:, None]).to(logmel.dtype)
        with torch.autocast(logmel.device.type, enabled=False):
            x = self.front(logmel, flat_mask[:, :, None])
        mask = flat_mask[:, None, ::2, None]
        x = self.stem(x)
        mask = mask.to(x.dtype)  # or every product below would go back to float32 under autocast
        x = functional.relu(self.stem_norm(x)) * mask
        for block in self.blocks:
            x, mask = block(x, mask)
        steps = mask[:, 0, :, 0]
        x = x.permute(0, 2, 1, 3).flatten(2)
        x = self.project_norm(self.project(x).transpose(1, 2)).transpose(1, 2)
        x = self.recurrent(self.drop_steps(functional.relu(x)), steps.sum(dim=1).long())
        return self._pool(x.float(), steps[:, :, None].float())

    def _pool(self, x: Tensor, mask: Tensor) -> Tensor:
        scores = self.attend(x).float().masked_fill(mask == 0, -1e4)
        weights = torch.softmax(scores, dim=1) * mask
        mean = (weights * x).sum(dim=1)
        deviation = ((weights * (x - mean[:, None]) ** 2).sum(dim=1) + 1e-5).sqrt()
        return torch.cat((mean, deviation), dim=1)

    n_functionals = 0
    """A network reads log-mels alone."""

    @property
    def n_parameters(self) -> int:
        """Learned numbers."""
        return sum(p.numel() for p in self.parameters())


class Linear(nn.Module):
    """Logits that are linear in standardised functionals, values beyond five deviations cut.

    A recording made 20 dB softer is the same speech: what its level adds to the functionals fades beyond
    ``level_db`` from the training data's, as in the `FrontEnd` of the networks.

    The buffers are set by who fits: ``gauge`` (n_dims,) reads the level of a clip from its functionals,
    ``level`` is that of the training data, ``gain`` (n_dims,) what a level one higher adds to each value,
    ``mean``, ``scale`` (n_dims,), ``weight`` (n_dims, n_labels) and ``bias``.
    """

    gauge: Tensor
    level: Tensor
    gain: Tensor
    mean: Tensor
    scale: Tensor
    weight: Tensor
    bias: Tensor

    def __init__(self, n_dims: int, n_labels: int, level_db: float = 10.0) -> None:
        super().__init__()
        self.bound = level_db * _NAT_PER_DB
        self.register_buffer("gauge", torch.zeros(n_dims))
        self.register_buffer("level", torch.zeros(()))
        self.register_buffer("gain", torch.zeros(n_dims))
        self.register_buffer("mean", torch.zeros(n_dims))
        self.register_buffer("scale", torch.ones(n_dims))
        self.register_buffer("weight", torch.zeros(n_dims, n_labels))
        self.register_buffer("bias", torch.zeros(n_labels))

    def at_level(self, functionals: Tensor) -> Tensor:
        """``(batch, n_dims)`` as they would be nearer to the level of the training data."""
        away = (functionals @ self.gauge - self.level)[:, None]
        return functionals - (away - self.bound * torch.tanh(away / self.bound)) * self.gain

    def standardise(self, functionals: Tensor) -> Tensor:
        """``(batch, n_dims)`` in deviations from the mean."""
        return ((self.at_level(functionals) - self.mean) / self.scale).clamp(-5.0, 5.0)

    def forward(self, functionals: Tensor) -> Tensor:
        """Logits ``(batch, n_labels)``."""
        return self.standardise(functionals) @ self.weight + self.bias


class VoiceEnsemble(nn.Module):
    """The mean logits of several networks, plus those of a linear model on functionals times a weight.

    Args:
        members: networks of the same labels.
        linear: None where there is no such model.
        weight: what the linear logits are multiplied by.
    """

    def __init__(
        self, members: Sequence[VoiceNetwork], linear: Linear | None = None, weight: float = 0.0
    ) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.linear = linear
        self.weight = weight

    @property
    def options(self) -> NetworkOptions:
        """Of the first network; all read the same log-mels."""
        options: NetworkOptions = self.members[0].options  # type: ignore[assignment]
        return options

    @property
    def n_functionals(self) -> int:
        """Functionals it reads; 0 where it reads none."""
        return len(self.linear.mean) if self.linear is not None else 0

    def forward(self, logmel: Tensor, lengths: Tensor, functionals: Tensor | None = None) -> Tensor:
        """Logits ``(batch, n_labels)``; shapes as of `VoiceNetwork.forward`."""
        return self.answers(logmel, lengths, functionals)[0]

    def answers(
        self, logmel: Tensor, lengths: Tensor, functionals: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Logits, and the mean of the networks' dimensions where they give them."""
        found = [member.answers(logmel, lengths) for member in self.members]  # type: ignore[operator]
        logits = torch.stack([one for one, _ in found]).mean(dim=0)
        if self.linear is not None and functionals is not None:
            logits = logits + self.weight * self.linear(functionals)
        rated = [one for _, one in found if one is not None]
        return logits, torch.stack(rated).mean(dim=0) if rated else None

    @property
    def n_parameters(self) -> int:
        """Learned numbers, those of the linear model with them."""
        linear = 0 if self.linear is None else self.linear.weight.numel() + self.linear.bias.numel()
        return sum(p.numel() for p in self.parameters()) + linear


def masked_cross_entropy(logits: Tensor, targets: Tensor, allowed: Tensor, smoothing: float = 0.0) -> Tensor:
    """Cross-entropy of each clip over the labels its corpus has, shape ``(batch,)``.

    A corpus without a label says nothing about that label: its logit gets no gradient from the corpus, so
    "spoken in Polish" does not come to mean "never disgust". Smoothing spreads over the allowed labels only.

    Args:
        targets: int64 ``(batch,)``.
        allowed: bool ``(batch, n_labels)``.
    """
    log_p = torch.log_softmax(logits.float().masked_fill(~allowed, float("-inf")), dim=1)
    hit = log_p.gather(1, targets[:, None])[:, 0]
    spread = log_p.masked_fill(~allowed, 0.0).sum(dim=1) / allowed.sum(dim=1)
    return -(1 - smoothing) * hit - smoothing * spread


def ccc_loss(predicted: Tensor, ratings: Tensor) -> Tensor:
    """``1 - CCC``, the mean over the dimensions that at least two clips of the batch have; 0 where none has.

    Lin's concordance correlation coefficient ("A concordance correlation coefficient to evaluate
    reproducibility", Biometrics 1989) with moments that divide by n:
    ``CCC = 2 cov(x, y) / (var(x) + var(y) + (mean(x) - mean(y))²)``.

    Args:
        predicted: ``(batch, n_dimensions)``.
        ratings: the same shape; NaN where a clip was not rated: such a place gets no gradient.
    """
    rated = ~torch.isnan(ratings)
    counts = rated.sum(dim=0).clamp(min=1)
    x, y = predicted.float() * rated, torch.where(rated, ratings.float(), 0.0)
    mean_x, mean_y = x.sum(dim=0) / counts, y.sum(dim=0) / counts
    off_x, off_y = (x - mean_x) * rated, (y - mean_y) * rated
    spread = ((off_x**2).sum(dim=0) + (off_y**2).sum(dim=0)) / counts + (mean_x - mean_y) ** 2
    ccc = 2 * (off_x * off_y).sum(dim=0) / counts / (spread + 1e-8)
    usable = rated.sum(dim=0) > 1
    return ((1 - ccc) * usable).sum() / usable.sum().clamp(min=1)
