"""The text model: one line of dialogue by itself to its label."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from hearfelt.evaluation import metrics
from hearfelt.training import engine
from hearfelt.training.devices import Device
from hearfelt.training.dialogue.encoder import (
    Bottom,
    Layers,
    Start,
    alike,
    mean,
    padded_states,
    start,
    token_ids,
)
from hearfelt.training.dialogue.options import TextOptions
from hearfelt.training.engine import Step
from hearfelt.training.watch import How, Report
from hearfelt.types import FloatArray


class Top(nn.Module):
    """What learns: the upper layers and the outputs. States of the frozen layers to vectors and logits."""

    def __init__(self, begin: Start, options: TextOptions, n_labels: int) -> None:
        super().__init__()
        self.layers = Layers(begin, min(options.frozen_layers, begin.layers), begin.layers, options.dropout)
        self.dropout = nn.Dropout(options.dropout)
        self.head = nn.Linear(begin.hidden, n_labels)
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)

    def forward(self, hidden: Tensor, absent: Tensor | None) -> tuple[Tensor, Tensor]:
        """Vectors ``(n, hidden)`` and logits ``(n, n_labels)``."""
        vectors = mean(self.layers(hidden, absent), absent)
        return vectors, self.head(self.dropout(vectors))


@dataclass(frozen=True, eq=False)
class Batch:
    """States ``(n, tokens, hidden)``, where there is no token, and the labels' numbers ``(n,)``."""

    states: Tensor
    absent: Tensor | None
    targets: Tensor


