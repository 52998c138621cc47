"""Note how a road is taken, step by step, and at which one it ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from email_router.core.access_steps import Certificate, Host, Stage, Step, StepName, StepStatus
from email_router.core.errors import RouterError

_KEPT = "the token was got before and is kept"
_SAME = "the line to the token's host is used: both are the same"
_WAY = frozenset({StepName.RESOLVE, StepName.CONNECT, StepName.TLS})
_RESOLVING = frozenset({"host_unknown", "network_denied"})
_OF_NO_STEP = frozenset({"configuration", "served_twice", "not_available"})
"""What ends a road before it begins."""


class Course:
    """A road that is being taken: the witness of its connections.

    A step's time is what passed since the one before ended, so that all of them together are the whole.  What is told a second time (a line
    that is opened anew) is not noted, and its time counts for the step that follows.
    """

    looks_at = ""

    def __init__(self, stages: Sequence[Stage], seconds: Callable[[], float]) -> None:
        """Take the steps that the road has before it, and a clock that never goes back (seconds)."""
        self._stages = tuple(stages)
        self._steps: dict[int, Step] = {}
        self._next = 0
        self._seconds = seconds
        self._since = seconds()
        self._token = ""
        self.host = ""
        """The host that was spoken to last."""

    def resolving(self, host: str) -> None:
        """Note that a host is looked up now: what went before (programs loaded, secrets fetched) counts for no step."""
        self.host = host
        if self._reached(StepName.RESOLVE) is not None:
            self._since = self._seconds()

    def resolved(self, host: str, addresses: Sequence[tuple[str, str]]) -> None:
        """Note the addresses of a host, each with why the router may connect to it."""
        told = ", ".join(f"{address} ({why})" for address, why in addresses)
        self._note(StepName.RESOLVE, f"{host} is {told}")

    def connected(self, host: str, port: int, address: str) -> None:
        """Note a connection to one of the addresses."""
        self._note(StepName.CONNECT, f"{host}:{port} at {address}")

    def secured(self, certificate: Certificate) -> None:
        """Note a server that has proven who it is."""
        self._note(StepName.TLS, certificate=certificate)

    def left_out(self, name: StepName, why: str) -> None:
        """Note a step that is not taken, and why."""
        self._note(name, why, status=StepStatus.NOT_ASKED)

    def presented(self, certificate: Certificate) -> None:
        """Note the certificate that was refused, at the step that failed."""
        self._steps = {
            index: replace(one, certificate=certificate) if one.error else one for index, one in self._steps.items()
        }

    def granted(self, words: str) -> None:
        """Note a token: it is the login itself, or what the login is made with."""
        if self._reached(StepName.AUTHENTICATE, Host.TOKEN) is not None:
            self._note(StepName.AUTHENTICATE, words)
            return
        self._token = self._token or words
        while self._next < len(self._stages) and self._stages[self._next].host is Host.TOKEN:
            self._next += 1

    def authenticated(self, words: str) -> None:
        """Note a login; the words say who by which method."""
        if self._reached(StepName.AUTHENTICATE, Host.SERVER) is not None:
            self._note(StepName.AUTHENTICATE, f"{words}, {self._token}" if self._token else words)

    def done(self, name: StepName, seen: str) -> None:
        """Note that a step beyond the login is done."""
        self._note(name, seen)

    def failed(self, error: RouterError) -> None:
        """Note the error at the step that it ended; those before it that were not told are not reached, as those behind it."""
        index = self._blamed(error)
        if index is not None:
            self._put(index, StepStatus.ERROR, error=error)

    def steps(self) -> tuple[Step, ...]:
        """Return what became of each step so far."""
        return tuple(self._steps.get(index) or self._missing(index) for index in range(len(self._stages)))

    def _missing(self, index: int) -> Step:
        stage = self._stages[index]
        if stage.unasked:
            return Step(stage=stage, status=StepStatus.NOT_ASKED, seen=stage.unasked)
        if index < self._next and (stage.host is Host.TOKEN or self._has_token(index)):
            kept = _KEPT if stage.host is Host.TOKEN else _SAME
            return Step(stage=stage, status=StepStatus.NOT_ASKED, seen=kept)
        return Step(stage=stage, status=StepStatus.NOT_REACHED)

    def _has_token(self, index: int) -> bool:
        """Tell whether a token was the login, before this step."""
        logins = (i for i, one in enumerate(self._stages[:index]) if one == Stage(StepName.AUTHENTICATE, Host.TOKEN))
        return any(i in self._steps for i in logins)

    def _note(
        self,
        name: StepName,
        seen: str = "",
        *,
        certificate: Certificate | None = None,
        status: StepStatus = StepStatus.OK,
    ) -> None:
        index = self._reached(name)
        if index is not None:
            self._put(index, status, seen=seen, certificate=certificate)

    def _put(
        self,
        index: int,
        status: StepStatus,
        *,
        seen: str = "",
        certificate: Certificate | None = None,
        error: RouterError | None = None,
    ) -> None:
        step = Step(stage=self._stages[index], status=status, seen=seen, certificate=certificate, error=error)
        if status is not StepStatus.NOT_ASKED:
            now = self._seconds()
            step, self._since = replace(step, seconds=now - self._since), now
        self._steps[index] = step
        self._next = index + 1

    def _reached(self, name: StepName, host: Host | None = None) -> int | None:
        """Return the step of this name that is next; only the way to a host over a line, or for a token, that is kept may be left out."""
        for index, stage in enumerate(self._stages[self._next :], self._next):
            if stage.name is name and host in {None, stage.host} and not stage.unasked:
                return index
            if stage.name not in _WAY or not (stage.host is Host.TOKEN or self._has_token(index)):
                return None
        return None

    def _blamed(self, error: RouterError) -> int | None:
        """Return which step the error is of: the next one, unless nothing was asked of any host yet."""
        if error.kind in _OF_NO_STEP and not self._next:
            return None
        stage = self._stages[self._next] if self._next < len(self._stages) else None
        if stage is None or stage.unasked:
            return None
        if (
            stage.name is StepName.RESOLVE and error.kind not in _RESOLVING
        ):  # no host was looked up: it is of what comes behind the way
            return next((i for i in range(self._next, len(self._stages)) if self._stages[i].name not in _WAY), None)
        return self._next


class Onlooker:
    """The witness of who only looks at what a host shows when TLS begins."""

    def __init__(self, host: str) -> None:
        """Look at this host."""
        self.looks_at = host
        self.certificate: Certificate | None = None
        """What it showed, None while it has not."""

    def presented(self, certificate: Certificate) -> None:
        """Keep what the host shows."""
        self.certificate = certificate

    def resolving(self, host: str) -> None:
        """Do nothing."""

    def resolved(self, host: str, addresses: Sequence[tuple[str, str]]) -> None:
        """Do nothing."""

    def connected(self, host: str, port: int, address: str) -> None:
        """Do nothing."""

    def secured(self, certificate: Certificate) -> None:
        """Do nothing."""

    def left_out(self, name: StepName, why: str) -> None:
        """Do nothing."""

    def granted(self, words: str) -> None:
        """Do nothing."""

    def authenticated(self, words: str) -> None:
        """Do nothing."""
