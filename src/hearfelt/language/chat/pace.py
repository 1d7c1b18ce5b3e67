"""No more requests a minute than a server allows."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from hearfelt.errors import OptionError


class Pace:
    """Lets at most so many requests begin within any minute; whoever comes too early waits, in any thread.

    Args:
        per_minute: how many; None sets no limit.

    Raises:
        OptionError: it is below 1.
    """

    def __init__(
        self,
        per_minute: int | None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if per_minute is not None and per_minute < 1:
            raise OptionError(f"{per_minute} requests a minute are none; allow at least 1, or set no limit")
        self._starts: deque[float] | None = None if per_minute is None else deque(maxlen=per_minute)
        self._clock, self._sleep = clock, sleep
        self._lock = threading.Lock()

    def wait(self) -> float:
        """Waits for one's turn; how many seconds that took."""
        if self._starts is None:
            return 0.0
        with self._lock:  # a place is taken under the lock and waited for outside it
            now = self._clock()
            full = len(self._starts) == self._starts.maxlen
            start = max(now, self._starts[0] + 60.0) if full else now
            self._starts.append(start)
        if start > now:
            self._sleep(start - now)
        return start - now
