"""Progress on standard error: a bar on a terminal, silence elsewhere; results stay on standard output."""

from __future__ import annotations

import sys
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars


class Progress:
    """A bar for the recordings and one for the seconds of the recording at hand.

    Args:
        n_recordings: how many there are.
        what: what they are.
    """

    def __init__(self, n_recordings: int, what: str = "recordings") -> None:
        self._console = Console(stderr=True)
        self._bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:.0f}/{task.total:.0f} {task.fields[unit]}"),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
            disable=not sys.stderr.isatty(),
            redirect_stdout=sys.stdout.isatty(),
        )
        self._all: TaskID | None = None
        self._one: TaskID | None = None
        self._n = n_recordings
        self._what = what

    def __enter__(self) -> Progress:
        self._bars.start()
        if self._n > 1:
            self._all = self._bars.add_task(self._what, total=self._n, unit="")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def start(self, name: str, duration_s: float | None) -> None:
        """A new recording begins."""
        if self._one is not None:
            self._bars.remove_task(self._one)
        self._one = self._bars.add_task(name, total=duration_s or 0.0, unit="s")

    def at(self, seconds: float) -> None:
        """So much of the recording is heard."""
        if self._one is not None:
            self._bars.update(self._one, completed=seconds)

    def finish(self) -> None:
        """The recording is done."""
        if self._all is not None:
            self._bars.advance(self._all)

    def say(self, sentence: str) -> None:
        """A sentence on standard error, above the bars."""
        self._console.print(sentence, markup=False, highlight=False, soft_wrap=True)
