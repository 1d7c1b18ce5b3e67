"""Who is told how a run goes: a file of figures, lines, progress bars, TensorBoard."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from hearfelt.errors import MissingExtraError, unknown_name
from hearfelt.training.files import atomic

Report = Callable[[str], None]
History = Sequence[Mapping[str, float]]
DEVICES = ("auto", "cpu", "accelerate")


def say(line: str) -> None:
    """A `Report`: one line of progress, with the time, on standard error."""
    print(time.strftime("%H:%M:%S"), line, file=sys.stderr, flush=True)


def silent(line: str) -> None:
    """A `Report` to nobody."""


def named(report: Report, name: str) -> Report:
    """A report whose lines begin with a name."""
    return lambda line: report(f"{name}: {line}")


class Watcher(Protocol):
    """One who is told."""

    def start(self, epochs: int, steps: int, history: History) -> None:
        """Learning begins, or goes on after the epochs of ``history``."""
        ...

    def step(self, done: int, loss: float) -> None:
        """A batch of the current epoch was learnt from: the ``done``-th."""
        ...

    def epoch(self, number: int, history: History) -> None:
        """An epoch, counted from 0, is over; its figures are the last of ``history``."""
        ...

    def finish(self) -> None:
        """Learning is over."""
        ...


class Silent:
    """Hears everything and does nothing; others override what they care for."""

    def start(self, epochs: int, steps: int, history: History) -> None:
        """See `Watcher`."""

    def step(self, done: int, loss: float) -> None:
        """See `Watcher`."""

    def epoch(self, number: int, history: History) -> None:
        """See `Watcher`."""

    def finish(self) -> None:
        """See `Watcher`."""


class Log(Silent):
    """``log.jsonl``: the figures of each epoch, one JSON object a line."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def epoch(self, number: int, history: History) -> None:
        with atomic(self.path) as part:
            part.write_text("".join(json.dumps(figures) + "\n" for figures in history), encoding="utf-8")


class Lines(Silent):
    """A line an epoch, with the figures and the time left."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.left = TimeLeft()

    def start(self, epochs: int, steps: int, history: History) -> None:
        self.left.start(epochs, len(history))
        if history:
            self.report(f"goes on after epoch {len(history)}/{epochs}")

    def epoch(self, number: int, history: History) -> None:
        left = self.left.after(number + 1)
        shown = figures(history[-1])
        self.report(f"epoch {number + 1}/{self.left.epochs} {shown}, {span(left)} left")


class TimeLeft:
    """Seconds left, if the epochs to come take as long as those since the start."""

    def start(self, epochs: int, done: int) -> None:
        """``done`` of ``epochs`` are over."""
        self.epochs, self._first, self._began = epochs, done, time.monotonic()

    def after(self, done: int) -> float:
        """When ``done`` epochs are over."""
        each = (time.monotonic() - self._began) / max(1, done - self._first)
        return each * (self.epochs - done)


class Parts:
    """A run of parts that have no epochs, such as folds of a classical model: how many are left, how long.

    Args:
        what: what is done, for a bar.
        count: how many parts there are.
        bars: draw a bar (for a terminal), with the lines above it.
    """

    def __init__(self, what: str, count: int, report: Report, bars: bool) -> None:
        self._report, self._count, self._done = report, count, 0
        self._left = TimeLeft()
        self._left.start(count, 0)
        self._bar = Bars(what) if bars and count else None
        if self._bar:
            self._bar.start(count, 1, ())

    def __enter__(self) -> Parts:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.finish()

    def done(self, line: str) -> None:
        """One more part is over; the line tells what came of it."""
        self._done += 1
        left = f", {span(self._left.after(self._done))} left" if self._done < self._count else ""
        self._report(line + left)
        if self._bar:
            self._bar.step(self._done, 0.0)


def span(seconds: float) -> str:
    """A length of time for people: 40 s, 3.5 min, 2.1 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


class Bars(Silent):
    """A bar over the batches of all epochs with the time left, on a terminal."""

    def __init__(self, name: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self.name = name
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:3.0f} %"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[figures]}"),
            console=Console(stderr=True),
        )

    def start(self, epochs: int, steps: int, history: History) -> None:
        self._epochs, self._steps = epochs, steps
        self._bars.start()
        self._task = self._bars.add_task(self.name, total=epochs * steps, figures="")
        self._bars.update(self._task, completed=len(history) * steps)
        self._done = len(history)

    def step(self, done: int, loss: float) -> None:
        self._bars.update(self._task, completed=self._done * self._steps + done)

    def epoch(self, number: int, history: History) -> None:
        self._done = number + 1
        shown = f"epoch {number + 1}/{self._epochs} {figures(history[-1])}"
        self._bars.update(self._task, completed=self._done * self._steps, figures=shown)

    def finish(self) -> None:
        self._bars.stop()


class TensorBoard(Silent):
    """The figures as curves in ``folder/tensorboard``; show them by ``tensorboard --logdir FOLDER``.

    Raises:
        MissingExtraError: tensorboard is not installed.
    """

    def __init__(self, folder: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise MissingExtraError("--tensorboard", "tensorboard", "train") from None
        self._make: Callable[..., Any] = SummaryWriter
        self.folder = folder / "tensorboard"

    def start(self, epochs: int, steps: int, history: History) -> None:
        # What a killed run had written beyond its last checkpoint is not shown.
        self._writer = self._make(str(self.folder), purge_step=len(history) + 1)

    def epoch(self, number: int, history: History) -> None:
        for name, value in history[-1].items():
            self._writer.add_scalar(name, value, number + 1)
        self._writer.flush()

    def finish(self) -> None:
        self._writer.close()


@dataclass(frozen=True)
class How:
    """How a run is done and shown; nothing here changes what is learnt.

    Args:
        device: see `hearfelt.training.devices.choose`.
        tensorboard: write curves for TensorBoard beside each checkpoint.
        bars: draw progress bars (for a terminal) instead of writing a line an epoch.
        workers: processes that measure clips.
    """

    device: str = "auto"
    tensorboard: bool = False
    bars: bool = False
    workers: int = 1

    def __post_init__(self) -> None:
        if self.device not in DEVICES:
            raise unknown_name("device", self.device, DEVICES)

    def watchers(self, report: Report, folder: Path) -> list[Watcher]:
        """Who is told of the learning in a folder."""
        told: list[Watcher] = [Bars("/".join(folder.parts[-2:])) if self.bars else Lines(report)]
        return [*told, TensorBoard(folder)] if self.tensorboard else told


def figures(epoch: Mapping[str, float]) -> str:
    """The figures of an epoch in one line."""
    return " ".join(
        f"{name} {value:.4f}" if isinstance(value, float) else f"{name} {value}"
        for name, value in epoch.items()
        if name not in ("s", "clips")
    )
