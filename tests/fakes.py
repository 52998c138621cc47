"""Fakes of everything that remembers, kept in memory; they pass the same contract tests as the real stores.

    states = MemoryStates(); ledger = MemoryLedger(states); crm = MemoryCrm(ledger, states); quarantine = MemoryQuarantine(states)

`fail(port, "deliver", TryLater("away", shared=True))` lets the next call of one method fail, before or after its effect.
"""

from __future__ import annotations

from typing import Any

from tests.memory.alerts import MemoryAlerts
from tests.memory.circuits import MemoryCircuits
from tests.memory.crm import MemoryCrm
from tests.memory.ledger import MemoryLedger, MemoryQuarantine
from tests.memory.outgoing import MemoryOutgoingStates
from tests.memory.small import (
    CountingMeters,
    FixedClock,
    MemoryBlobs,
    MemoryConfigurations,
    MemoryQueues,
    MemorySecrets,
)
from tests.memory.states import MemorySchedule, MemoryStates
from tests.memory.subscriptions import MemoryNudges, MemorySubscriptions

__all__ = [
    "CountingMeters",
    "FixedClock",
    "MemoryAlerts",
    "MemoryBlobs",
    "MemoryCircuits",
    "MemoryConfigurations",
    "MemoryCrm",
    "MemoryLedger",
    "MemoryNudges",
    "MemoryOutgoingStates",
    "MemoryQuarantine",
    "MemoryQueues",
    "MemorySchedule",
    "MemorySecrets",
    "MemoryStates",
    "MemorySubscriptions",
    "fail",
    "fail_after",
]


def fail(port: object, method: str, error: Exception, times: int = 1) -> None:
    """Let the next calls of a method raise the error with nothing done."""
    _plant(port, method, error, times, effect=False)


def fail_after(port: object, method: str, error: Exception, times: int = 1) -> None:
    """Let the next calls of a method do their work and then raise the error: the answer is lost."""
    _plant(port, method, error, times, effect=True)


def _plant(port: object, method: str, error: Exception, times: int, *, effect: bool) -> None:
    real = getattr(port, method)
    left = times

    def broken(*given: Any, **named: Any) -> Any:
        nonlocal left
        if left == 0:
            return real(*given, **named)
        left -= 1
        if effect:
            real(*given, **named)
        raise error

    setattr(port, method, broken)
