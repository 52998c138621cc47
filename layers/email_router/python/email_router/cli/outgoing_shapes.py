"""The JSON shape of one outgoing e-mail with its recipients and its history, and how people read it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from email_router.cli.shapes import Json, instant, outgoing_shape
from email_router.core.activity import EmailActivity, EmailStatus, Note
from email_router.core.recipients import told
from email_router.core.sending import OutgoingState, RecipientResult, SendOutcome

_WAITS = frozenset({EmailStatus.PENDING, EmailStatus.DEFERRED, EmailStatus.SENDING})


def whole_shape(email: EmailActivity, state: OutgoingState | None, sender: str, notes: Iterable[Note]) -> Json:
    """Return what `outgoing show --json` prints: the line of the list, each recipient, each transition, notes."""
    due = state.due if state and state.status in _WAITS else email.due
    return {
        **outgoing_shape(email, state, sender),
        "due": instant(due),
        "provider_id": state.provider_id if state else None,
        "recipients": [recipient_shape(one) for one in told(state)] if state else [],
        "history": [
            {"at": instant(one.at), "status": one.status.value, "evidence": one.evidence, "request": one.request}
            for one in (state.history if state else ())
        ],
        "notes": [{"at": instant(one.at), "owner": one.owner, "text": one.text} for one in notes],
    }


def recipient_shape(one: RecipientResult) -> Json:
    """Return what became of one recipient: waiting, accepted, refused or unknown; and what was reported of him, or nothing."""
    outcome = "waiting" if one.outcome is SendOutcome.DEFERRED else one.outcome.value
    return {
        "address": one.address,
        "outcome": outcome,
        "reported": one.reported.value or None,
        "evidence": one.evidence,
    }


def rows(shape: Json) -> Iterator[tuple[str, object]]:
    """Yield what the table of one e-mail shows, without the lists."""
    yield from ((name, value) for name, value in shape.items() if not isinstance(value, list) and name != "case")