class TextLesson(engine.Lesson):
    """Lines to labels; dev lines say which epoch is the best, by weighted F1.

    Args:
        ids, targets: of the lines to learn from; a target below 0 is not learnt.
        dev_ids, dev_targets: of the lines for choices.
    """

    judges = True

    def __init__(
        self,
        top: Top,
        bottom: Bottom,
        options: TextOptions,
        seed: int,
        ids: Sequence[list[int]],
        targets: np.ndarray,
        dev_ids: Sequence[list[int]],
        dev_targets: np.ndarray,
    ) -> None:
        super().__init__()
        self.network: Top = top
        self._bottom = [bottom]  # in a list it is no part of the module: it never learns, nothing averages it
        self.options, self.seed = options, seed
        kept = np.flatnonzero(targets >= 0).tolist()
        self.ids, self.targets = [ids[i] for i in kept], targets[kept]
        self.dev_ids, self.dev_targets = dev_ids, dev_targets
        self.weights = torch.from_numpy(label_weights(self.targets, top.head.out_features, options.balance))
        self.steps = -(-len(self.ids) // options.loop.batch)

    @cached_property
    def states(self) -> list[np.ndarray]:
        return self._bottom[0].states(self.ids)

    @cached_property
    def dev_states(self) -> list[np.ndarray]:
        return self._bottom[0].states(self.dev_ids)

    def batches(self, epoch: int) -> Iterator[Batch]:
        random = np.random.default_rng([self.seed, epoch])
        # A little noise on the lengths, so that a batch is of about one length but never the same lines.
        lengths = [len(one) + random.uniform(-1.5, 1.5) for one in self.ids]
        groups = list(alike(lengths, self.options.loop.batch))
        for place in random.permutation(len(groups)):
            rows = groups[place]
            states, absent = padded_states([self.states[i] for i in rows])
            yield Batch(states, absent, torch.from_numpy(self.targets[rows]))

    def forward(self, batch: Batch, device: Device) -> Step:
        with device.autocast():
            _, logits = self.network(batch.states, batch.absent)
        loss = nn.functional.cross_entropy(
            logits.float(),
            batch.targets,
            self.weights.to(logits.device),
            label_smoothing=self.options.loop.smoothing,
        )
        hits = float((logits.detach().argmax(1) == batch.targets).float().mean())
        return Step(loss, len(batch.targets), {"accuracy": hits})

    def score(self) -> dict[str, float]:
        """Weighted F1 on the dev lines, which decides, with macro F1 beside it."""
        _, logits = run(self.network, self.dev_states)
        return scores(logits, self.dev_targets)


def scores(logits: FloatArray, targets: np.ndarray) -> dict[str, float]:
    """What is told of the dev lines after an epoch; those without a label do not count."""
    known = targets >= 0
    gold, found = targets[known].tolist(), logits[known].argmax(1).tolist()
    weighted = metrics.f1(gold, found, "weighted")
    return {"score": weighted, "dev_macro_f1": metrics.f1(gold, found)}


def label_weights(targets: np.ndarray, n_labels: int, balance: float) -> FloatArray:
    """Weight of each label in the loss, float32 ``(n_labels,)``; 1 on average over the lines."""
    share = np.bincount(targets, minlength=n_labels) / len(targets)
    weights = np.maximum(share, 1e-6) ** -balance
    weights[share == 0] = 0.0
    found: FloatArray = (weights / (weights * share).sum()).astype(np.float32)
    return found


@torch.no_grad()
def run(top: Top, states: Sequence[np.ndarray], batch: int = 64) -> tuple[FloatArray, FloatArray]:
    """Vectors ``(n, hidden)`` and logits ``(n, n_labels)`` of any number of lines."""
    top.eval()
    device = next(top.parameters()).device
    vectors = np.empty((len(states), top.head.in_features), np.float32)
    logits = np.empty((len(states), top.head.out_features), np.float32)
    for rows in alike([len(one) for one in states], batch):
        padded, absent = padded_states([states[i] for i in rows])
        pair = top(padded.to(device), None if absent is None else absent.to(device))
        vectors[rows], logits[rows] = (one.float().cpu().numpy() for one in pair)
    return vectors, logits


class LineModel:
    """A text model, learnt or not: tokenizer, frozen part and learning part.

    Args:
        options: what it is.
        n_labels: its outputs.
        seed: of its first weights and its batches.
    """

    def __init__(self, options: TextOptions, n_labels: int, seed: int) -> None:
        self.options, self.seed = options, seed
        torch.set_num_threads(options.loop.threads)
        torch.manual_seed(seed)
        begin = start(options.start)
        self.about, self._tokenizer = begin.about, begin.tokenizer
        self.bottom = Bottom(begin, min(options.frozen_layers, begin.layers))
        self.top = Top(begin, options, n_labels)
        # A BERT knows so many places and no more.
        self._limit = min(options.max_tokens, self.bottom.places.num_embeddings)

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text."""
        return token_ids(self._tokenizer, texts, self._limit)

    def unknown(self, texts: Sequence[str]) -> float:
        """Share of the texts' pieces that the encoder has no vector for, in [0, 1]."""
        strange = self._tokenizer.token_to_id("[UNK]")
        pieces = [piece for ids in self.ids(texts) for piece in ids[1:-1]]
        return float(np.mean([piece == strange for piece in pieces])) if pieces else 0.0

    def fit(
        self,
        texts: Sequence[str],
        targets: np.ndarray,
        dev_texts: Sequence[str],
        dev_targets: np.ndarray,
        folder: Path,
        report: Report,
        how: How,
    ) -> list[dict[str, float]]:
        """Learn, or go on learning from ``folder/checkpoint.pt``; the figures of each epoch.

        Raises:
            RunError: see `hearfelt.training.engine.fit`.
        """
        lesson = TextLesson(
            self.top,
            self.bottom,
            self.options,
            self.seed,
            self.ids(texts),
            targets,
            self.ids(dev_texts),
            dev_targets,
        )
        return engine.fit(lesson, self.options.loop, folder, how.watchers(report, folder), how.device)

    def predict(self, texts: Sequence[str]) -> tuple[FloatArray, FloatArray]:
        """Vectors ``(n, hidden)`` and logits ``(n, n_labels)``."""
        ids = self.ids(texts)
        parts = [
            run(self.top, self.bottom.states(ids[first : first + 2048])) for first in range(0, len(ids), 2048)
        ]
        vectors, logits = (np.concatenate([part[i] for part in parts]) for i in (0, 1))
        return vectors, logits
