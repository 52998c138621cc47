"""The JSON shapes of e-mails and of what became of messages, as documented for scripts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from email_router.core.activity import EmailActivity, Party, Record, Role, StoredAttachment
from email_router.core.ledger import Quarantined, Trace
from email_router.core.sending import OutgoingState

Json = dict[str, object]


def instant(at: datetime | None) -> str | None:
    """Return the instant as `YYYY-MM-DDTHH:MM:SSZ`."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at else None


def email_shape(email: EmailActivity, receipts: Sequence[str], flags: Sequence[str]) -> Json:
    """Return one e-mail activity as `emails --json` prints it.

    `receipts` are the mailboxes that hold a copy, `flags` what a reader should know.
    """
    return {
        "activity": email.id,
        "direction": email.direction.value,
        "status": email.status.value,
        "subject": email.subject,
        "message_id": email.message_id,
        "in_reply_to": email.in_reply_to,
        "references": list(email.references),
        **{role.value: [_party(party) for party in email.parties if party.role is role] for role in Role},
        "regarding": named_record(email.regarding),
        "correlation_method": email.correlation_method.value,
        "correlated": email.correlated,
        "tracking_token": email.tracking_token,
        "date": instant(email.date),
        "received": instant(email.received),
        "text": email.text,
        "html": email.html,
        "attachments": [_attachment(one) for one in email.attachments],
        "receipts": list(receipts),
        "flags": list(flags),
    }


def message_shape(trace: Trace, receipts: Sequence[str], case: str | None = None) -> Json:
    """Return what became of one message in one mailbox, as demo and local print it."""
    return {
        "case": case,
        "mailbox": trace.mailbox,
        "source": SOURCES.get(trace.source, trace.source),
        "source_id": trace.source_id,
        "message_id": trace.message_id,
        "subject": trace.subject,
        "verdict": trace.outcome.value,
        "reason": trace.reason,
        "rule": trace.rule,
        "correlation_method": trace.method,
        "correlated": trace.correlated,
        "regarding": named_record(trace.regarding),
        "activity": trace.activity,
        "receipts": list(receipts),
    }


SOURCES = {"exchange-online": "graph", "exchange": "ews"}
"""The words for sources in results, where they differ from the configuration's."""


def outgoing_shape(email: EmailActivity, state: OutgoingState | None, sender: str, case: str | None = None) -> Json:
    """Return where one outgoing e-mail stands: as the router knows it, else as the CRM does.  `sender` is the profile's kind."""
    kind = (state.kind if state else "") or sender
    return {
        "case": case,
        "activity": email.id,
        "sender": SOURCES.get(kind, kind),
        "from": next(iter(email.addresses(Role.FROM)), ""),
        "to": list(email.addresses(Role.TO)),
        "subject": state.subject if state else email.subject,
        "status": email.status.value,
        "reason": email.reason,
        "attempts": state.attempts if state else email.attempts,
        "tracking_token": (state.tracking_token if state else None) or email.tracking_token,
        "message_id": (state.message_id if state else "") or email.message_id,
    }


def quarantined_shape(entry: Quarantined) -> Json:
    """Return one quarantined message as `undeliverable list --json` prints it."""
    return {
        "id": entry.id,
        "mailbox": entry.mailbox,
        "source": SOURCES.get(entry.source, entry.source),
        "source_id": entry.source_id,
        "message_id": entry.message_id,
        "subject": entry.subject,
        "reason": entry.reason,
        "text": entry.text,
        "mend": entry.mend,
        "size": entry.size,
        "complete": entry.complete,
        "at": instant(entry.at),
    }


def named_record(record: Record | None) -> Json | None:
    """Return a record with its name, or None."""
    return {"kind": record.kind, "id": record.id, "name": record.name} if record else None


def _party(party: Party) -> Json:
    record = {"kind": party.record.kind, "id": party.record.id} if party.record else None
    return {"address": party.address, "name": party.name, "record": record}


def _attachment(one: StoredAttachment) -> Json:
    return {
        "name": one.name,
        "media_type": one.media_type,
        "size": one.size,
        "sha256": one.sha256,
        "inline": one.inline,
        "content_id": one.content_id,
    }
