"""Number every call that a flow makes on a port, and let one of them go wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache, partial
from typing import Any

from email_router.core.errors import ConfigurationError, MailboxBlocked, MessageRefused, TryLater
from tests.fakes import FixedClock

LEASE = 331
"""Seconds after which a lease has run out."""


class Fault(StrEnum):
    """What goes wrong at one call."""

    DIES_BEFORE = "the worker dies before the call"
    DIES_AFTER = "the worker dies after the call"
    AWAY = "the port is away"
    ANSWER_LOST = "the port does it and its answer is lost"
    BLOCKED = "the port refuses this mailbox"
    MISCONFIGURED = "the port finds its configuration wrong"
    REFUSED = "the CRM refuses the message"
    DOUBLED = "another worker starts at the same time"
    OVERTAKEN = "another worker takes over while this one sleeps"
    CLOCK_FORWARD = "the clock jumps an hour ahead"
    CLOCK_BACK = "the clock jumps two minutes back"


class Killed(BaseException):
    """What the end of a process looks like from inside."""


_EVERYWHERE = (
    Fault.DIES_BEFORE,
    Fault.DIES_AFTER,
    Fault.DOUBLED,
    Fault.OVERTAKEN,
    Fault.CLOCK_FORWARD,
    Fault.CLOCK_BACK,
)
_JUMPS = {Fault.CLOCK_FORWARD: 3600.0, Fault.CLOCK_BACK: -120.0}


@cache
def faults_of(site: str) -> tuple[Fault, ...]:
    """Return what can go wrong at a call: what its port's contract admits."""
    port, _, method = site.partition(".")
    found: tuple[Fault, ...] = _EVERYWHERE
    if not method.startswith("close"):
        found += (Fault.AWAY,)
        if site != "sender.send":  # its promise: an error means that nothing was handed over
            found += (Fault.ANSWER_LOST,)
        if port in {"source", "sender", "crm"}:
            found += (Fault.BLOCKED,)
        if port in {"source", "sender"}:
            found += (Fault.MISCONFIGURED,)
    return (*found, Fault.REFUSED) if site == "crm.deliver" else found


@dataclass
class Seam:
    """All calls pass through here: `calls` names them in order, `planted` says which of them goes wrong and how."""

    clock: FixedClock
    planted: Mapping[int, Fault] = field(default_factory=dict)
    takes_over: Callable[[], None] = lambda: None
    sleeps: float = LEASE
    calls: list[str] = field(default_factory=list)
    silent: bool = False
    dead: bool = False
    _refused: str | None = None

    def port(self, name: str, port: object) -> Any:
        """Return the port with every call on it numbered."""
        return _Port(self, name, port)

    def call(self, site: str, act: Callable[..., Any], *given: Any, **named: Any) -> Any:
        """Make one call, or let it go wrong."""
        if self.silent:
            return act(*given, **named)
        if self.dead:
            raise Killed(site)
        fault = self.planted.get(len(self.calls))
        fault = fault if fault in faults_of(site) else None
        self.calls.append(site)
        self._before(site, fault, given)
        answer = act(*given, **named)
        if isinstance(answer, Iterator):
            answer = self._steps(f"{site} next", answer)
        self._after(site, fault)
        return answer

    def mend(self) -> None:
        """End what lasts: another worker comes, and the CRM takes what it refused."""
        self.dead = False
        self._refused = None

    def _steps(self, site: str, answer: Iterator[Any]) -> Iterator[Any]:
        end = object()
        while (one := self.call(site, next, answer, end)) is not end:
            yield one

    def _before(self, site: str, fault: Fault | None, given: tuple[Any, ...]) -> None:
        if fault is Fault.DIES_BEFORE:
            self.dead = True  # until the step's end: no farewell is said
            raise Killed(site)
        if fault is Fault.AWAY:
            raise TryLater(f"{site} is away", shared=True)
        if fault is Fault.BLOCKED:
            raise MailboxBlocked(f"{site} refuses the mailbox", kind="blocked")
        if fault is Fault.MISCONFIGURED:
            raise ConfigurationError(f"{site} is misconfigured")
        if fault in {Fault.DOUBLED, Fault.OVERTAKEN}:
            self._other_worker(self.sleeps if fault is Fault.OVERTAKEN else 0)
        self.clock.advance(_JUMPS.get(fault, 0.0) if fault else 0.0)
        if fault is Fault.REFUSED:
            self._refused = given[0][0].claim.key
        if site == "crm.deliver" and any(one.claim.key == self._refused for one in given[0]):
            raise MessageRefused("the CRM refuses this message", kind="validation")

    def _after(self, site: str, fault: Fault | None) -> None:
        if fault is Fault.DIES_AFTER:
            self.dead = True
            raise Killed(site)
        if fault is Fault.ANSWER_LOST:
            raise TryLater(f"{site} did not answer", shared=True)

    def _other_worker(self, slept: float) -> None:
        self.clock.advance(slept)
        self.silent = True
        try:
            self.takes_over()
        finally:
            self.silent = False


class _Port:
    def __init__(self, seam: Seam, name: str, port: object) -> None:
        self._seam = seam
        self._name = name
        self._port = port

    def __getattr__(self, method: str) -> Any:
        found = getattr(self._port, method)
        return partial(self._seam.call, f"{self._name}.{method}", found) if callable(found) else found
