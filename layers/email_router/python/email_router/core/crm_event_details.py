"""Say in the words of the schemas (docs/schemas) what an event tells.  Bodies are named by their place, never put in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from email_router.core.activity import EmailActivity, EmailStatus, Party, Record, StoredAttachment
from email_router.core.crm_events import CrmEvent, DetailType, FurtherReceipt, NewActivity, Result, event_id
from email_router.core.message import Address
from email_router.core.sending import OutgoingState, RecipientResult

Json = dict[str, Any]
Places = Callable[[str], tuple[str, str]]
"""From a blob's key to bucket and key."""

_ALL_ALIKE = {
    EmailStatus.SENT: "accepted",
    EmailStatus.FAILED: "refused",
    EmailStatus.UNKNOWN: "unknown",
    EmailStatus.CANCELLED: "not_sent",
}
"""What became of each recipient where they share one fate."""


def delivered(fact: NewActivity, body: str | None, places: Places) -> CrmEvent:
    """Return the event of a new activity; `body` is the key of the blob that holds its text and HTML, or None."""
    activity = fact.activity
    at = activity.created or fact.at
    told = {
        "activity": activity.id,
        **_email(activity, places),
        "in_reply_to": activity.in_reply_to,
        "references": list(activity.references),
        "reply_to": [_address(one) for one in activity.reply_to],
        "received": _instant(activity.received),
        "mailbox": activity.mailbox,
        "receipts": [activity.mailbox],
        "conversation_index": activity.conversation_index,
        "automatic": activity.automatic,
        "flags": list(activity.flags),
        "defects": list(activity.defects),
        "body": _place(body, places),
        "raw": _place(activity.raw, places),
    }
    return CrmEvent(type=DetailType.ACTIVITY_DELIVERED, at=at, detail=_head(fact, at) | told)


def received(fact: FurtherReceipt) -> CrmEvent:
    """Return the event of a further mailbox."""
    receipt = fact.receipt
    told = {
        "activity": fact.activity,
        "mailbox": receipt.mailbox,
        "content_differs": receipt.content_differs,
    }
    return CrmEvent(type=DetailType.FURTHER_RECEIPT, at=fact.at, detail=_head(fact, fact.at) | told)


def resulted(fact: Result, places: Places) -> CrmEvent:
    """Return the event of an outgoing e-mail's result; `email` in it is None where the activity lies in another CRM."""
    state, email = fact.state, fact.email
    told = {
        "activity": fact.activity,
        "status": fact.status.value,
        "reason": fact.reason,
        **(_of_state(state) if state else _never_taken_up(email)),
        "recipients": _recipients(fact.status, state, email),
        "message": _place(state.blob or None, places) if state else None,
        "email": _email(email, places) if email else None,
    }
    return CrmEvent(type=DetailType.OUTGOING_RESULT, at=fact.at, detail=_head(fact, fact.at) | told)


def _head(fact: NewActivity | FurtherReceipt | Result, at: datetime) -> Json:
    return {
        "id": event_id(fact),
        "organisation": fact.organisation,
        "at": _instant(at),
        "sequence": fact.sequence,
        "shortened": [],
    }


def _email(activity: EmailActivity, places: Places) -> Json:
    """Return what an incoming and an outgoing e-mail have in common."""
    return {
        "subject": activity.subject,
        "message_id": activity.message_id,
        "parties": [_party(one) for one in activity.parties],
        "regarding": _record(activity.regarding),
        "correlation_method": activity.correlation_method.value,
        "correlated": activity.correlated,
        "parent": activity.parent,
        "tracking_token": activity.tracking_token,
        "date": _instant(activity.date),
        "importance": activity.importance,
        "owner": activity.owner or None,
        "attachments": [_attachment(one, places) for one in activity.attachments],
    }


def _of_state(state: OutgoingState) -> Json:
    return {
        "sender": state.sender,
        "subject": state.subject,
        "message_id": state.message_id or None,
        "provider_id": state.provider_id,
        "tracking_token": state.tracking_token,
        "attempts": state.attempts,
    }


def _never_taken_up(email: EmailActivity | None) -> Json:
    sender = next((one.address for one in email.parties if one.role == "from"), None) if email else None
    return {
        "sender": sender,
        "subject": email.subject if email else None,
        "message_id": None,
        "provider_id": None,
        "tracking_token": None,
        "attempts": 0,
    }


def _recipients(status: EmailStatus, state: OutgoingState | None, email: EmailActivity | None) -> list[Json]:
    """Return what became of each recipient: his own result where they differ, else the e-mail's."""
    if state and state.results:
        return [_recipient(one) for one in state.results]
    written = email.parties if email else ()
    addresses: Sequence[str] = (
        state.recipients if state else tuple(dict.fromkeys(one.address for one in written if one.role != "from"))
    )
    outcome = _ALL_ALIKE[status] if state else "not_sent"
    return [{"address": one, "outcome": outcome, "evidence": "", "reported": None} for one in addresses]


def _recipient(result: RecipientResult) -> Json:
    return {
        "address": result.address,
        "outcome": result.outcome.value,
        "evidence": result.evidence,
        "reported": result.reported.value or None,
    }


def _party(party: Party) -> Json:
    return {
        "role": party.role.value,
        "address": party.address,
        "name": party.name,
        "record": _record(party.record),
    }


def _address(address: Address) -> Json:
    return {"address": address.address, "name": address.name}


def _record(record: Record | None) -> Json | None:
    return {"kind": record.kind, "id": record.id, "name": record.name} if record else None


def _attachment(one: StoredAttachment, places: Places) -> Json:
    return {
        "name": one.name,
        "media_type": one.media_type,
        "size": one.size,
        "sha256": one.sha256,
        "inline": one.inline,
        "content_id": one.content_id,
        "content": _place(one.blob or None, places),
    }


def _place(key: str | None, places: Places) -> Mapping[str, str] | None:
    if key is None:
        return None
    bucket, name = places(key)
    return {"bucket": bucket, "key": name}


def _instant(at: datetime | None) -> str | None:
    """Return the instant as RFC 3339 has it, in UTC with milliseconds."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z" if at else None
