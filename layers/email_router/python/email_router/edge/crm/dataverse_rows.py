"""Turn e-mail activities into rows of Dataverse's table email, with their parties and attachments.

What the table lets no client write (in-reply-to, conversation index, correlation method, references, names of unresolved parties) is kept
in the row beside the claim.
"""

from __future__ import annotations

import html
import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from email_router.core.activity import EmailActivity, EmailStatus, Party, Record, Role
from email_router.edge.crm.dataverse_lengths import fitting

if TYPE_CHECKING:
    from email_router.core.activity import StoredAttachment
    from email_router.edge.connect.dataverse_errors import JsonObject

GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)

STATUSES = {
    EmailStatus.DRAFT: (0, 1),
    EmailStatus.SENT: (1, 3),
    EmailStatus.RECEIVED: (1, 4),
    EmailStatus.CANCELLED: (2, 5),
    EmailStatus.PENDING: (1, 6),
    EmailStatus.DEFERRED: (1, 6),
    EmailStatus.SENDING: (1, 7),
    EmailStatus.FAILED: (0, 8),
    EmailStatus.UNKNOWN: (0, 8),
}
"""statecode and statuscode.  One that is put off is Pending Send there, one of which nobody knows whether it left is Failed."""

CANCELLED = 5
SENT = 3
SAVED_WITHOUT = 1
"""notifications: not all attachments could be saved."""

INCOMPLETE = "E-mail Router: not complete yet, attachments are being saved"
"""The category of an e-mail until its last attachment is there."""

TABLES = {"user": "systemuser"}
SETS = {
    "systemuser": "systemusers",
    "contact": "contacts",
    "account": "accounts",
    "lead": "leads",
    "queue": "queues",
    "incident": "incidents",
    "opportunity": "opportunities",
    "email": "emails",
}
_PARTIES = frozenset({"systemuser", "contact", "account", "lead", "queue"})
_ROLES = {Role.FROM: 1, Role.TO: 2, Role.CC: 3, Role.BCC: 4}
_IMPORTANCE = {"low": 0, "normal": 1, "high": 2}
_ATTACHMENTS = uuid.UUID("b0a1b0f5-7f0e-5a55-9b60-0f3d1f5c8a77")
_BIND = "@odata.bind"
_PLAIN = '<div style="white-space:pre-wrap">', "</div>"


def email_row(
    activity: EmailActivity, *, owner: str = "", note: str = "", sets: Mapping[str, str] | None = None
) -> JsonObject:
    """Return the row of an incoming e-mail as it is made: open, its regarding, owner, parties and the e-mails it continues bound.

    `owner` is a user's id; `note` HTML that is put below the body; `sets` the entity sets of tables beyond those known here.
    """
    row: JsonObject = {
        "directioncode": False,
        "prioritycode": _IMPORTANCE.get(activity.importance, 1),
        "description": fitting("email", "description", body_of(activity) + note),
        "email_activity_parties": [_party(party) for party in activity.parties],
    }
    texts = {
        "subject": activity.subject,
        "messageid": activity.message_id,
        "sender": next(iter(activity.addresses(Role.FROM)), ""),
        "torecipients": ";".join(activity.addresses(Role.TO, Role.CC, Role.BCC)),
        "submittedby": activity.mailbox,
        "trackingtoken": activity.tracking_token,
    }
    row |= {column: fitting("email", column, text) for column, text in texts.items() if text}
    if note:
        row["notifications"] = SAVED_WITHOUT
    return row | _bindings(activity, owner, sets or {})


def outgoing_row(activity: EmailActivity, *, owner: str = "") -> JsonObject:
    """Return the row of an e-mail that is to be sent as it is made: a draft; one that answers another has it as its parent.

    `owner` is a user's id.
    """
    row: JsonObject = {
        "directioncode": True,
        "subject": fitting("email", "subject", activity.subject),
        "prioritycode": _IMPORTANCE.get(activity.importance, 1),
        "description": fitting("email", "description", body_of(activity)),
        "isworkflowcreated": activity.automatic,
        "readreceiptrequested": activity.read_receipt,
        "deliveryreceiptrequested": activity.delivery_receipt,
        "email_activity_parties": [_party(party) for party in activity.parties],
    }
    if activity.due:
        row["delayedemailsendtime"] = written(activity.due)
    if activity.correlated and GUID.fullmatch(activity.correlated):
        row[f"parentactivityid{_BIND}"] = f"/emails({activity.correlated})"
    return row | _bindings(replace(activity, correlated=None), owner, {})


