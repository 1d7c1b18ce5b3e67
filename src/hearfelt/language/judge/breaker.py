"""A circuit breaker: who fails again and again is left alone for a while, then tried once.

Closed, open and half-open as in M. Nygard: Release it! Pragmatic Bookshelf 2007, chapter 5.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Breaker:
    """Says whether somebody may be asked; safe to use from several threads.

    Args:
        max_failures: after so many failures in a row it opens.
        pause_s: so long it stays open; then one question may try again.
        clock: seconds of a clock that never goes back.
    """

    def __init__(
        self, max_failures: int = 3, pause_s: float = 30.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.max_failures, self.pause_s = max_failures, pause_s
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._opened_at: float | None = None
        self._trying = False

    @property
    def state(self) -> str:
        """``closed`` (all may ask), ``open`` (nobody may) or ``half-open`` (one may, or does)."""
        with self._lock:
            if self._opened_at is None:
                return "closed"
            return "half-open" if self._trying or self._rested() else "open"

    @property
    def failures(self) -> int:
        """How many failures there were in a row."""
        return self._failures

    def allows(self) -> bool:
        """Whether the next question may be asked; whoever gets a yes tells how it went."""
        with self._lock:
            if self._opened_at is None:
                return True
            if self._trying or not self._rested():
                return False
            self._trying = True
            return True

    def succeeded(self) -> None:
        """An answer came: all may ask."""
        self.reset()

    def failed(self) -> None:
        """No answer came."""
        with self._lock:
            self._failures += 1
            if self._trying or self._failures >= self.max_failures:
                self._opened_at, self._trying = self._clock(), False

    def unasked(self) -> None:
        """Whoever got a yes did not ask after all."""
        with self._lock:
            self._trying = False

    def reset(self) -> None:
        """Forgets all failures."""
        with self._lock:
            self._failures, self._opened_at, self._trying = 0, None, False

    def _rested(self) -> bool:
        return self._opened_at is not None and self._clock() - self._opened_at >= self.pause_s
