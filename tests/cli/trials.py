"""Test the access to mailboxes in this process, by a clock that moves a second each time it is looked at."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from email_router.cli.access_shapes import Road, Tested
from email_router.cli.mailbox_access import Asked, tested
from email_router.cli.servers import MailServers
from email_router.core.errors import RouterError
from email_router.core.flows.access import Waiting
from email_router.core.mailbox import Direction, Mailbox, Profile
from email_router.core.settings import Configuration
from email_router.wiring.clock import CLOCK

SALES = "sales@contoso.example"


@dataclass
class Moving:
    """A clock; `on_sleep` is what happens while somebody waits."""

    on_sleep: Callable[[], object] = lambda: None
    slept: list[float] = field(default_factory=list)
    _told: itertools.count[int] = field(default_factory=itertools.count)

    def seconds(self) -> float:
        return float(next(self._told))

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.on_sleep()


def trial(
    *profiles: Profile,
    secret: str,
    send: bool = False,
    clock: Moving | None = None,
    most: float = 60.0,
    unapproved: Mapping[str, RouterError] | None = None,
    **mailbox: Any,
) -> Tested:
    """Test one mailbox that has these profiles, one for each direction."""
    names: dict[str, Any] = {one.direction.value: one.name for one in profiles}
    box = Mailbox(**{"address": SALES, **names, **mailbox})
    configuration = Configuration(organisation="contoso", profiles=profiles, mailboxes=(box,))
    moving = clock or Moving()
    waiting = Waiting(most, moving.seconds, moving.sleep)
    asked = Asked(send=send, waiting=waiting, clock=CLOCK, unapproved=unapproved or {})
    return tested(MailServers(configuration, lambda _profile: secret), box.address, asked)


def road_of(*profiles: Profile, secret: str, **more: Any) -> Road:
    """Test one mailbox with one profile and return its road."""
    (road,) = trial(*profiles, secret=secret, **more).roads
    return road


def line_of(kind: str, port: int, **more: Any) -> Profile:
    """Return a profile of a mail server on this machine."""
    direction = Direction.OUTGOING if kind == "smtp" else Direction.INCOMING
    return Profile(**{"name": kind, "direction": direction, "server": kind, "host": "localhost", "port": port, **more})


def told(road: Road) -> dict[str, str]:
    """Return what became of each step, by its name; of a token's host with that word before it."""
    shapes: list[dict[str, Any]] = road.json()["steps"]  # type: ignore[assignment]
    return {("token " if one["host"] == "token" else "") + one["step"]: one["status"] for one in shapes}


def step(road: Road, name: str) -> dict[str, Any]:
    """Return a step as machines are told of it."""
    shapes: list[dict[str, Any]] = road.json()["steps"]  # type: ignore[assignment]
    return next(one for one in shapes if ("token " if one["host"] == "token" else "") + one["step"] == name)
