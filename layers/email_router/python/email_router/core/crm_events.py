"""What other CRMs are told: a new activity, a further mailbox that received it, the result of an e-mail that left."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from email_router.core.activity import EmailActivity, EmailStatus
from email_router.core.ledger import Receipt
from email_router.core.sending import OutgoingState

SOURCE = "email-router"
"""The source of every event, by which rules choose."""

AT_REST = frozenset({EmailStatus.SENT, EmailStatus.FAILED, EmailStatus.UNKNOWN, EmailStatus.CANCELLED})
"""Where an outgoing e-mail has a result: it does not change any more unless a report comes, or a person sends it again."""

SETTLED_BY_HAND = "settled by a person"
"""The reason with which the CRM says `sent` of an e-mail that the router never took up."""

_IDS = uuid.UUID("5d0e2c6e-7a43-5a0e-9c26-0f9a4d3a7b52")


class DetailType(StrEnum):
    """The kinds of events, with the version of their schema (docs/schemas).  A version never changes: what is added makes the next one."""

    ACTIVITY_DELIVERED = "ActivityDelivered.v1"
    FURTHER_RECEIPT = "FurtherReceipt.v1"
    OUTGOING_RESULT = "OutgoingResult.v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change of a row, as DynamoDB's stream tells it: opaque to all but the adapter that reads it.

    `sequence` grows with each change of one row (Amazon DynamoDB API reference, StreamRecord).
    """

    sequence: str
    record: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewActivity:
    """An activity came to be with its claim."""

    organisation: str
    at: datetime
    sequence: str
    activity: EmailActivity


@dataclass(frozen=True, slots=True, kw_only=True)
class FurtherReceipt:
    """A message that is an activity already was received in one more mailbox."""

    organisation: str
    at: datetime
    sequence: str
    receipt: Receipt
    activity: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """An outgoing e-mail came to rest, or something more was reported of it.

    `occasion` tells this result from the e-mail's other ones.  `state` is None for an e-mail that ended before the router took it up,
    `email` where the activity lies in another CRM.  `composed`: what the state's blob is to hold, where it lies elsewhere.
    """

    organisation: str
    at: datetime
    sequence: str
    activity: str
    status: EmailStatus
    reason: str
    occasion: str
    state: OutgoingState | None = None
    email: EmailActivity | None = None
    composed: bytes = field(default=b"", repr=False)


Fact = NewActivity | FurtherReceipt | Result


@dataclass(frozen=True, slots=True, kw_only=True)
class CrmEvent:
    """An event as it is put on the bus; `detail` fits the schema of its type."""

    type: DetailType
    at: datetime
    detail: Mapping[str, Any]


class Facts(Protocol):
    """Reads what a change means."""

    def of(self, change: Change) -> Fact | None:
        """Return what is to be told of the change, or None.

        Raises MessageRefused when the row cannot be read, TryLater when a store does not answer.
        """


class EventBus(Protocol):
    """Where events are put."""

    def put(self, events: Sequence[CrmEvent]) -> int:
        """Put the events in their order; return how many of them were taken before the first that was not.

        Those behind it may have been taken all the same.  Raises TryLater when the bus does not answer.
        """


class SetAside(Protocol):
    """Keeps changes of which no event can be made."""

    def keep(self, change: Change, why: str) -> None:
        """Keep the change so that it can be published when its trouble is mended.  Raises TryLater when it is not kept."""


class PlacedBlobs(Protocol):
    """Blobs of which others can be told where they lie."""

    def put(self, key: str, data: bytes) -> None:
        """Store the bytes; repeatable."""

    def place(self, key: str) -> tuple[str, str]:
        """Return bucket and key under which the blob lies."""


def event_id(fact: Fact) -> str:
    """Return the event's id, made of what it tells: the same change told again, by whomever, has the same id (RFC 9562, version 5)."""
    told: tuple[str, ...]
    match fact:
        case NewActivity():
            told = (DetailType.ACTIVITY_DELIVERED, fact.activity.id)
        case FurtherReceipt():
            told = (DetailType.FURTHER_RECEIPT, fact.receipt.key, fact.receipt.mailbox)
        case Result(status=EmailStatus.CANCELLED):  # for good, and both tables may tell it
            told = (DetailType.OUTGOING_RESULT, fact.activity, fact.status)
        case Result():
            told = (DetailType.OUTGOING_RESULT, fact.activity, fact.status, fact.occasion)
    return str(uuid.uuid5(_IDS, "\n".join((fact.organisation, *told))))
