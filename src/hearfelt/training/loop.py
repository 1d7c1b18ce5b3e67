"""The training loop, from top to bottom: batches, loss, step, average, checkpoint.

A checkpoint is written after every epoch. A run that was killed goes on from there and gets the same losses.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hearfelt.errors import CorpusError, ModelError
from hearfelt.models.neural import NetworkOptions, VoiceNetwork, ccc_loss, masked_cross_entropy
from hearfelt.training import inputs
from hearfelt.training.files import atomic
from hearfelt.training.inputs import Batch, Clips
from hearfelt.training.recipe import LoopOptions, Recipe
from hearfelt.types import FloatArray

Report = Callable[[str], None]


def build(recipe: Recipe) -> VoiceNetwork:
    """The untrained network of a recipe."""
    options = NetworkOptions(n_mels=recipe.features.n_mels, **dataclasses.asdict(recipe.network))
    return VoiceNetwork(options, len(recipe.data.labels))


def train(
    recipe: Recipe,
    clips: Clips,
    indices: Sequence[int],
    folder: Path,
    report: Report,
    start: Start | None = None,
) -> VoiceNetwork:
    """Learn from the clips at ``indices``; the network with averaged weights, in evaluation mode.

    Args:
        folder: gets ``checkpoint.pt`` (resumed from where present) and ``log.jsonl``, one line an epoch.
        report: told after every epoch, in one line with the time left.
        start: where learning begins; random weights where None.

    Raises:
        CorpusError: the recipe asks for dimensions, and fewer than two of the clips were rated.
        ModelError: ``start`` is a network of another shape.
    """
    _check_ratings(recipe, clips, indices)
    torch.set_num_threads(recipe.loop.threads)
    torch.manual_seed(recipe.seed)
    folder.mkdir(parents=True, exist_ok=True)
    network = build(recipe)
    if start is not None:
        _begin(network, recipe.data.labels, start)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    _measure_front(network, clips, indices, recipe.seed)
    run = _Run(network, recipe, _steps(clips, indices, recipe))
    run.restore(folder / "checkpoint.pt")
    began = time.monotonic()
    first = len(run.history)
    for number in range(first, recipe.loop.epochs):
        figures = _epoch(run, clips, indices, number)
        run.history.append(figures)
        run.save(folder / "checkpoint.pt")
        _log(folder / "log.jsonl", run.history)
        left = (time.monotonic() - began) / (number + 1 - first) * (recipe.loop.epochs - number - 1)
        report(
            f"epoch {number + 1}/{recipe.loop.epochs} loss {figures['loss']:.4f} "
            f"accuracy on what it learns {figures['accuracy']:.3f}, {left / 60:.1f} min left"
        )
    network.load_state_dict(run.average)
    network.eval()
    return network


@dataclass(frozen=True)
class Start:
    """A trained network whose weights are where another begins.

    Args:
        path: its ``network.pt``.
        labels: its labels. The outputs of labels that both know begin as they were, others by chance.
    """

    path: Path
    labels: tuple[str, ...]


def _begin(network: VoiceNetwork, labels: Sequence[str], start: Start) -> None:
    """The weights of ``start``; the front end is measured anew afterwards, on the clips at hand."""
    try:
        state = torch.load(start.path, weights_only=True)
        weight, bias = network.head.weight.detach().clone(), network.head.bias.detach().clone()
        for row, label in enumerate(labels):
            if label in start.labels:
                weight[row] = state["head.weight"][start.labels.index(label)]
                bias[row] = state["head.bias"][start.labels.index(label)]
        network.load_state_dict(state | {"head.weight": weight, "head.bias": bias})
    except (OSError, RuntimeError, KeyError) as error:
        raise ModelError(
            f"{start.path} is no network that this one can start from ({error}): train it first, by a recipe "
            "with the same [network]"
        ) from None


class _Run:
    """All state of a run: weights, their average, optimiser, schedule, losses so far."""

    def __init__(self, network: VoiceNetwork, recipe: Recipe, steps: int) -> None:
        loop = recipe.loop
        self.network, self.recipe = network, recipe
        decayed = [p for p in network.parameters() if p.ndim > 1]
        plain = [p for p in network.parameters() if p.ndim <= 1]
        groups = [
            {"params": decayed, "weight_decay": loop.weight_decay},
            {"params": plain, "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=loop.learning_rate)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, loop.learning_rate, total_steps=steps * loop.epochs + 1, pct_start=loop.warm_up
        )
        self.average = {name: value.clone() for name, value in network.state_dict().items()}
        self.history: list[dict[str, float]] = []

    def step(self, loss: Tensor) -> None:
        """One update, and the running average after it."""
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.loop.clip_norm)
        self.optimizer.step()
        self.schedule.step()
        with torch.no_grad():
            for name, value in self.network.state_dict().items():
                if value.dtype.is_floating_point:
                    self.average[name].lerp_(value, 1 - self.recipe.loop.average)
                else:
                    self.average[name].copy_(value)

    def save(self, path: Path) -> None:
        state = {
            "network": self.network.state_dict(),
            "average": self.average,
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "random": torch.get_rng_state(),
            "history": self.history,
        }
        with atomic(path) as part:
            torch.save(state, part)

    def restore(self, path: Path) -> None:
        if not path.is_file():
            return
        state: dict[str, Any] = torch.load(path, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.average = state["average"]
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        torch.set_rng_state(state["random"])
        self.history = state["history"]


def _epoch(run: _Run, clips: Clips, indices: Sequence[int], number: int) -> dict[str, float]:
    began = time.monotonic()
    run.network.train()
    losses, hits, count = 0.0, 0, 0
    for batch in inputs.epoch(clips, indices, run.recipe, number):
        with torch.autocast("cpu", torch.bfloat16, enabled=run.recipe.loop.bf16):
            logits, rated = run.network.answers(batch.logmel, batch.lengths)
        loss = _loss(logits, rated, batch, run.recipe.loop)
        run.step(loss)
        losses += float(loss.detach()) * len(batch.lengths)
        known = logits.detach().float().masked_fill(~batch.allowed, float("-inf"))
        hits += int((known.argmax(dim=1) == batch.targets).sum())
        count += len(batch.lengths)
    return {"loss": losses / count, "accuracy": hits / count, "clips": count, "s": time.monotonic() - began}


def _loss(logits: Tensor, rated: Tensor | None, batch: Batch, loop: LoopOptions) -> Tensor:
    own = _clip_loss(logits, batch.targets, batch.allowed, loop)
    other = _clip_loss(logits, batch.other_targets, batch.other_allowed, loop)
    loss = (batch.share * own + (1 - batch.share) * other).mean()
    return loss if rated is None else loss + loop.dimension_weight * ccc_loss(rated, batch.dimensions)


def _clip_loss(logits: Tensor, targets: Tensor, allowed: Tensor, loop: LoopOptions) -> Tensor:
    """Cross-entropy of each clip over its corpus' labels, and in part over all of them."""
    loss = masked_cross_entropy(logits, targets, allowed, loop.smoothing)
    if not loop.absent:
        return loss
    over_all = masked_cross_entropy(logits, targets, torch.ones_like(allowed), loop.smoothing)
    return (1 - loop.absent) * loss + loop.absent * over_all


