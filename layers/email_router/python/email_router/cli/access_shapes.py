"""What was seen of a mailbox, for people and for machines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from email_router.cli.shapes import SOURCES, Json, instant
from email_router.core.access_steps import Certificate, Host, Step, StepStatus
from email_router.core.errors import RouterError
from email_router.core.mailbox import Direction, Profile
from email_router.wiring.registry import kind_of

COLUMNS = ("mailbox", "direction", "profile", "step", "seconds", "status", "seen, and what to do")

Row = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Road:
    """What was seen on one road of a mailbox: step by step, in words, or the error.  `now` is when it was taken."""

    direction: Direction
    profile: Profile | None
    now: datetime
    steps: tuple[Step, ...] = ()
    seen: str = ""
    error: RouterError | None = None

    def json(self) -> Json:
        """Return it for machines."""
        kind = kind_of(self.profile) if self.profile else None
        return {
            "direction": self.direction.value,
            "profile": self.profile.name if self.profile else None,
            "server": SOURCES.get(kind, kind) if kind else None,
            "status": "error" if self.error else "ok",
            "seen": self.seen,
            "error": _error_shape(self.error),
            "steps": [_step_shape(one, self.now) for one in self.steps],
        }

    def rows(self, address: str) -> Iterator[Row]:
        """Yield a row for the road and one for each step; the error stands at its step, if it is of one."""
        name = self.profile.name if self.profile else ""
        blamed = next((one for one in self.steps if one.error is self.error and self.error), None)
        words = (
            told(self.error) if self.error and not blamed else f"{blamed.stage.name} failed" if blamed else self.seen
        )
        taken = sum(one.seconds or 0.0 for one in self.steps)
        yield (
            address,
            self.direction.value,
            name,
            "",
            f"{taken:.3f}" if self.steps else "",
            "error" if self.error else "ok",
            words,
        )
        for one in self.steps:
            yield "", "", "", _step_name(one), _time(one), one.status.replace("_", " "), _seen(one, self.now)


@dataclass(frozen=True, slots=True)
class Tested:
    """What was seen of a mailbox; `error` where it could not be tested at all, or waits for an approval."""

    address: str
    roads: tuple[Road, ...] = ()
    error: RouterError | None = None

    @property
    def failed(self) -> bool:
        """Tell whether something is wrong."""
        return self.error is not None or any(road.error for road in self.roads)

    def json(self) -> Json:
        """Return it for machines."""
        return {
            "address": self.address,
            "status": "error" if self.failed else "ok" if self.roads else "idle",
            "roads": [road.json() for road in self.roads],
            "error": _error_shape(self.error),
        }

    def rows(self) -> Iterator[Row]:
        """Yield the rows of each road, behind what concerns the mailbox as a whole."""
        if self.error is not None:
            yield self.address, "", "", "", "", "error", told(self.error)
        elif not self.roads:
            yield self.address, "", "", "", "", "idle", "it has no profile: its mail is neither fetched nor sent"
        for road in self.roads:
            yield from road.rows(self.address)


def told(error: RouterError) -> str:
    """Return an error with its mend, for people."""
    text = str(error)
    return f"{text}{'' if text.endswith(('.', '!', '?')) else '.'} {error.mend}".strip()


def _step_name(step: Step) -> str:
    both = step.stage.host is Host.TOKEN
    return f"{step.stage.name} (token)" if both else step.stage.name


def _time(step: Step) -> str:
    return "" if step.seconds is None else f"{step.seconds:.3f}"


def _seen(step: Step, now: datetime) -> str:
    shown = step.certificate.words(now) if step.certificate else ""
    if step.error is not None:
        return f"{told(step.error)}{f'  The server shows: {shown}.' if shown else ''}"
    return shown or step.seen


def _step_shape(step: Step, now: datetime) -> Json:
    begun = step.status in {StepStatus.OK, StepStatus.ERROR}
    return {
        "step": step.stage.name.value,
        "host": step.stage.host.value,
        "status": step.status.value,
        "seconds": round(step.seconds, 3) if begun and step.seconds is not None else None,
        "seen": "" if step.error else _seen(step, now),
        "certificate": _certificate_shape(step.certificate, now) if step.certificate else None,
        "error": _error_shape(step.error),
    }


def _certificate_shape(one: Certificate, now: datetime) -> Json:
    return {
        "subject": one.subject,
        "issuer": one.issuer,
        "names": list(one.names),
        "not_before": instant(one.not_before),
        "not_after": instant(one.not_after),
        "days_left": one.days_left(now),
        "sha256": one.sha256,
        "tls": one.tls,
    }


def _error_shape(error: RouterError | None) -> Json | None:
    return {"kind": error.kind, "text": str(error), "mend": error.mend} if error else None
