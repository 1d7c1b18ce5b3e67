"""What the Transformer is made of beside `hearfelt.models.networks.transformer.Layer`."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from hearfelt.models.networks.attention import SelfAttention, sinusoids
from hearfelt.models.networks.layers import step_mask
from hearfelt.models.neural import Block, FrontEnd, NetworkOptions


class CrossAttention(nn.Module):
    """Multi-head attention of one sequence to another (Vaswani et al., arXiv:1706.03762)."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.query, self.memory = nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, memory: Tensor, valid: Tensor) -> Tensor:
        """``x`` ``(batch, n, width)``, ``memory`` ``(batch, m, width)``, ``valid`` bool ``(batch, m)``."""
        batch, steps, width = x.shape
        query = self.query(x).reshape(batch, steps, self.heads, -1).transpose(1, 2)
        both = self.memory(memory).reshape(batch, memory.shape[1], 2, self.heads, width // self.heads)
        key, value = both.permute(2, 0, 3, 1, 4).unbind(0)
        heard = functional.scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask=valid[:, None, None, :],
            dropout_p=self.dropout if self.training else 0.0,
        )
        turned: Tensor = self.out(heard.transpose(1, 2).reshape(batch, steps, width))
        return turned


class FusingLayer(nn.Module):
    """One sequence attends to another and adds what it found there."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.norm, self.other_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attend = CrossAttention(width, heads, dropout)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor, other: Tensor, valid: Tensor) -> Tensor:
        """Shapes as of `CrossAttention`; a row of which nothing is valid must not occur."""
        out: Tensor = x + self.drop(self.attend(self.norm(x), self.other_norm(other), valid))
        return out


class DecoderLayer(nn.Module):
    """Causal self-attention, attention to what was heard and read, a feed-forward half; normalised before."""

    def __init__(self, width: int, heads: int, inner: int, dropout: float) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.attend = SelfAttention(width, heads, dropout)
        self.cross = CrossAttention(width, heads, dropout)
        self.feed = nn.Sequential(
            nn.Linear(width, inner * width), nn.GELU(), nn.Dropout(dropout), nn.Linear(inner * width, width)
        )
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor, allowed: Tensor, memory: Tensor, valid: Tensor) -> Tensor:
        """``x`` ``(batch, tokens, width)``, ``allowed`` bool ``(1, tokens, tokens)``: who looks at whom."""
        x = x + self.drop(self.attend(self.norms[0](x), allowed))
        x = x + self.drop(self.cross(self.norms[1](x), memory, valid))
        out: Tensor = x + self.drop(self.feed(self.norms[2](x)))
        return out


class Front(nn.Module):
    """Log-mels to few steps: the convolutions of `hearfelt.models.neural.VoiceNetwork`.

    The stem halves time and bins, each block but the last halves the bins, and the first ``halvings`` blocks
    after the first one halve time again.
    """

    def __init__(self, n_mels: int, stem: int, channels: tuple[int, ...], halvings: int, width: int) -> None:
        super().__init__()
        size = NetworkOptions(n_mels=n_mels)
        self.images = FrontEnd(size)
        self.stem = nn.Conv2d(2, stem, 5, 2, 2, bias=False)
        self.stem_norm = nn.BatchNorm2d(stem)
        blocks, inputs, bins = [], stem, (n_mels + 1) // 2
        for number, outputs in enumerate(channels):
            last = number == len(channels) - 1
            stride = (2 if 1 <= number <= halvings else 1, 1 if last else 2)
            blocks.append(Block(inputs, outputs, stride))
            inputs, bins = outputs, (bins + stride[1] - 1) // stride[1]
        self.blocks = nn.ModuleList(blocks)
        self.project = nn.Linear(inputs * bins, width)
        self.stride = 2 * 2 ** min(halvings, len(channels) - 1)

    def forward(self, logmel: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """``(batch, frames, n_mels)`` to ``(batch, steps, width)`` and the steps of each clip."""
        flat = step_mask(lengths, logmel.shape[1]).to(logmel.dtype)
        with torch.autocast(logmel.device.type, enabled=False):
            x = self.images(logmel, flat[:, :, None])
        mask = flat[:, None, ::2, None]
        x = self.stem(x)
        mask = mask.to(x.dtype)
        x = functional.relu(self.stem_norm(x)) * mask
        for block in self.blocks:
            x, mask = block(x, mask)
        steps: Tensor = self.project(x.permute(0, 2, 1, 3).flatten(2))
        return steps, mask[:, 0, :, 0].sum(dim=1).long()


class Places(nn.Module):
    """Adds sinusoids of the place, then dropout."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """``(batch, n, width)``, the same out."""
        placed: Tensor = self.drop(x + sinusoids(x.shape[1], x.shape[2], x.device))
        return placed
