"""Self-attention with a stated notion of place."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from hearfelt.errors import OptionError


class SelfAttention(nn.Module):
    """Multi-head self-attention (Vaswani et al., arXiv:1706.03762, section 3.2) over the valid steps.

    Args:
        rotary: turn queries and keys by their place, so that a head hears how far apart two steps are
            (rotary position embedding, Su et al., arXiv:2104.09864).

    Raises:
        OptionError: the width is not a multiple of ``heads`` (with ``rotary`` of twice as much).
    """

    def __init__(self, width: int, heads: int, dropout: float, *, rotary: bool = False) -> None:
        super().__init__()
        each = heads * (2 if rotary else 1)
        if heads < 1 or width % each:
            raise OptionError(f"width={width}, heads={heads}: the width must be a multiple of {max(each, 1)}")
        self.heads, self.dropout, self.rotary = heads, dropout, rotary
        self.project = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, valid: Tensor) -> Tensor:
        """``x`` ``(batch, steps, width)``; ``x``'s shape out.

        Args:
            valid: bool ``(batch, steps)``, what is no padding; or of three dimensions, ``(1 or batch, steps,
                steps)``, which step (second) may look at which (third).
        """
        batch, steps, width = x.shape
        parts = self.project(x).reshape(batch, steps, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4).unbind(0)
        if self.rotary:
            query, key = rotate(query), rotate(key)
        heard = functional.scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask=valid[:, None] if valid.ndim == 3 else valid[:, None, None, :],
            dropout_p=self.dropout if self.training else 0.0,
        )
        turned: Tensor = self.out(heard.transpose(1, 2).reshape(batch, steps, width))
        return turned


def _angles(steps: int, half: int, device: torch.device) -> Tensor:
    """Angle of each place for each pair of dimensions, ``(steps, half)``: ``place * 10000^(-i / half)``."""
    rates = torch.exp(torch.arange(half, device=device) * (-math.log(10000.0) / half))
    return torch.arange(steps, device=device)[:, None] * rates[None, :]


def rotate(x: Tensor) -> Tensor:
    """Each pair ``(i, i + half)`` of the last dimension turned by the angle of its place (second last)."""
    half = x.shape[-1] // 2
    angles = _angles(x.shape[-2], half, x.device)
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    one, other = x[..., :half], x[..., half:]
    return torch.cat((one * cos - other * sin, other * cos + one * sin), dim=-1)


def sinusoids(steps: int, width: int, device: torch.device) -> Tensor:
    """Sines, then cosines of the place, ``(steps, width)`` (arXiv:1706.03762, section 3.5)."""
    angles = _angles(steps, width // 2, device)
    return torch.cat((angles.sin(), angles.cos()), dim=1)
