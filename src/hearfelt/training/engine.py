"""The loop that every network shares: batches, losses, step, average, validation, checkpoint.

A checkpoint is written after every epoch, whole or not at all. A run that was killed goes on from there and
gets the same losses: all chance comes from the seed and the epoch's number, or is kept in the checkpoint.
"""

from __future__ import annotations

import itertools
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor, nn

from hearfelt.errors import RunError
from hearfelt.models.networks.base import frozen_names, learnt_state
from hearfelt.training import devices
from hearfelt.training.devices import Device
from hearfelt.training.files import write_state
from hearfelt.training.recipe import LoopOptions
from hearfelt.training.watch import Log, Watcher

CHECKPOINT = "checkpoint.pt"


@dataclass(frozen=True, eq=False)
class Step:
    """What a batch gave.

    Args:
        loss: what is minimised.
        clips: clips of the batch.
        figures: means over the batch to report, such as each loss before its weight.
    """

    loss: Tensor
    clips: int
    figures: Mapping[str, float] = field(default_factory=dict)


def load_learnt(network: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Put back what `hearfelt.models.networks.base.learnt_state` gave; frozen parameters stay as they are.

    Raises:
        RuntimeError: something else is missing, or too much.
    """
    left = network.load_state_dict(dict(state), strict=False)
    missing = set(left.missing_keys) - frozen_names(network)
    if missing or left.unexpected_keys:
        raise RuntimeError(f"it does not fit the network: {sorted([*missing, *left.unexpected_keys])[0]}")


class Lesson(nn.Module, ABC):
    """What is learnt: a network, its batches and its losses. The loop knows no more of it.

    ``forward`` turns a batch into a `Step`; it is a module so that several processes exchange its gradients.
    """

    network: nn.Module
    steps: int
    """Batches of an epoch, an upper bound."""
    judges = False
    """Whether there is a `score`."""

    @abstractmethod
    def batches(self, epoch: int) -> Iterator[Any]:
        """The batches of an epoch; the same for the same number."""

    @abstractmethod
    def forward(self, batch: Any, device: Device) -> Step:
        """The losses of a batch."""

    def rate(self, name: str) -> float:
        """How fast a parameter of the network learns, as a multiple of the learning rate."""
        return 1.0

    def score(self) -> dict[str, float]:
        """How good the network (in evaluation mode) is on clips set apart for that.

        The key ``score`` decides which epoch is the best: more is better.
        """
        raise NotImplementedError(f"{type(self).__name__} sets no clips apart")


def fit(
    lesson: Lesson, loop: LoopOptions, folder: Path, watchers: Sequence[Watcher] = (), device: str = "auto"
) -> list[dict[str, float]]:
    """Learn; afterwards ``lesson.network`` has the averaged weights and is in evaluation mode.

    Where the lesson has a score, the weights are those of the best epoch.

    Args:
        folder: gets ``checkpoint.pt`` (gone on from where present) and ``log.jsonl``, one line an epoch.
        device: see `hearfelt.training.devices.choose`.

    Returns:
        The figures of each epoch.

    Raises:
        RunError: a loss that is not finite, or a disk that is full; the last checkpoint is whole.
    """
    folder.mkdir(parents=True, exist_ok=True)
    place = devices.choose(device, loop.bf16)
    run = _Run(lesson, loop, place)
    run.restore(folder / CHECKPOINT)
    told = [Log(folder / "log.jsonl"), *watchers] if place.rank == 0 else []
    for watcher in told:
        watcher.start(loop.epochs, lesson.steps, run.history)
    for number in range(len(run.history), loop.epochs):
        if run.is_over:
            break
        figures = _epoch(run, number, folder, [watcher.step for watcher in told])
        figures |= run.judge()
        run.history.append(figures)
        if place.rank == 0:
            run.save(folder / CHECKPOINT)
        for watcher in told:
            watcher.epoch(number, run.history)
    for watcher in told:
        watcher.finish()
    place.wait()
    load_learnt(lesson.network, run.best or run.average)
    lesson.network.eval()
    return run.history


class _Run:
    """All state of a run: weights, their average, the best of them, optimiser, schedule, figures so far.

    Frozen weights, such as those of a language model of others, are neither averaged nor stored.
    """

    def __init__(self, lesson: Lesson, loop: LoopOptions, place: Device) -> None:
        self.lesson, self.loop, self.place = lesson, loop, place
        network = lesson.network
        groups = _groups(lesson, loop)
        optimizer = torch.optim.AdamW(groups, lr=loop.learning_rate)
        steps = math.ceil(math.ceil(lesson.steps / place.world) / loop.accumulate)
        total = steps * loop.epochs + 1
        total += total * loop.warm_up == 1  # of a rise that is one step long torch cannot make a slope
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, [group["lr"] for group in groups], total_steps=total, pct_start=loop.warm_up
        )
        self.prepared, self.optimizer = place.prepare(lesson, optimizer)
        self.average = {name: value.clone() for name, value in learnt_state(network).items()}
        self.best: dict[str, Tensor] = {}
        self.history: list[dict[str, float]] = []

    def step(self) -> None:
        """One update, and the running average after it."""
        self.place.clip(self.prepared, self.loop.clip_norm)
        self.optimizer.step()
        self.schedule.step()
        self.optimizer.zero_grad(set_to_none=True)
        with torch.no_grad():
            for name, value in learnt_state(self.lesson.network).items():
                if value.dtype.is_floating_point:
                    self.average[name].lerp_(value, 1 - self.loop.average)
                else:
                    self.average[name].copy_(value)

    def judge(self) -> dict[str, float]:
        """The score of the averaged weights, which are kept where they are the best so far."""
        if not self.lesson.judges:
            return {}
        network = self.lesson.network
        own = {name: value.clone() for name, value in learnt_state(network).items()}
        load_learnt(network, self.average)
        network.eval()
        with torch.no_grad():
            found = self.lesson.score()
        if found["score"] > max((epoch["score"] for epoch in self.history), default=-math.inf):
            self.best = {name: value.clone() for name, value in self.average.items()}
        load_learnt(network, own)
        return found

    @property
    def is_over(self) -> bool:
        """Whether the score has not risen for `LoopOptions.patience` epochs."""
        scores = [epoch["score"] for epoch in self.history if "score" in epoch]
        if not self.loop.patience or not scores:
            return False
        since_best: int = len(scores) - 1 - scores.index(max(scores))
        return since_best >= self.loop.patience

    def save(self, path: Path) -> None:
        state = {
            "network": learnt_state(self.lesson.network),
            "average": self.average,
            "best": self.best,
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "random": torch.get_rng_state(),
            "random_gpu": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
            "history": self.history,
        }
        write_state(path, state)

    def restore(self, path: Path) -> None:
        if not path.is_file():
            return
        try:
            state: dict[str, Any] = torch.load(path, weights_only=True)
            load_learnt(self.lesson.network, state["network"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.schedule.load_state_dict(state["schedule"])
        except (OSError, EOFError, RuntimeError, ValueError, KeyError, UnpicklingError) as error:
            why = (str(error).splitlines() or ["it is empty"])[0]
            raise RunError(f"{path} is no checkpoint of this run ({why}): remove it to begin anew") from None
        for name, value in state["average"].items():
            self.average[name].copy_(value)
        self.best = {
            name: value.to(self.average[name].device) for name, value in state.get("best", {}).items()
        }
        torch.set_rng_state(state["random"])
        if state.get("random_gpu"):
            torch.cuda.set_rng_state_all(state["random_gpu"])
        self.history = state["history"]


def _groups(lesson: Lesson, loop: LoopOptions) -> list[dict[str, Any]]:
    """The parameters that learn, by how fast they do; matrices decay, vectors do not."""
    learnt = [(lesson.rate(name), p) for name, p in lesson.network.named_parameters() if p.requires_grad]
    return [
        {
            "params": [p for own, p in learnt if own == rate and (p.ndim > 1) == matrices],
            "weight_decay": loop.weight_decay if matrices else 0.0,
            "lr": loop.learning_rate * rate,
        }
        for rate in sorted({own for own, _ in learnt})
        for matrices in (True, False)
    ]


def _epoch(
    run: _Run, number: int, folder: Path, told: Sequence[Callable[[int, float], None]]
) -> dict[str, float]:
    began = time.monotonic()
    run.lesson.network.train()
    sums: dict[str, float] = {}
    batches, done = run.place.share(run.lesson.batches(number)), 0
    while group := list(itertools.islice(batches, run.loop.accumulate)):
        for position, batch in enumerate(group):
            last = position == len(group) - 1
            step = _learn(run, batch, len(group), exchange=last)
            loss = float(step.loss.detach())
            _check(run, loss, number, done, folder)
            done += 1
            for name, value in {"loss": loss, **step.figures}.items():
                sums[name] = sums.get(name, 0.0) + value * step.clips
                sums[f"{name}|clips"] = sums.get(f"{name}|clips", 0.0) + step.clips
            for tell in told:
                tell(done, loss)
        run.step()
    return _means(run.place.sums(sums)) | {"s": time.monotonic() - began}


def _learn(run: _Run, batch: Any, parts: int, exchange: bool) -> Step:
    if not exchange:
        with run.place.alone(run.prepared):
            return _learn(run, batch, parts, exchange=True)
    step: Step = run.prepared(run.place.place(batch), run.place)
    run.place.backward(step.loss if parts == 1 else step.loss / parts)
    return step


def _check(run: _Run, loss: float, number: int, batch: int, folder: Path) -> None:
    """Stop before weights that are not numbers are learnt from or saved."""
    bad = run.place.sums({"bad": float(not math.isfinite(loss))})["bad"]
    if bad:
        kept = folder / CHECKPOINT
        state = f"{kept} holds the run up to epoch {number}" if kept.is_file() else "nothing was saved yet"
        raise RunError(
            f"the loss of epoch {number + 1}, batch {batch + 1} is {loss}: set loop.learning_rate lower than "
            f"{run.loop.learning_rate:g}, or look for broken clips; {state}"
        )


def _means(sums: Mapping[str, float]) -> dict[str, float]:
    names = [name for name in sums if not name.endswith("|clips")]
    means = {name: sums[name] / sums[f"{name}|clips"] for name in names}
    return means | {"clips": int(sums["loss|clips"])}