def _bindings(activity: EmailActivity, owner: str, sets: Mapping[str, str]) -> JsonObject:
    found: JsonObject = {}
    if activity.regarding and (place := place_of(activity.regarding, sets)):
        table = TABLES.get(activity.regarding.kind, activity.regarding.kind)
        found[f"regardingobjectid_{table}_email{_BIND}"] = place
    for name, email in (("parentactivityid", activity.parent), ("CorrelatedActivityId_Email", activity.correlated)):
        if email and GUID.fullmatch(email):
            found[f"{name}{_BIND}"] = f"/emails({email})"
    if owner:
        found[f"ownerid_email{_BIND}"] = f"/systemusers({owner})"
    return found


def place_of(record: Record, sets: Mapping[str, str]) -> str:
    """Return where a record stands, /contacts(id), or nothing where its table or id is none of Dataverse's."""
    table = TABLES.get(record.kind, record.kind)
    rows = SETS.get(table) or sets.get(table, "")
    return f"/{rows}({record.id})" if rows and GUID.fullmatch(record.id) else ""


def _party(party: Party) -> JsonObject:
    row: JsonObject = {
        "participationtypemask": _ROLES[party.role],
        "addressused": fitting("activityparty", "addressused", party.address),
    }
    table = TABLES.get(party.record.kind, party.record.kind) if party.record else ""
    if party.record and table in _PARTIES and (place := place_of(party.record, {})):
        row[f"partyid_{table}{_BIND}"] = place
    return row


def body_of(activity: EmailActivity) -> str:
    """Return the body as the table keeps it: HTML; plain text keeps its lines."""
    if activity.html or not activity.text:
        return activity.html
    begin, end = _PLAIN
    return f"{begin}{html.escape(activity.text, quote=False)}{end}"


def text_of(body: str) -> str | None:
    """Return the plain text that body_of made a body of, or None for any other body."""
    begin, end = _PLAIN
    inner = body.removeprefix(begin).removesuffix(end)
    whole = len(inner) == len(body) - len(begin) - len(end)
    return html.unescape(inner) if whole and "<" not in inner else None


def bound(row: JsonObject) -> Iterator[str]:
    """Yield where the row leads to: every place that must exist for Dataverse to take it."""
    for name, value in row.items():
        if name.endswith(_BIND):
            yield value
        elif name == "email_activity_parties":
            for party in value:
                yield from bound(party)


def without(row: JsonObject, gone: frozenset[str]) -> JsonObject:
    """Return the row with nothing leading to these places; a party stays with its address."""
    kept: JsonObject = {}
    for name, value in row.items():
        if name == "email_activity_parties":
            kept[name] = [without(party, gone) for party in value]
        elif not (name.endswith(_BIND) and value in gone):
            kept[name] = value
    return kept


def closing(activity: EmailActivity, *, after_attachments: bool) -> JsonObject:
    """Return what brings an e-mail to its end: Received, at the instant it came."""
    state, status = STATUSES[EmailStatus.RECEIVED]
    row: JsonObject = {"statecode": state, "statuscode": status}
    if moment := activity.received or activity.date:
        row["actualend"] = written(moment)
    return row | ({"category": None} if after_attachments else {})


def attachment_id(activity: str, number: int) -> str:
    """Return the id of an e-mail's attachment, the same at every attempt."""
    return str(uuid.uuid5(_ATTACHMENTS, f"{activity}/{number}"))


def attachment_row(activity: str, number: int, one: StoredAttachment, body: str) -> JsonObject:
    """Return the row of an attachment; `body` is base64, `number` counts from 0."""
    row: JsonObject = {
        "objectid_email@odata.bind": f"/emails({activity})",
        "objecttypecode": "email",
        "attachmentnumber": number + 1,
        "filename": file_name(one.name),
        "mimetype": fitting("activitymimeattachment", "mimetype", one.media_type),
        "body": body,
    }
    if one.content_id:
        row["attachmentcontentid"] = fitting("activitymimeattachment", "attachmentcontentid", one.content_id)
    return row


def file_name(name: str) -> str:
    """Return a file's name as the table takes it; one that is cut keeps its ending, by which it is opened."""
    stem, dot, ending = name.rpartition(".")
    whole = fitting("activitymimeattachment", "filename", name)
    if len(whole) == len(name) or not dot or len(ending) > 20:  # noqa: PLR2004 - no ending is that long
        return whole
    return fitting("activitymimeattachment", "filename", stem)[: -len(ending) - 2] + "…." + ending


def written(moment: datetime) -> str:
    """Return an instant as OData writes it, in whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