def _check_ratings(recipe: Recipe, clips: Clips, indices: Sequence[int]) -> None:
    """A head that learnt nothing must not pass for a trained one."""
    if not recipe.network.dimensions:
        return
    counts = np.isfinite(clips.dimensions[list(indices)]).sum(axis=0)
    for name, count in zip(("arousal", "valence", "dominance"), counts.tolist(), strict=True):
        if count < 2:
            raise CorpusError(
                f"{count} clips have a rating of {name}, at least 2 are needed to learn it: add the column "
                f"{name} to the manifest, or set dimensions = false in the recipe"
            )


def _steps(clips: Clips, indices: Sequence[int], recipe: Recipe) -> int:
    """Batches of an epoch, an upper bound."""
    count = len(inputs.draw(clips, indices, recipe.data, np.random.default_rng(0)))
    return -(-count // recipe.loop.batch) + 1


def _measure_front(network: VoiceNetwork, clips: Clips, indices: Sequence[int], seed: int) -> None:
    random = np.random.default_rng(seed)
    sample = random.choice(indices, min(len(indices), 400), replace=False)
    logmel, lengths = inputs.pad([clips.logmel(int(i)) for i in sample])
    mask = (torch.arange(logmel.shape[1])[None, :] < lengths[:, None]).float()[:, :, None]
    network.front.measure(logmel, mask)


def _log(path: Path, history: Sequence[dict[str, float]]) -> None:
    with atomic(path) as part:
        part.write_text("".join(json.dumps(figures) + "\n" for figures in history), encoding="utf-8")


@torch.no_grad()
def logits(network: VoiceNetwork, clips: Clips, indices: Sequence[int], batch: int = 32) -> FloatArray:
    """Logits of the clips at ``indices``, shape ``(len(indices), n_labels)``, in float32 and whole length."""
    order = sorted(range(len(indices)), key=lambda i: clips.length(indices[i]))
    found = np.empty((len(indices), len(clips.labels)), dtype=np.float32)
    for first in range(0, len(order), batch):
        part = order[first : first + batch]
        logmel, lengths = inputs.pad([clips.logmel(indices[i]) for i in part])
        found[part] = network(logmel, lengths).float().numpy()
    return found
