"""The simulators that run for these tests, and what was said to them that nobody has held to its description yet."""

from __future__ import annotations

import contextlib
from typing import Any, Protocol

Row = tuple[str, dict[str, Any]]


class Simulator(Protocol):
    """A simulator that keeps what is said; `speaks` is graph or ews."""

    speaks: str

    def said(self) -> list[dict[str, Any]]:
        """Return what was said since the last call; the first call begins."""


class Watch:
    """Asleep outside the tests: nothing is kept then."""

    def __init__(self) -> None:
        self.awake = False
        self._running: list[Simulator] = []
        self._left: list[Row] = []

    def began(self, simulator: Simulator) -> None:
        """A simulator listens."""
        if self.awake:
            with contextlib.suppress(OSError):  # one whose certificate is wrong on purpose is never talked to
                simulator.said()
                self._running.append(simulator)

    def ends(self, simulator: Simulator) -> None:
        """A simulator is about to stop: what it kept is kept here."""
        if simulator in self._running:
            self._running.remove(simulator)
            with contextlib.suppress(OSError):  # it may have been killed
                self._left += [(simulator.speaks, row) for row in simulator.said()]

    def take(self) -> list[Row]:
        """Return everything that nobody has taken yet."""
        taken, self._left = self._left, []
        for simulator in self._running:
            with contextlib.suppress(OSError):
                taken += [(simulator.speaks, row) for row in simulator.said()]
        return taken


watch = Watch()
