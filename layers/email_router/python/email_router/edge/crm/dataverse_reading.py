"""Read an e-mail of Dataverse as an activity, with its parties, and the names of its attachments."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from email_router.core.activity import EmailActivity, EmailStatus, Party, Record, Role
from email_router.core.mailbox import Direction
from email_router.edge.connect.dataverse_batch import Request
from email_router.edge.connect.dataverse_errors import NOT_FOUND
from email_router.edge.crm.dataverse_rows import GUID, TABLES, text_of

if TYPE_CHECKING:
    from email_router.edge.connect.dataverse import DataverseClient
    from email_router.edge.connect.dataverse_errors import DataverseReply, JsonObject

COLUMNS = (
    "subject,description,statecode,statuscode,directioncode,messageid,trackingtoken,prioritycode,deliveryattempts,createdon,senton,actualend,"
    "isworkflowcreated,readreceiptrequested,deliveryreceiptrequested,category,_regardingobjectid_value,_parentactivityid_value,_correlatedactivityid_value,sender"
)
_EXPAND = (
    "email_activity_parties($select=participationtypemask,addressused,_partyid_value),"
    "owninguser_email($select=internalemailaddress)"
)
_FILES = (
    "activitymimeattachments?$select=filename,mimetype,attachmentcontentid,filesize,attachmentnumber,_objectid_value"
)
_ASKED = 25
"""E-mails whose attachments one request asks for: its address stays far below what lies between takes."""

_LOOKUP = "@Microsoft.Dynamics.CRM.lookuplogicalname"
_FORMATTED = "@OData.Community.Display.V1.FormattedValue"
_ANNOTATED = ('odata.include-annotations="*"',)
_ROLES = {1: Role.FROM, 2: Role.TO, 3: Role.CC, 4: Role.BCC}
_IMPORTANCE = {0: "low", 1: "normal", 2: "high"}
_KINDS = {table: kind for kind, table in TABLES.items()}
_MARKUP = re.compile(r"</?[a-zA-Z][^>]*>|&[a-zA-Z]+;")
_STATUSES = {
    1: EmailStatus.DRAFT,
    3: EmailStatus.SENT,
    4: EmailStatus.RECEIVED,
    5: EmailStatus.CANCELLED,
    6: EmailStatus.PENDING,
    7: EmailStatus.SENDING,
    8: EmailStatus.FAILED,
}


def read(client: DataverseClient, activity: str) -> JsonObject | None:
    """Return the row of an e-mail with its parties, or None."""
    if not GUID.fullmatch(activity):
        return None
    reply = client.call("GET", _target(activity), prefer=_ANNOTATED, accept=(NOT_FOUND,))
    return _row(client, reply)


def read_all(client: DataverseClient, activities: Sequence[str]) -> Iterator[JsonObject]:
    """Yield the rows of these e-mails with their parties, one batch for up to 1,000; one that is not there is passed over."""
    headers = {"Prefer": ",".join(_ANNOTATED)}
    requests = [Request("GET", _target(one), headers=headers) for one in activities if GUID.fullmatch(one)]
    for (reply,) in client.batch(requests):
        row = _row(client, reply)
        if row is not None:
            yield row


def _target(activity: str) -> str:
    return f"emails({activity})?$select={COLUMNS}&$expand={_EXPAND}"


def _row(client: DataverseClient, reply: DataverseReply) -> JsonObject | None:
    return None if reply.status == NOT_FOUND and reply.code else client.checked(reply).json()


def activity_of(row: JsonObject) -> EmailActivity:
    """Return the activity as the table alone tells it, without its attachments."""
    incoming = row.get("directioncode") is False
    body = str(row.get("description") or "")
    text = text_of(body)
    if text is None and not _MARKUP.search(body):
        text = body
    owner = row.get("owninguser_email")
    return EmailActivity(
        id=str(row["activityid"]),
        direction=Direction.INCOMING if incoming else Direction.OUTGOING,
        status=status_of(row),
        subject=str(row.get("subject") or ""),
        message_id=row.get("messageid") or None,
        parties=tuple(_parties(row)),
        regarding=regarding_of(row),
        correlated=row.get("_parentactivityid_value") or row.get("_correlatedactivityid_value") or None,
        tracking_token=row.get("trackingtoken") or None,
        date=_instant(row.get("senton") or row.get("actualend")),
        received=_instant(row.get("actualend")) if incoming else None,
        created=_instant(row.get("createdon")),
        text=text or "",
        html=body if text is None else "",
        owner=str(owner.get("internalemailaddress") or "") if isinstance(owner, dict) else "",
        importance=_IMPORTANCE.get(row.get("prioritycode", 1), "normal"),
        attempts=int(row.get("deliveryattempts") or 0),
        automatic=bool(row.get("isworkflowcreated")),
        read_receipt=bool(row.get("readreceiptrequested")),
        delivery_receipt=bool(row.get("deliveryreceiptrequested")),
    )


def status_of(row: JsonObject) -> EmailStatus:
    """Return where an e-mail stands by the table; one that a user closed (Completed) has left, or came, as far as he says."""
    closed = EmailStatus.RECEIVED if row.get("directioncode") is False else EmailStatus.SENT
    return _STATUSES.get(int(row.get("statuscode") or 1), closed)


def regarding_of(row: JsonObject) -> Record | None:
    """Return the record that an e-mail is about."""
    key = row.get("_regardingobjectid_value")
    table = str(row.get(f"_regardingobjectid_value{_LOOKUP}") or "")
    named = str(row.get(f"_regardingobjectid_value{_FORMATTED}") or "")
    return Record(_KINDS.get(table, table), str(key), named) if key else None


def _parties(row: JsonObject) -> Iterator[Party]:
    for one in row.get("email_activity_parties") or ():
        role = _ROLES.get(one.get("participationtypemask"))
        key, table = one.get("_partyid_value"), str(one.get(f"_partyid_value{_LOOKUP}") or "")
        named = str(one.get(f"_partyid_value{_FORMATTED}") or "")
        record = Record(_KINDS.get(table, table), str(key), named) if key else None
        if role is not None and one.get("addressused"):
            yield Party(role, str(one["addressused"]), "", record)


def attachments(client: DataverseClient, activities: Sequence[str]) -> dict[str, list[JsonObject]]:
    """Return the rows of the attachments of these e-mails, by their ids in small letters, in order, without their content."""
    found: dict[str, list[JsonObject]] = {}
    for start in range(0, len(activities), _ASKED):
        own = " or ".join(f"_objectid_value eq {one}" for one in activities[start : start + _ASKED])
        for page in client.pages(f"{_FILES}&$filter={own}&$orderby=attachmentnumber", 500):
            for row in page:
                found.setdefault(str(row["_objectid_value"]).lower(), []).append(row)
    return found


def _instant(text: object) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) and text else None
