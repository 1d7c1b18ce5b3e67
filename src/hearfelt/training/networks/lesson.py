"""The lesson of a network with tasks: its losses, each weighted and reported, and its score."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from hearfelt.models.networks import base, heads, losses, table
from hearfelt.models.networks.base import EmotionNetwork
from hearfelt.models.networks.functionals import FunctionalOptions
from hearfelt.models.networks.heads import STEP_LENGTHS, Task
from hearfelt.training import engine, inner, inputs
from hearfelt.training.devices import Device
from hearfelt.training.engine import Step
from hearfelt.training.networks import scores, targets
from hearfelt.training.networks.material import Batch, Material, Teaching, padded
from hearfelt.training.networks.recipe import NetworkRecipe
from hearfelt.training.watch import How, Report

Answers = dict[str, npt.NDArray[Any]]
"""By task: logits ``(n, n_labels)``, ratings ``(n, n_dimensions)``, or texts ``(n,)``."""

_MEASURED = 400
"""Clips from which a network takes the statistics of its input."""


def build(recipe: NetworkRecipe, tasks: Sequence[Task], n_functionals: int = 0) -> EmotionNetwork:
    """The untrained network of a recipe.

    Raises:
        OptionError: an unknown network or option.
    """
    choice = recipe.network
    trunk = table.build(choice.kind, recipe.features.n_mels, **choice.options)
    fused = FunctionalOptions(n_functionals, fusion=choice.functionals) if choice.functionals else None
    return EmotionNetwork(trunk, tasks, dropout=choice.dropout, functionals=fused)


def hears_waveform(recipe: NetworkRecipe) -> bool:
    """Whether the trunk of a recipe takes sounds instead of log-mels."""
    kind = recipe.network.kind
    table.options_of(kind, **recipe.network.options)
    return table.NETWORKS[kind][1].input == "waveform"


def learn(
    recipe: NetworkRecipe,
    material: Material,
    indices: Sequence[int],
    folder: Path,
    report: Report,
    how: How | None = None,
) -> EmotionNetwork:
    """Learn from the clips at ``indices``; the network with averaged weights, in evaluation mode.

    Args:
        recipe: its tasks name their labels (`targets.named`).
        folder: gets ``checkpoint.pt`` (gone on from where present) and ``log.jsonl``.

    Raises:
        CorpusError: a task of which these clips teach nothing.
        RunError: see `hearfelt.training.engine.fit`.
    """
    how = how or How()
    tasks = targets.resolve(recipe.tasks, [material.examples[i] for i in indices])
    torch.set_num_threads(recipe.loop.threads)
    torch.manual_seed(recipe.seed)
    network = build(recipe, tasks, material.clips.functionals.shape[1])
    learnt, judged = list(indices), list[int]()
    if recipe.loop.patience:
        learnt, judged = inner.split(material.examples, indices, recipe.loop.validation, recipe.seed)
    _measure(network, material, learnt, recipe.seed)
    lesson = TaskLesson(network, Teaching(recipe, tasks, material, learnt), judged)
    engine.fit(lesson, recipe.loop, folder, how.watchers(report, folder), how.device)
    return network


def _measure(network: EmotionNetwork, material: Material, indices: Sequence[int], seed: int) -> None:
    random = np.random.default_rng(seed)
    sample = random.choice(indices, min(len(indices), _MEASURED), replace=False).tolist()
    fused = material.functionals(indices) if network.fusion is not None else None
    if material.waveform:
        x, lengths = padded([material.heard(i) for i in sample[:1]])
    else:
        x, lengths = inputs.pad([material.heard(i) for i in sample])
    network.measure(x, lengths, fused)


class TaskLesson(engine.Lesson):
    """Any trunk on any tasks."""

    def __init__(self, network: EmotionNetwork, teaching: Teaching, judged: Sequence[int] = ()) -> None:
        super().__init__()
        self.network: EmotionNetwork = network
        self.teaching, self.judged = teaching, list(judged)
        self.steps, self.judges = teaching.steps, bool(judged)

    def batches(self, epoch: int) -> Iterator[Batch]:
        return self.teaching.batches(epoch)

    def forward(self, batch: Batch, device: Device) -> Step:
        fused = () if batch.functionals is None else (batch.functionals,)
        with device.autocast():
            answers = self.network(batch.x, batch.lengths, *fused)
        mixed = losses.Mixed(batch.other_targets, batch.share, batch.other_allowed)
        allowed = {name: _wide(batch.allowed[name], answers[name]) for name in batch.allowed}
        mixed = losses.Mixed(
            mixed.targets,
            mixed.share,
            {name: _wide(value, answers[name]) for name, value in mixed.allowed.items()},
        )
        found, reported = losses.total(
            answers, batch.targets, self.network.tasks, allowed=allowed, mixed=mixed
        )
        # A batch without a single target gives no gradient; the loop still wants a graph.
        anchor = sum(answers[task.name].float().sum() for task in self.network.tasks) * 0.0
        figures = {f"loss_{name}": value for name, value in reported.items()}
        return Step(found + anchor, len(batch.lengths), figures)

    def score(self) -> dict[str, float]:
        """How good the first task is on the clips set apart."""
        task = self.network.tasks[0]
        found = answers(self.network, self.teaching.material, self.judged)
        truth = {name: values[self.judged] for name, values in self.teaching.targets.items()}
        figures = scores.of(task, found[task.name], truth[task.name])
        return {"score": scores.best(task, figures)}


def _wide(allowed: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    """Labels that no training clip has are allowed to none."""
    missing = logits.shape[1] - allowed.shape[1]
    return torch.nn.functional.pad(allowed, (0, missing)) if missing else allowed


@torch.no_grad()
def answers(network: EmotionNetwork, material: Material, indices: Sequence[int], batch: int = 32) -> Answers:
    """What a network says of the clips at ``indices``, whole, in order."""
    order = sorted(range(len(indices)), key=lambda i: material.size(indices[i]))
    found: dict[str, list[Any]] = {task.name: [None] * len(indices) for task in network.tasks}
    device = next(network.parameters()).device
    for first in range(0, len(order), batch):
        part = order[first : first + batch]
        heard = [material.heard(indices[i]) for i in part]
        x, lengths = padded(heard) if material.waveform else inputs.pad(heard)
        given = [x.to(device), lengths.to(device)]
        if network.fusion is not None:
            given.append(material.functionals([indices[i] for i in part]).to(device))
        said = network(*given)
        for task in network.tasks:
            for row, value in zip(part, _plain(task, said), strict=True):
                found[task.name][row] = value
    return {name: np.array(values) for name, values in found.items()}


def _plain(task: Task, said: dict[str, torch.Tensor]) -> list[Any]:
    if task.kind == "ctc":
        return heads.decode(task, said[task.name].cpu(), said[STEP_LENGTHS].cpu())
    return list(said[task.name].float().cpu().numpy())


learnt_state = base.learnt_state
