"""Make deliveries as the flow makes them: a small mail, its claim, receipt, links and trace."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from email_router.core.activity import EmailActivity, EmailStatus, Party, Record, Role
from email_router.core.dedupe import message_key
from email_router.core.ledger import Answer, Claim, Delivery, KnownEmail, Link, LinkKind, Outcome, Receipt, Trace
from email_router.core.mailbox import Direction
from email_router.core.message import Message
from email_router.core.smart_hash import participants

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
SALES = "sales@contoso.example"
ANN = "ann@contoso.example"
CONTACT = Record("contact", "c-1", "Erin Fabrikam", "ann@contoso.example")


def later(seconds: float) -> datetime:
    """Return the instant so many seconds after NOW."""
    return NOW + timedelta(seconds=seconds)


def delivery(
    number: int = 1, mailbox: str = SALES, *, content: str = "c", links: tuple[Link, ...] | None = None, **given: Any
) -> Delivery:
    """Return the delivery of mail `number` as seen in a mailbox; `given` are fields of the activity."""
    message_id = f"<m{number}@fabrikam.example>"
    key = message_key(Message(size=0, message_id=message_id), "incoming").key
    activity = str(uuid.uuid5(uuid.NAMESPACE_OID, key))
    at = later(number)
    known = KnownEmail(activity=activity, participants=participants(["erin@fabrikam.example", mailbox]), at=at)
    plain = {
        "subject": f"Order {number} \u2013 question",
        "message_id": message_id,
        "parties": (
            Party(Role.FROM, "erin@fabrikam.example", "Erin", CONTACT),
            Party(Role.TO, mailbox, "", Record("queue", "q-1", "Sales")),
        ),
        "regarding": Record("account", "a-1", "Fabrikam"),
        "date": at,
        "received": at,
        "text": "Dear sales team,\nwhere is my order?",
        "html": "<p>Dear sales team,<br>where is my order?</p>",
        "mailbox": mailbox,
    }
    return Delivery(
        activity=EmailActivity(
            id=activity, direction=Direction.INCOMING, status=EmailStatus.RECEIVED, **{**plain, **given}
        ),
        claim=Claim(key, activity, mailbox, "identity", content),
        receipt=Receipt(key, mailbox, Outcome.DELIVERED, "accept_all", activity, at=at),
        links=(Link(LinkKind.MESSAGE_ID, message_id, known),) if links is None else links,
        trace=Trace(
            key=key,
            mailbox=mailbox,
            source="pop3",
            source_id=str(number),
            message_id=message_id,
            subject=f"Order {number}",
            outcome=Outcome.DELIVERED,
            reason="accept_all",
            rule="accept",
            activity=activity,
            answers=(Answer("duplicate", "no"), Answer("loop", "no"), Answer("accept", "yes", "all")),
            headers=(("from", "Erin <erin@fabrikam.example>"), ("to", mailbox), ("message-id", message_id)),
            at=at,
        ),
    )


def outgoing(name: str = "e1", **given: Any) -> EmailActivity:
    """Return an e-mail that waits to be sent."""
    plain = {
        "status": EmailStatus.PENDING,
        "subject": "Your order",
        "parties": (Party(Role.FROM, SALES), Party(Role.TO, "erin@fabrikam.example")),
        "text": "It is on its way.",
        "created": NOW,
    }
    return EmailActivity(id=name, direction=Direction.OUTGOING, **{**plain, **given})


def linked(number: int, kind: LinkKind, value: str, at: datetime | None = None) -> Delivery:
    """Return a delivery that also leaves a token, thread or subject link."""
    made = delivery(number)
    email = replace(made.links[0].email, at=at or made.links[0].email.at)
    return replace(made, links=(*made.links, Link(kind, value, email)))
