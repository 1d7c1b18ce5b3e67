"""A few threads that wait for answers; nobody waits for them when the program ends."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")
_Job = Callable[[], None]


class Pool:
    """Runs functions in at most ``n_workers`` threads, in the order in which they were handed in.

    Its threads are daemons, unlike those of `concurrent.futures`: an interrupted program does not hang until
    a slow server has answered.
    """

    def __init__(self, n_workers: int) -> None:
        self.n_workers = n_workers
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._n_threads = 0

    def submit(self, function: Callable[[], T]) -> Future[T]:
        """Runs a function when a thread is free; its result or exception stands in the future."""
        future: Future[T] = Future()

        def job() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(function())
            except BaseException as error:
                future.set_exception(error)

        self._jobs.put(job)
        if self._n_threads < self.n_workers:
            self._n_threads += 1
            threading.Thread(target=_work, args=(self._jobs,), daemon=True, name="hearfelt-ask").start()
        return future

    def close(self) -> None:
        """Lets the threads go once they are done with what was handed in."""
        for _ in range(self._n_threads):
            self._jobs.put(None)
        self._n_threads = 0

    def __del__(self) -> None:
        self.close()


def _work(jobs: queue.SimpleQueue[_Job | None]) -> None:
    while True:
        job = jobs.get()
        if job is None:
            return
        job()
        del job  # or the thread would keep the last recording alive
