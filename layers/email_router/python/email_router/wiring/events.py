"""Read the events that AWS sends: orders on the queues, schedules, and SES's reports by EventBridge."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from email_router.core.tags import read_tag
from email_router.core.work import DeliveryEvent, MailboxWork, OutgoingWork

_DETAIL = {
    "Bounce": "bounce",
    "Complaint": "complaint",
    "Delivery": "delivery",
    "Send": "send",
    "Reject": "reject",
    "DeliveryDelay": "deliveryDelay",
    "Rendering Failure": "failure",
}
_GIVEN_UP = frozenset(
    {"MailboxFull", "MessageTooLarge", "CustomTimeoutExceeded", "ContentRejected", "AttachmentRejected"}
)
"""Soft bounces after which SES tries no more (developer guide, "Contents of notifications": bounce types).  "General" is not among them:
out-of-office answers come under it."""

_SUPPRESSED = frozenset({"Suppressed", "OnAccountSuppressionList"})
_MEND_SUPPRESSED = (
    "the address is on the suppression list, so SES did not try: where it is right after all, remove it there "
    "(`aws sesv2 delete-suppressed-destination`), then `email-router outgoing retry`"
)
_KINDS = {"DeliveryDelay": "delay", "Rendering Failure": "rendering failure"}
_NOT_SPAM = "not-spam"


def mailbox_work(body: dict[str, Any]) -> MailboxWork:
    """Return the order to serve a mailbox.  Raises KeyError when the body is not one."""
    reason, after = str(body.get("reason", "schedule")), str(body.get("after", ""))
    return MailboxWork(str(body["organisation"]), str(body["mailbox"]), reason, after)


def outgoing_work(body: dict[str, Any]) -> OutgoingWork:
    """Return the order to send e-mails.  Raises KeyError when the body is not one."""
    activities = tuple(str(one) for one in body["activities"])
    sender, probe = str(body["sender"]), bool(body.get("probe"))
    return OutgoingWork(str(body["organisation"]), str(body["profile"]), sender, activities, probe)


def asks_for_all(event: dict[str, Any]) -> bool:
    """Tell whether a scheduling event asks for every mailbox, due or not: a person did, by the command line."""
    return bool(event.get("all"))


def nudged_organisation(event: Mapping[str, Any]) -> str:
    """Return the organisation whose e-mails are to be collected at once; "" for a tick, which is for all."""
    return str(event.get("organisation") or "")


def delivery_event(event: dict[str, Any]) -> DeliveryEvent:
    """Return what an SES event says (Amazon SES developer guide, "Examples of event data that Amazon SES publishes").

    `event` is the envelope of EventBridge, or what an SNS notice holds put in its place: `detail` holds eventType (notificationType in
    feedback by SNS) and mail.  Raises KeyError when it is not one.
    """
    detail = event["detail"]
    kind, mail = str(detail.get("eventType") or detail["notificationType"]), detail["mail"]
    part = detail.get(_DETAIL.get(kind, ""), {})
    tags = mail.get("tags", {})
    return DeliveryEvent(
        provider_id=str(mail["messageId"]).partition("@")[0],
        kind=_kind(kind, part),
        permanent=_given_up(part),
        recipients=_recipients(part, mail),
        reason=_reason(part),
        organisation=_tag(tags, "organisation"),
        activity=_tag(tags, "activity"),
        message_id=_own_id(mail),
        taken=_taken(mail),
    )


def _kind(kind: str, part: dict[str, Any]) -> str:
    """Return what the event tells: a complaint may tell that SES sent nothing, or that the mail is welcome ("Complaint subtypes")."""
    if part.get("complaintSubType") in _SUPPRESSED:
        return "bounce"
    if kind == "Complaint" and part.get("complaintFeedbackType") == _NOT_SPAM:
        return _NOT_SPAM
    return _KINDS.get(kind, kind.lower())


def _given_up(part: dict[str, Any]) -> bool:
    """Tell whether nobody tries any more.  A delivery report's "failed" says so (RFC 3464 2.3.3), as where SES has tried for 14 hours."""
    failed = any(one.get("action") == "failed" for one in part.get("bouncedRecipients", []))
    for_good = part.get("bounceType") == "Permanent" or part.get("bounceSubType") in _GIVEN_UP
    return for_good or failed or part.get("complaintSubType") in _SUPPRESSED


def _own_id(mail: dict[str, Any]) -> str:
    """Return our own Message-ID; that of `commonHeaders` is SES's."""
    headers = mail.get("headers") or []
    found = (str(one.get("value", "")) for one in headers if str(one.get("name", "")).lower() == "message-id")
    return next(found, "")


def _taken(mail: dict[str, Any]) -> datetime | None:
    with suppress(ValueError):
        at = datetime.fromisoformat(str(mail.get("timestamp")))
        return at if at.tzinfo else None
    return None


def _tag(tags: dict[str, Any], name: str) -> str:
    values = tags.get(name) or [""]
    return read_tag(str(values[0]))


def _recipients(part: dict[str, Any], mail: dict[str, Any]) -> tuple[str, ...]:
    named = [
        *part.get("bouncedRecipients", []),
        *part.get("complainedRecipients", []),
        *part.get("delayedRecipients", []),
    ]
    if named:
        return tuple(str(one["emailAddress"]) for one in named if "emailAddress" in one)
    return tuple(str(one) for one in part.get("recipients", mail.get("destination", [])))


def _reason(part: dict[str, Any]) -> str:
    """The provider's words without the recipients' addresses."""
    words = [
        str(part[name])
        for name in (
            "bounceType",
            "bounceSubType",
            "complaintSubType",
            "complaintFeedbackType",
            "delayType",
            "reason",
            "errorMessage",
        )
        if part.get(name)
    ]
    words += sorted({str(one["status"]) for one in part.get("bouncedRecipients", []) if one.get("status")})
    if _SUPPRESSED & {part.get("bounceSubType"), part.get("complaintSubType")}:
        words.append(_MEND_SUPPRESSED)
    return " ".join(words) or "no reason given"
