"""Models that write their answer: the label, then the dimensions in levels, then a short description.

Shared by `hearfelt.models.speech_llm` (a language model writes) and `hearfelt.models.scratch` (a small
decoder writes). They are asked by the likelihood of each label at the place where the label stands.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from hearfelt.models.written import Answer, Given


class Writer(nn.Module, ABC):
    """A network that hears a clip and writes an `Answer`.

    Attributes:
        labels: in the order of `scores`.
        input: ``logmel`` or ``waveform``.
        frozen: `hear` learns nothing, so that what it gives may be kept.
    """

    labels: tuple[str, ...]
    input: str = "logmel"
    frozen: bool = False
    multi_label: bool = False
    smoothing: float = 0.0
    """Label smoothing of the loss of the label."""

    @abstractmethod
    def hear(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Steps ``(batch, steps, width)`` of the sound and how many of them each clip has.

        Args:
            x: log-mels ``(batch, frames, n_mels)`` or samples ``(batch, samples)``.
            lengths: int64 ``(batch,)``; what lies beyond is padding and changes no answer.
        """

    @abstractmethod
    def losses(
        self, steps: Tensor, lengths: Tensor, given: Sequence[Given], answers: Sequence[Answer]
    ) -> tuple[Tensor, Tensor]:
        """Negative log-likelihood of the label, and of the rest of the answer (a mean over its tokens).

        Both ``(batch,)``. The prompt has no loss.
        """

    @abstractmethod
    def scores(self, steps: Tensor, lengths: Tensor, given: Sequence[Given]) -> Tensor:
        """Log-likelihood of each label, float32 ``(batch, n_labels)``; logits where several may hold."""

    @abstractmethod
    def write(self, steps: Tensor, lengths: Tensor, given: Sequence[Given]) -> list[Answer]:
        """The likeliest label of each clip and what is written after it, token by token."""

    def measure(self, x: Tensor, lengths: Tensor) -> None:
        """Take the statistics that normalise the input; a writer without such statistics takes none."""

    @property
    def n_parameters(self) -> int:
        """Numbers the network holds, frozen ones too."""
        return sum(p.numel() for p in self.parameters())

    @property
    def n_learnt(self) -> int:
        """Numbers that learning changes."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)


def probabilities(scores: Tensor, multi_label: bool = False) -> Tensor:
    """What the scores say: they sum to 1 over the labels, unless several labels may hold."""
    return torch.sigmoid(scores) if multi_label else torch.softmax(scores, dim=1)
