"""Functionals of the clip as a second input of a network."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from hearfelt.errors import OptionError, unknown_name

FUSIONS = ("concat", "gated")


@dataclass(frozen=True)
class FunctionalOptions:
    """How functionals join the vector that a trunk gives.

    Args:
        size: functionals of a clip.
        width: hidden size of their branch.
        fusion: ``concat`` puts both vectors side by side; ``gated`` mixes them by a learnt gate, the gated
            multimodal unit of Arevalo et al. (arXiv:1702.01992).
        dropout: on the standardised functionals.
    """

    size: int
    width: int = 64
    fusion: str = "concat"
    dropout: float = 0.2

    def __post_init__(self) -> None:
        if self.fusion not in FUSIONS:
            raise unknown_name("fusion", self.fusion, FUSIONS)
        if self.size < 1 or self.width < 1:
            raise OptionError(f"size={self.size}, width={self.width}: both must be 1 or more")


class FunctionalFusion(nn.Module):
    """Vector of the trunk and functionals to one vector of length ``size``."""

    mean: Tensor
    scale: Tensor

    def __init__(self, trunk_size: int, options: FunctionalOptions) -> None:
        super().__init__()
        self.size = trunk_size + options.width if options.fusion == "concat" else trunk_size
        self.register_buffer("mean", torch.zeros(options.size))
        self.register_buffer("scale", torch.ones(options.size))
        self.drop = nn.Dropout(options.dropout)
        self.branch = nn.Linear(options.size, options.width)
        self.gate = self.values = None
        if options.fusion == "gated":
            self.values = nn.Linear(options.width, trunk_size)
            self.gate = nn.Linear(trunk_size + options.width, trunk_size)

    def forward(self, pooled: Tensor, functionals: Tensor) -> Tensor:
        """``(batch, trunk_size)`` and ``(batch, n_functionals)`` to ``(batch, size)``.

        A functional that is NaN counts as the mean of the training data. Standardised values are held to
        ±5: a wild one must not decide alone.
        """
        standard = ((functionals.float() - self.mean) / self.scale).clamp(-5, 5)
        standard = torch.where(torch.isnan(standard), 0.0, standard)
        measured = functional.relu(self.branch(self.drop(standard)))
        if self.gate is None or self.values is None:
            return torch.cat((pooled, measured), dim=1)
        gate = torch.sigmoid(self.gate(torch.cat((pooled, measured), dim=1)))
        return gate * pooled + (1 - gate) * torch.tanh(self.values(measured))

    @torch.no_grad()
    def measure(self, functionals: Tensor) -> None:
        """Set mean and scale from the training data, NaN left out."""
        known = ~torch.isnan(functionals)
        count = known.sum(dim=0).clamp(min=1)
        mean = torch.where(known, functionals, 0.0).sum(dim=0) / count
        square = torch.where(known, (functionals - mean) ** 2, 0.0).sum(dim=0) / count
        self.mean.copy_(mean)
        self.scale.copy_(torch.where(square > 0, square.sqrt(), 1.0))
