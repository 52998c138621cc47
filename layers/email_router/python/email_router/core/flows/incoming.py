"""What a pass over a mailbox needs, and what it hands from step to step."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from email_router.core.activity import Record
from email_router.core.case import Match, Verdict
from email_router.core.circuits import Circuits, NoCircuits
from email_router.core.dedupe import MessageKey
from email_router.core.fetched import Fetched
from email_router.core.ledger import Answer, Claim, Facts, Link, Outcome
from email_router.core.mailbox import Mailbox, Profile
from email_router.core.message import Message
from email_router.core.ports import (
    Alerts,
    BlobStore,
    Clock,
    Crm,
    Ledger,
    MailboxStates,
    MailSource,
    Meters,
    OutgoingStates,
    Quarantine,
    WorkQueues,
)
from email_router.core.settings import Configuration
from email_router.core.subscriptions import NoNudges, Nudges

ACTIVITIES = uuid.UUID("6f1d6a0e-8f0f-5d0e-9b41-3a2f6c1c7e55")
"""The name space of incoming activities: an activity's id is uuid5 of organisation and message key, so a retry makes the same one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Times of a pass in seconds, and how much of a mailbox is held in memory at once."""

    lease: float = 330
    retry_first: float = 300
    retry_most: float = 3600
    blocked: float = 3600
    refresh: float = 3600
    reconcile: float = 24 * 3600
    reconcile_suspected: float = 3600
    batch_messages: int = 25
    batch_bytes: int = 16 * 1024 * 1024
    page_messages: int = 500  # POP3 deletes at the end of a session alone, and each page ends one
    marks: int = 3
    failures: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """The ports of one organisation's incoming road."""

    configuration: Configuration
    clock: Clock
    meters: Meters
    states: MailboxStates
    ledger: Ledger
    quarantine: Quarantine
    crm: Crm
    outgoing: OutgoingStates
    blobs: BlobStore
    queues: WorkQueues
    alerts: Alerts
    open_source: Callable[[Profile, Mailbox], MailSource]
    parse: Callable[[bytes], Message]
    timing: Timing = field(default_factory=Timing)
    nudges: Nudges = field(default_factory=NoNudges)
    circuits: Circuits = field(default_factory=NoCircuits)
    renewed: Callable[[Profile], bool] = lambda _: False
    """Reads the secret of a profile anew, which a server refused, and tells whether it is another now."""

    request: str = ""
    """The id of the function's invocation, kept with what a delivery report turns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A message as read, on whose behalf it is judged, and the keys by which it is known.

    `mark` stands for its place in the mailbox that it was fetched from; `place` counts the messages of its page that were decided before it.
    """

    fetched: Fetched
    message: Message
    mailbox: Mailbox
    key: MessageKey
    collision: str
    mark: str
    place: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What is to become of a message, and why; nothing has been done yet.

    `key` is the effective message key (of the collision, where another message has the id), `claim` the claim that stands already.
    `earlier` is what became of the message when this mailbox has dealt with it before, and `copied` tells that this is not that message
    seen again but a further copy of it, or another message under its id.  `token` is the tracking token that it takes over.
    `unmatched` tells that a policy keeps it apart: it continues nothing, and no record is made of its sender.
    """

    draft: Draft
    verdict: Verdict
    rule: str
    key: str
    answers: tuple[Answer, ...]
    candidates: tuple[str, ...] = ()
    match: Match | None = None
    claim: Claim | None = None
    activity: str | None = None
    token: str | None = None
    links: tuple[Link, ...] = ()
    collided: bool = False
    content_differs: bool = False
    earlier: Outcome | None = None
    copied: bool = False
    facts: Facts | None = None
    unmatched: bool = False
    people: Mapping[str, tuple[Record, ...]] = field(default_factory=dict)
    """The active records of those addresses (case folded) that the page was asked for; none of them is an empty tuple."""

    @property
    def delivers(self) -> bool:
        """Tell whether the message becomes an activity, or joins the one that another mailbox made of it."""
        return self.verdict.outcome is Outcome.DELIVERED and self.earlier is None

    @property
    def settled(self) -> Outcome:
        """What has become of the message in its mailbox, now or before."""
        return self.earlier or self.verdict.outcome


def activity_id(organisation: str, key: str) -> str:
    """Return the activity id of an incoming message key: the same for ever."""
    return str(uuid.uuid5(ACTIVITIES, f"{organisation}/{key}"))


def received(draft: Draft, now: datetime) -> datetime:
    """Return when the message reached its mailbox: the server's word, else now."""
    return draft.fetched.received or now


def known_at(draft: Draft, now: datetime) -> datetime:
    """Return the instant by which a message is older or younger than others: when it was received, a microsecond later for each before it.

    The messages of one page may bear the same second, or no time at all (POP3).
    """
    return received(draft, now) + timedelta(microseconds=draft.place)


def undelivered(decision: Decision, outcome: Outcome, error: str) -> Decision:
    """Return the decision as it ended, because the CRM did not take the message: it has no activity, and its trace says why."""
    answers = (*decision.answers, Answer("delivery", outcome.value, error))
    verdict = Verdict(outcome, decision.verdict.reason, error)
    copied = decision.copied and decision.earlier is None
    return replace(decision, activity=None, match=None, copied=copied, earlier=None, verdict=verdict, answers=answers)
