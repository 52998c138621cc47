"""`email-router emails`: the activities of the built-in CRM; of Dynamics 365 those that came, left or wait by the router."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from email_router.cli.backend import opened
from email_router.cli.options import STATE, Json, Organisation, Stack, State
from email_router.cli.output import print_json, table
from email_router.cli.shapes import email_shape, instant
from email_router.core.activity import EmailActivity
from email_router.core.ledger import Receipt

Review = Annotated[bool, typer.Option("--review", help="Only those that a person should look at.")]

COPY_DIFFERS = "a copy differs"
"""The flag of an e-mail of which another mailbox got a copy that says something else."""

REVIEWED = frozenset(
    {
        "for review",
        "message-id collision",
        "sender unresolved: several records",
        "regarding is inactive",
        COPY_DIFFERS,
    }
)
"""The flags that ask for a person: what they are about nobody but a person can tell."""


def emails(
    *,
    review: Review = False,
    json: Json = False,
    state: State = STATE,
    stack: Stack = "",
    organisation: Organisation = "",
) -> None:
    """List the e-mail activities, oldest first; of Dynamics 365 those that the router brought, sent or is to send."""
    with opened(state, stack) as backend:
        place = backend.organisation(organisation)
        known = ((email, place.copies(email)) for email in place.emails())
        found = [(email, mailboxes_of(copies), flags_of(email, copies)) for email, copies in known]
    found = [one for one in found if not review or REVIEWED & set(one[2])]
    if json:
        print_json({"emails": [email_shape(*one) for one in found]})
        return
    rows = (
        (
            instant(email.received or email.date or email.created),
            email.direction.value,
            email.status.value,
            next(iter(email.addresses()), ""),
            email.subject,
            f"{email.regarding.kind} {email.regarding.name}" if email.regarding else "",
            ", ".join(receipts),
            "; ".join(filter(None, (*flags, email.reason))),
        )
        for email, receipts, flags in found
    )
    table("E-mails", ("time", "direction", "status", "from", "subject", "regarding", "mailboxes", "notes"), rows)


def mailboxes_of(copies: Sequence[Receipt]) -> list[str]:
    """Return the mailboxes of the receipts, each once."""
    return list(dict.fromkeys(receipt.mailbox for receipt in copies))


def flags_of(email: EmailActivity, copies: Sequence[Receipt]) -> list[str]:
    """Return what a reader of the e-mail should know, its copies included."""
    differs = any(receipt.content_differs for receipt in copies)
    return [*email.flags, *([COPY_DIFFERS] if differs else [])]
