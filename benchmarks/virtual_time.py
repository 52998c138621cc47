"""A virtual time: no second of it passes in earnest."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count


class VirtualTime:
    """A clock, and what is to happen when.

    What happens is played to its end at once.  As far as it `wait`s it is ahead of all others, to whom the clock shows their own time.
    """

    def __init__(self, start: datetime) -> None:
        self.seconds = 0.0
        self._start = start
        self._now = start
        self._coming: list[tuple[float, int, Callable[[], object]]] = []
        self._numbers = count()

    def now(self) -> datetime:
        """Return the instant."""
        return self._now

    def at(self, seconds: float, act: Callable[[], object]) -> None:
        """Let something happen so many seconds after the start; what is due at one moment happens in the order in which it was asked for."""
        heapq.heappush(self._coming, (seconds, next(self._numbers), act))

    def wait(self, seconds: float) -> None:
        """Let time pass for what is happening now."""
        self._set(self.seconds + seconds)

    def run(self, until: float) -> None:
        """Let everything happen that is due by then."""
        while self._coming and self._coming[0][0] <= until:
            at, _, act = heapq.heappop(self._coming)
            self._set(at)
            act()
        self._set(until)

    def _set(self, seconds: float) -> None:
        self.seconds = seconds
        self._now = self._start + timedelta(seconds=seconds)
