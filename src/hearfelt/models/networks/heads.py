"""What a network answers: one head a task.

=============  ==================================================  =====================================
kind           target of a batch                                   missing
=============  ==================================================  =====================================
``single``     int64 ``(batch,)``, the index of the label          -1
``multi``      float ``(batch, n_labels)``, 0 or 1 each            NaN, each entry by itself
``soft``       float ``(batch, n_labels)``, shares or votes        a NaN or only zeros in the row
``dimensions`` float ``(batch, n_labels)``, ratings                NaN, each entry by itself
``ctc``        int64 ``(batch, longest)``, by `encode`             -1 (fills up rows; a row of -1 only)
=============  ==================================================  =====================================
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hearfelt.errors import OptionError, unknown_name

KINDS = ("single", "multi", "soft", "dimensions", "ctc")
LOSSES = ("cross-entropy", "focal")
RANGES = ("tanh", "sigmoid")
STEP_LENGTHS = "step_lengths"
"""Key of the network's answers that says how many steps of a CTC head are sound."""

DIMENSIONS = ("arousal", "valence", "dominance")


@dataclass(frozen=True)
class Task:
    """One thing to learn and to answer.

    Args:
        name: key of the answer and of the target.
        kind: one of `KINDS`.
        labels: the labels, the names of the dimensions, or the characters of CTC.
        weight: factor of its loss in the sum.
        loss: ``cross-entropy`` or ``focal`` (Lin et al., arXiv:1708.02002); read by ``single`` and ``multi``.
        focal_gamma: the exponent of the focal loss; 0 is cross-entropy.
        class_weights: one a label. ``single``: weight of a clip by its label; ``multi``: weight of a label
            where it is present. Empty: all 1. See `hearfelt.models.networks.losses.balanced`.
        smoothing: label smoothing of ``single`` with cross-entropy.
        range: ``tanh`` for ratings in [-1, 1], ``sigmoid`` for ratings in [0, 1]; read by ``dimensions``.

    Raises:
        OptionError: a value that is not accepted; the sentence names it.
    """

    name: str
    kind: str = "single"
    labels: tuple[str, ...] = ()
    weight: float = 1.0
    loss: str = "cross-entropy"
    focal_gamma: float = 2.0
    class_weights: tuple[float, ...] = ()
    smoothing: float = 0.0
    range: str = "tanh"

    def __post_init__(self) -> None:
        for what, value, known in (
            ("kind of task", self.kind, KINDS),
            ("loss", self.loss, LOSSES),
            ("range", self.range, RANGES),
        ):
            if value not in known:
                raise unknown_name(what, value, known)
        if not self.name or self.name == STEP_LENGTHS:
            raise OptionError(f"a task cannot be called {self.name!r}: give it another name")
        few = 2 if self.kind in ("single", "soft") else 1
        if len(self.labels) < few or len(set(self.labels)) < len(self.labels):
            raise OptionError(
                f"task {self.name!r} has the labels {', '.join(self.labels) or 'none'}: "
                f"give at least {few}, each once"
            )
        if self.kind == "ctc" and max(map(len, self.labels)) > 1:
            raise OptionError(f"task {self.name!r} is CTC: each of its labels is one character")
        if self.class_weights and len(self.class_weights) != len(self.labels):
            raise OptionError(
                f"task {self.name!r} has {len(self.labels)} labels and {len(self.class_weights)} class "
                "weights: give one a label, or none"
            )
        if not (self.weight >= 0 and self.focal_gamma >= 0 and 0 <= self.smoothing < 1):
            raise OptionError(
                f"task {self.name!r}: weight={self.weight} and focal_gamma={self.focal_gamma} must be 0 or "
                f"more, smoothing={self.smoothing} in [0, 1)"
            )

    @property
    def n_outputs(self) -> int:
        """Numbers its head gives, a clip or (CTC) a step: CTC has the blank first."""
        return len(self.labels) + (self.kind == "ctc")


def dimensions(weight: float = 1.0) -> Task:
    """Arousal, valence and dominance in [-1, 1], learnt by 1 - CCC."""
    return Task("dimensions", "dimensions", DIMENSIONS, weight)


def gender(weight: float = 0.1) -> Task:
    """The speaker's gender as the corpus names it."""
    return Task("gender", "single", ("female", "male"), weight)


def language(codes: Sequence[str], weight: float = 0.1) -> Task:
    """The language spoken, ISO 639-1 codes."""
    return Task("language", "single", tuple(codes), weight)


def sentiment(weight: float = 0.1) -> Task:
    """What the words say, heard from the voice: the target comes from a model of text."""
    return Task("sentiment", "single", ("negative", "neutral", "positive"), weight)


def characters(alphabet: str = "abcdefghijklmnopqrstuvwxyz' ", weight: float = 0.1) -> Task:
    """The words, character by character (CTC, Graves et al. 2006)."""
    return Task("characters", "ctc", tuple(alphabet), weight)


class Heads(nn.Module):
    """A linear layer for each task: on the pooled vector, or on each step for CTC."""

    def __init__(self, size: int, width: int, tasks: Sequence[Task]) -> None:
        super().__init__()
        names = [task.name for task in tasks]
        if not names or len(set(names)) < len(names):
            raise OptionError(
                f"a network with the tasks {', '.join(names) or 'none'}: give at least one, each name once"
            )
        self.tasks = tuple(tasks)
        self.layers = nn.ModuleList(
            nn.Linear(width if task.kind == "ctc" else size, task.n_outputs) for task in tasks
        )

    @property
    def output_names(self) -> tuple[str, ...]:
        """Keys of the answers, in order."""
        spells = any(task.kind == "ctc" for task in self.tasks)
        return (*(task.name for task in self.tasks), *((STEP_LENGTHS,) if spells else ()))

    def forward(self, pooled: Tensor, steps: Tensor, step_lengths: Tensor) -> dict[str, Tensor]:
        """The answers by name: float32 logits, or ratings in their range."""
        answers: dict[str, Tensor] = {}
        for task, layer in zip(self.tasks, self.layers, strict=True):
            answer = layer(steps if task.kind == "ctc" else pooled).float()
            if task.kind == "dimensions":
                answer = torch.tanh(answer) if task.range == "tanh" else torch.sigmoid(answer)
            answers[task.name] = answer
        if STEP_LENGTHS in self.output_names:
            answers[STEP_LENGTHS] = step_lengths
        return answers


def probabilities(task: Task, answer: Tensor) -> Tensor:
    """What a head's answer says, same shape: softmax, independent sigmoids, or the ratings as they are."""
    if task.kind == "dimensions":
        return answer
    return torch.sigmoid(answer) if task.kind == "multi" else torch.softmax(answer, dim=-1)


def encode(task: Task, text: str) -> list[int]:
    """The CTC target of a text in lower case, counted from 1; characters that the task lacks are left out."""
    place = {character: number for number, character in enumerate(task.labels, 1)}
    return [place[character] for character in text.lower() if character in place]


def decode(task: Task, logits: Tensor, step_lengths: Tensor) -> list[str]:
    """The text of each clip by the best path: repeats joined, blanks left out."""
    best = logits.argmax(dim=-1).tolist()
    texts = []
    for row, length in zip(best, step_lengths.tolist(), strict=True):
        path = row[:length]
        kept = [now for now, before in zip(path, [0, *path], strict=False) if now and now != before]
        texts.append("".join(task.labels[number - 1] for number in kept))
    return texts
