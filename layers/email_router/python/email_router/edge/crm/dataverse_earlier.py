"""Read the e-mails that Dynamics 365 had before the router came: enough of each to know an answer to it.  500 take one request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from email_router.core.conversation_index import decode
from email_router.edge.crm import dataverse_reading as reading
from email_router.edge.crm.dataverse_lengths import clean

if TYPE_CHECKING:
    from email_router.core.activity import EmailActivity
    from email_router.edge.connect.dataverse import DataverseClient
    from email_router.edge.connect.dataverse_errors import JsonObject

_PAGE = 500
_COMPLETED = 1
"""statecode of what came and what left; drafts have no answers, and what is cancelled never left."""

_EMAILS = (
    "emails?$select=subject,messageid,trackingtoken,conversationindex,directioncode,statuscode,createdon,senton,actualend"
    "&$expand=email_activity_parties($select=participationtypemask,addressused)"
)


def emails(client: DataverseClient, since: datetime) -> Iterator[Sequence[EmailActivity]]:
    """Yield, page by page, the e-mails made since then that came or left, the newest first; without bodies and attachments."""
    written = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    wanted = f"{_EMAILS}&$filter=statecode eq {_COMPLETED} and createdon ge {written}&$orderby=createdon desc"
    for page in client.pages(wanted, _PAGE):
        yield [_email(row) for row in page]


def _email(row: JsonObject) -> EmailActivity:
    index = decode(str(row.get("conversationindex") or ""))
    there = reading.activity_of(row)
    token = clean(there.tracking_token or "") or None
    return replace(there, conversation_index=index.hex() if index else None, tracking_token=token)
