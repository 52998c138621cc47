"""Tell what the router reads in a message, as the object that `inspect --json` prints."""

from __future__ import annotations

from collections.abc import Sequence

from email_router.core.message import Address, Attachment, DeliveryReport, Message

_INDEX_BYTES = 22  # the header block of a conversation index; what follows are its replies


def reading(message: Message, file: str, tracking_tokens: Sequence[str]) -> dict[str, object]:
    """Return the reading of a message as JSON values: what is absent is None or empty, ids keep their <>, times are UTC.

    `file` is the name as the user gave it; `tracking_tokens` are those found in the subject, in order.
    """
    index = message.conversation_index
    return {
        "file": file,
        "message_id": message.message_id,
        "in_reply_to": message.in_reply_to,
        "references": list(message.references),
        "conversation_index": index[:_INDEX_BYTES].hex() if index and len(index) >= _INDEX_BYTES else None,
        "date": message.date.strftime("%Y-%m-%dT%H:%M:%SZ") if message.date else None,
        "subject": message.subject,
        "from": _person(message.author),
        "sender": _person(message.sender),
        "reply_to": _people(message, "reply-to", message.reply_to),
        "to": _people(message, "to", message.to),
        "cc": _people(message, "cc", message.cc),
        "bcc": _people(message, "bcc", message.bcc),
        "text": message.text,
        "html": message.html,
        "attachments": [attachment_reading(one) for one in message.attachments],
        "importance": message.importance.value,
        "auto_submitted": message.auto_submitted,
        "bulk": message.bulk,
        "delivery_report": _report(message.delivery_report),
        "tracking_tokens": list(tracking_tokens),
        "defects": list(message.defects),
    }


def attachment_reading(attachment: Attachment) -> dict[str, object]:
    """Return one attachment as JSON values: size and digest are those of the decoded bytes."""
    return {
        "name": attachment.name,
        "media_type": attachment.media_type,
        "size": attachment.size,
        "sha256": attachment.sha256,
        "inline": attachment.inline,
        "content_id": attachment.content_id,
    }


def _person(address: Address | None) -> dict[str, str] | None:
    return {"name": address.name, "address": address.address} if address else None


def _people(message: Message, field: str, found: Sequence[Address]) -> list[dict[str, str] | None]:
    """Return who stands in a field, behind them the names without an address, which is then empty."""
    nameless = [Address(name, "") for named, name in message.unaddressed if named == field]
    return [_person(one) for one in (*found, *nameless)]


def _report(report: DeliveryReport | None) -> dict[str, object] | None:
    if report is None:
        return None
    return {
        "action": report.action,
        "recipients": [
            {"address": one.address, "status": one.status, "permanent": one.permanent} for one in report.recipients
        ],
        "original_message_id": report.original_message_id,
    }
