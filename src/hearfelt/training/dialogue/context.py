"""The context network: a line's label from the line, those before it, and who said them.

Attention over the line and those before it (never after: it can run live), with one learned number a head for
each distance and for whether the same person speaks, as in the relative positions of Shaw et al.
(arXiv:1803.02155) and the speaker-aware attention of DialogXL (arXiv:2012.08695). The text model's logits are
added at the end, so that the network begins where the text model stands and learns what to change.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from hearfelt.datasets.dialogue import Line, grouped
from hearfelt.training import engine
from hearfelt.training.devices import Device
from hearfelt.training.dialogue.encoder import alike
from hearfelt.training.dialogue.options import ContextOptions
from hearfelt.training.dialogue.text import label_weights, scores
from hearfelt.training.engine import Step
from hearfelt.training.watch import How, Report
from hearfelt.types import FloatArray


@dataclass(frozen=True, eq=False)
class Material:
    """What is known of some lines, one row a line.

    Args:
        vectors: of the text model and of what stands beside it, float32 ``(n, width)``.
        cues: vocal measures, float32 ``(n, n_cues)``; no columns where they are not used.
        logits: of the text model, float32 ``(n, n_labels)``.
        targets: numbers of the labels; below 0 where there is none.
        groups: positions of each dialogue's lines, in order.
        speakers: a number a speaker, ``(n,)``; below 0 where unknown.
    """

    vectors: FloatArray
    cues: FloatArray
    logits: FloatArray
    targets: np.ndarray
    groups: Sequence[Sequence[int]]
    speakers: np.ndarray


def material(
    lines: Sequence[Line], vectors: FloatArray, cues: FloatArray, logits: FloatArray, targets: np.ndarray
) -> Material:
    """See `Material`."""
    names = {name: number for number, name in enumerate(sorted({line.speaker for line in lines} - {""}))}
    speakers = np.array([names.get(line.speaker, -1) for line in lines], np.int64)
    return Material(vectors, cues, logits, targets, grouped(lines), speakers)


@dataclass(frozen=True, eq=False)
class Batch:
    """Whole dialogues, padded: ``(n_dialogues, n_lines, …)``.

    Args:
        apart: how many lines back the second line is from the first, ``(n, lines, lines)``; below 0 where it
            comes after, or where there is no line.
        same: whether one person says both, ``(n, lines, lines)``.
        rows: positions in the material, ``(n, lines)``; below 0 where there is no line.
    """

    vectors: Tensor
    cues: Tensor
    logits: Tensor
    targets: Tensor
    apart: Tensor
    same: Tensor
    rows: Tensor


def batch_of(data: Material, dialogues: Sequence[Sequence[int]]) -> Batch:
    """The dialogues as one batch."""
    longest = max(map(len, dialogues))
    rows = np.full((len(dialogues), longest), -1, np.int64)
    for row, positions in zip(rows, dialogues, strict=True):
        row[: len(positions)] = positions
    here = rows >= 0
    at = np.arange(longest)
    apart = np.where(here[:, None, :] & here[:, :, None], at[:, None] - at[None, :], -1)
    apart[:, at, at] = 0  # padding looks at itself: a softmax over nothing is not a number
    who = np.where(here, data.speakers[rows], -1)
    same = (who[:, :, None] == who[:, None, :]) & (who >= 0)[:, :, None]
    same[:, at, at] = True
    targets = np.where(here, data.targets[rows], -1)
    parts = [data.vectors[rows], data.cues[rows], data.logits[rows], targets, apart, same, rows]
    return Batch(*(torch.from_numpy(np.ascontiguousarray(part)) for part in parts))


class Attention(nn.Module):
    """A block of attention and a feed-forward net, each on normed inputs and added to what there was."""

    def __init__(self, options: ContextOptions) -> None:
        super().__init__()
        width = options.width
        self.heads, self.window = options.heads, options.window
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.joined = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.distance = nn.Parameter(torch.zeros(options.heads, options.window + 1))
        self.person = nn.Parameter(torch.zeros(options.heads, 2))
        self.wide = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Dropout(options.dropout), nn.Linear(2 * width, width)
        )
        self.dropout = nn.Dropout(options.dropout)

    def forward(self, x: Tensor, apart: Tensor, same: Tensor) -> Tensor:
        n, lines, width = x.shape
        query, key, value = (
            part.reshape(n, lines, self.heads, -1).transpose(1, 2)
            for part in self.joined(self.norm1(x)).chunk(3, dim=-1)
        )
        bias = self.distance[:, apart.clamp(0, self.window)] + self.person[:, same.long()]
        bias = bias.movedim(0, 1)
        seen = (apart >= 0) & (apart <= self.window)
        bias = bias.masked_fill(~seen[:, None], float("-inf"))
        mixed = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        x = x + self.dropout(self.out(mixed.transpose(1, 2).reshape(n, lines, width)))
        added: Tensor = x + self.dropout(self.wide(self.norm2(x)))
        return added


class ContextNetwork(nn.Module):
    """Dialogues to logits ``(n, lines, n_labels)``.

    Args:
        widths: columns of the vectors and of the cues.
    """

    def __init__(self, options: ContextOptions, widths: tuple[int, int], n_labels: int) -> None:
        super().__init__()
        self.options = options
        self.inputs = nn.Linear(widths[0], options.width)
        self.cues = nn.Linear(widths[1], options.width) if widths[1] else None
        self.blocks = nn.ModuleList(Attention(options) for _ in range(options.layers))
        self.norm = nn.LayerNorm(options.width)
        self.dropout = nn.Dropout(options.dropout)
        self.head = nn.Linear(options.width, n_labels)
        self.scale = nn.Parameter(torch.ones(1))
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, batch: Batch, heard: Tensor | None = None) -> Tensor:
        """``heard`` of 0 silences the cues of a dialogue, shape ``(n, 1, 1)``; None hears all."""
        x = self.inputs(self.dropout(batch.vectors))
        if self.cues is not None:
            cues = self.cues(self.dropout(batch.cues))
            x = x + (cues if heard is None else heard * cues)
        for block in self.blocks:
            x = block(x, batch.apart, batch.same)
        logits: Tensor = self.scale * batch.logits + self.head(self.dropout(self.norm(x)))
        return logits


class ContextLesson(engine.Lesson):
    """Dialogues to the labels of their lines; dev dialogues say which epoch is the best, by weighted F1."""

    judges = True

    def __init__(
        self, network: ContextNetwork, options: ContextOptions, seed: int, data: Material, dev: Material
    ) -> None:
        super().__init__()
        self.network: ContextNetwork = network
        self.options, self.seed, self.data, self.dev = options, seed, data, dev
        learnt = data.targets[data.targets >= 0]
        weights = label_weights(learnt, network.head.out_features, options.balance)
        self.weights = torch.from_numpy(weights)
        self.steps = -(-len(data.groups) // options.loop.batch)

    def batches(self, epoch: int) -> Iterator[Batch]:
        random = np.random.default_rng([self.seed, epoch])
        lengths = [len(group) + random.uniform(-2, 2) for group in self.data.groups]
        groups = list(alike(lengths, self.options.loop.batch))
        for place in random.permutation(len(groups)):
            yield batch_of(self.data, [self.data.groups[i] for i in groups[place]])

    def forward(self, batch: Batch, device: Device) -> Step:
        with device.autocast():
            logits = self.network(batch).float()
        known = batch.targets >= 0
        loss = nn.functional.cross_entropy(
            logits[known],
            batch.targets[known],
            self.weights.to(logits.device),
            label_smoothing=self.options.loop.smoothing,
        )
        hits = float((logits[known].detach().argmax(1) == batch.targets[known]).float().mean())
        return Step(loss, int(known.sum()), {"accuracy": hits})

    def score(self) -> dict[str, float]:
        return scores(run(self.network, self.dev), self.dev.targets)


@torch.no_grad()
def run(network: ContextNetwork, data: Material, batch: int = 32) -> FloatArray:
    """Logits of every line, float32 ``(n_lines, n_labels)``."""
    network.eval()
    found = np.empty_like(data.logits)
    for part in alike([len(group) for group in data.groups], batch):
        lines = batch_of(data, [data.groups[i] for i in part])
        logits, here = network(lines).float().numpy(), lines.rows.numpy() >= 0
        found[lines.rows.numpy()[here]] = logits[here]
    return found


def train(
    options: ContextOptions,
    seed: int,
    data: Material,
    dev: Material,
    folder: Path,
    report: Report,
    how: How,
) -> ContextNetwork:
    """Learn, or go on learning from ``folder/checkpoint.pt``; the network of the best epoch on dev.

    Raises:
        RunError: see `hearfelt.training.engine.fit`.
    """
    torch.set_num_threads(options.loop.threads)
    torch.manual_seed(seed)
    widths = (data.vectors.shape[1], data.cues.shape[1])
    network = ContextNetwork(options, widths, data.logits.shape[1])
    lesson = ContextLesson(network, options, seed, data, dev)
    engine.fit(lesson, options.loop, folder, how.watchers(report, folder), how.device)
    return network
