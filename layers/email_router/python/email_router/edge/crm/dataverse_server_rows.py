"""What DeliverIncomingEmail takes of an activity, and what is read back of the e-mail that it made.

learn.microsoft.com/power-apps/developer/data-platform/webapi/reference/deliverincomingemail: all parameters but Subject are required, null is
refused.  It takes no In-Reply-To: Dataverse matches by tracking token and smart matching.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from email_router.core.activity import CorrelationMethod, Role
from email_router.core.crm_rulings import MATCHES
from email_router.core.ledger import Answer, KnownEmail, Link, LinkKind
from email_router.edge.crm import dataverse_reading
from email_router.edge.crm.dataverse_lengths import clean, fitting
from email_router.edge.crm.dataverse_rows import attachment_row, body_of, written

if TYPE_CHECKING:
    from collections.abc import Sequence

    from email_router.core.activity import EmailActivity, Record, StoredAttachment
    from email_router.core.ledger import Delivery
    from email_router.edge.connect.dataverse_errors import JsonObject

COLUMNS = (
    "emails?$select=activityid,messageid,sender,category,correlationmethod,trackingtoken,_regardingobjectid_value,_parentactivityid_value,"
    "_correlatedactivityid_value&$expand=owninguser_email($select=internalemailaddress)"
)
"""The e-mails as they are asked for: what tells them apart, and what Dataverse has made of them."""

_METHODS = {
    3: CorrelationMethod.IN_REPLY_TO,
    4: CorrelationMethod.TRACKING_TOKEN,
    5: CorrelationMethod.CONVERSATION_INDEX,
    6: CorrelationMethod.SMART_MATCHING,
}
"""correlationmethod of the table email; none, skipped and the two that are not used are none here."""


def sender_of(activity: EmailActivity) -> str:
    """Return the address that is handed over as From."""
    return fitting("email", "sender", next(iter(activity.addresses(Role.FROM)), ""))


def parameters(activity: EmailActivity, message_id: str, note: str, files: Sequence[JsonObject]) -> JsonObject:
    """Return the action's parameters; `note` is HTML below the body, `files` the attachments' rows.

    The mailbox itself is a blind recipient where no field names it: for whom else would it be?
    """
    fields = {role: activity.addresses(role) for role in (Role.TO, Role.CC, Role.BCC)}
    if activity.mailbox.casefold() not in {one.casefold() for found in fields.values() for one in found}:
        fields[Role.BCC] = (*fields[Role.BCC], activity.mailbox)
    to, cc, bcc = (";".join(fitting("activityparty", "addressused", one) for one in fields[role]) for role in fields)
    moment = activity.received or activity.date or activity.created
    return {
        "MessageId": message_id,
        "Subject": fitting("email", "subject", activity.subject),
        "From": sender_of(activity),
        "To": to,
        "Cc": cc,
        "Bcc": bcc,
        "ReceivedOn": written(moment) if moment else "",
        "SubmittedBy": fitting("email", "submittedby", activity.mailbox),
        "Importance": activity.importance,
        "Body": fitting("email", "description", body_of(activity) + note),
        "Attachments": list(files),
    }


def file_row(number: int, one: StoredAttachment, body: str) -> JsonObject:
    """Return an attachment as the action takes it; `body` is base64, `number` counts from 0."""
    row = attachment_row("", number, one, body)
    kept = {name: value for name, value in row.items() if not name.startswith("object")}
    return {"@odata.type": "Microsoft.Dynamics.CRM.activitymimeattachment", **kept}


def named(delivery: Delivery, activity: str) -> Delivery:
    """Return the delivery of a message that is an e-mail already, under that one's id."""
    return replace(
        delivery,
        activity=replace(delivery.activity, id=activity),
        claim=replace(delivery.claim, activity=activity),
        receipt=replace(delivery.receipt, activity=activity),
        trace=replace(delivery.trace, activity=activity),
    )


def told(delivery: Delivery, activity: str, row: JsonObject | None) -> Delivery:
    """Return the delivery as it came to be: under the e-mail's own id, with what Dataverse made of it (None: it is gone already)."""
    read = row or {}
    method = _METHODS.get(int(read.get("correlationmethod") or 0), CorrelationMethod.NONE)
    correlated = read.get("_correlatedactivityid_value") or read.get("_parentactivityid_value") or None
    token = clean(str(read.get("trackingtoken") or "")) or None
    regarding = dataverse_reading.regarding_of(read)
    owner = read.get("owninguser_email")
    one = named(delivery, activity)
    email = replace(
        one.activity,
        regarding=regarding,
        correlation_method=method,
        correlated=correlated,
        tracking_token=token,
        owner=str(owner.get("internalemailaddress") or "") if isinstance(owner, dict) else "",
    )
    answers = (*delivery.trace.answers, Answer(MATCHES, method.value, _evidence(correlated, token, regarding, row)))
    trace = replace(one.trace, method=method.value, correlated=correlated, regarding=regarding, answers=answers)
    return replace(one, activity=email, links=_links(delivery, activity, token), trace=trace)


def _evidence(correlated: str | None, token: str | None, regarding: Record | None, row: JsonObject | None) -> str:
    if row is None:
        return "the e-mail could not be read back"
    seen = (
        f"it continues e-mail {correlated}" if correlated else "it continues no e-mail",
        f"its tracking token is {token}" if token else "",
        f"it is about the {regarding.kind} {regarding.id}" if regarding else "it is about no record",
    )
    return "; ".join(filter(None, seen))


def _links(delivery: Delivery, activity: str, token: str | None) -> tuple[Link, ...]:
    """Return the ways back under the real id, the token's among them: outgoing answers and delivery reports are found by them."""
    links = [replace(one, email=replace(one.email, activity=activity, token=token)) for one in delivery.links]
    known = next((one.email for one in links), KnownEmail(activity=activity, at=delivery.trace.at, token=token))
    return (*links, Link(LinkKind.TOKEN, token, known)) if token and links else tuple(links)
