"""`email-router emails`: the activities of the built-in CRM."""

from __future__ import annotations

from email_router.cli.backend import opened
from email_router.cli.options import STATE, Json, Organisation, Stack, State
from email_router.cli.output import print_json, table
from email_router.cli.shapes import email_shape, instant


def emails(*, json: Json = False, state: State = STATE, stack: Stack = "", organisation: Organisation = "") -> None:
    """List the e-mail activities of the built-in CRM, oldest first."""
    with opened(state, stack) as backend:
        place = backend.organisation(organisation)
        found = [(email, place.receipts(email)) for email in place.emails()]
    if json:
        print_json({"emails": [email_shape(email, receipts) for email, receipts in found]})
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
            "; ".join(filter(None, (*email.flags, email.reason))),
        )
        for email, receipts in found
    )
    table("E-mails", ("time", "direction", "status", "from", "subject", "regarding", "mailboxes", "notes"), rows)
