"""What a month brings: how many mailboxes are looked into how often, and what comes and goes."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

from email_router.core.flows.schedule import is_due
from email_router.core.work import ScheduledMailbox

DAYS = 365.25 / 12
_MINUTES_A_DAY = 24 * 60
_LOOKED_AT = 4
"""Days that are played to learn how often an adaptive interval polls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """The load of a stack.  Messages are those that come to, and e-mails those that leave by, one mailbox on one day; intervals are seconds.

    `wanted` and `attachments` are shares of the messages that come: those that become activities, and of these those with a file.
    `in_mailbox` is how many messages lie in a mailbox: each is compared with the ledger once a day.
    """

    mailboxes: int
    organisations: int = 1
    messages_per_day: float = 50
    sent_per_day: float = 10
    wanted: float = 0.5
    attachments: float = 0.2
    source: str = "exchange-online"
    sender: str = "exchange-online"
    push: bool = False
    shortest: int = 60
    longest: int = 900
    in_mailbox: int = 1000
    months_kept: float = 12
    publish_events: bool = False

    @property
    def messages(self) -> float:
        """Messages that come in a month."""
        return self.mailboxes * self.messages_per_day * DAYS

    @property
    def sent(self) -> float:
        """E-mails that leave in a month."""
        return self.mailboxes * self.sent_per_day * DAYS


@dataclass(frozen=True, slots=True)
class Polls:
    """How often one mailbox is polled in a day: in vain, and with mail."""

    idle: float
    busy: float


def polls(load: Load) -> Polls:
    """Return how often the scheduler has a mailbox polled: its own rule, played minute by minute over days of mail that comes at random."""
    return _played(load.messages_per_day, load.push, load.shortest, load.longest)


@cache
def _played(messages_per_day: float, push: bool, shortest: int, longest: int) -> Polls:  # noqa: FBT001 - the key of a cache
    chance = random.Random(20261127)  # noqa: S311 - no secret: the same days each time
    start = datetime(2026, 11, 2, tzinfo=UTC)
    last, waiting, idle, busy = start, False, 0, 0
    for minute in range(_LOOKED_AT * _MINUTES_A_DAY):
        now = start + timedelta(minutes=minute)
        came = chance.random() < messages_per_day / _MINUTES_A_DAY
        if came and push:
            last = now  # a notification has it looked into at once
        waiting = not push and (waiting or came)
        if not is_due(_scheduled(push, shortest, longest, last, now), now):
            continue
        idle, busy = (idle, busy + 1) if waiting else (idle + 1, busy)
        last, waiting = (now, False) if waiting else (last, False)
    return Polls(idle / _LOOKED_AT, busy / _LOOKED_AT)


def _scheduled(push: bool, shortest: int, longest: int, last: datetime, now: datetime) -> ScheduledMailbox:  # noqa: FBT001 - as above
    return ScheduledMailbox(
        organisation="o",
        mailbox="m",
        last_mail=last,
        minimum_interval=shortest,
        maximum_interval=longest,
        pushed_until=now + timedelta(days=1) if push else None,
    )
