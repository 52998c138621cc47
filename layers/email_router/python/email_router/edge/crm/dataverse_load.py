"""Read which users and queues of Dynamics 365 have mailboxes, and how they are served there.  Only reads; three requests for up to 5,000."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from email_router.core.errors import MailboxBlocked
from email_router.edge.crm.dataverse_settings import accepted_by_users

if TYPE_CHECKING:
    from email_router.edge.connect.dataverse import DataverseClient
    from email_router.edge.connect.dataverse_errors import JsonObject

_PAGE = 5000
_FILTER = "incomingemailfilteringmethod"
_ANNOTATED = ('odata.include-annotations="Microsoft.Dynamics.CRM.lookuplogicalname"',)
_OWNER = "_regardingobjectid_value"
_MAILBOXES = (
    "mailboxes?$select=name,emailaddress,incomingemaildeliverymethod,outgoingemaildeliverymethod,emailrouteraccessapproval,isforwardmailbox,"
    f"{_OWNER}&$filter=statecode eq 0 and emailaddress ne null&$orderby=emailaddress"
)
_QUEUES = "queues?$select=emailaddress,incomingemailfilteringmethod&$filter=statecode eq 0 and emailaddress ne null"
_METHODS = {0: "none", 1: "outlook", 2: "server-side", 3: "forward"}
_ACCEPT = {0: "all", 1: "replies", 2: "contacts", 3: "records", 4: "none"}
_APPROVED = 1


@dataclass(frozen=True, slots=True)
class LoadedMailbox:
    """A mailbox as Dynamics 365 has it: kind is user, queue or forward; `accept` is empty where it is not to be seen."""

    kind: str
    address: str
    name: str
    incoming: str
    outgoing: str
    approved: bool
    accept: str = ""


def mailboxes(client: DataverseClient) -> Iterator[LoadedMailbox]:
    """Yield the active mailboxes that have an address, by address.

    What users accept is their own setting; without the privilege to read it (prvReadUserSettings) it is left out.
    """
    queues = {_folded(row): row.get(_FILTER) for page in client.pages(_QUEUES, _PAGE) for row in page}
    rows = [row for page in client.pages(_MAILBOXES, _PAGE, prefer=_ANNOTATED) for row in page]
    users = _accepted_by_users(client, rows)
    for row in rows:
        kind = _kind(row)
        option = {"queue": queues.get(_folded(row)) or 0, "user": users.get(str(row.get(_OWNER)))}.get(kind)
        yield LoadedMailbox(
            kind=kind,
            address=str(row["emailaddress"]),
            name=str(row.get("name") or ""),
            incoming=_METHODS.get(row.get("incomingemaildeliverymethod") or 0, "none"),
            outgoing=_METHODS.get(row.get("outgoingemaildeliverymethod") or 0, "none"),
            approved=row.get("emailrouteraccessapproval") == _APPROVED,
            accept=_ACCEPT.get(option, "") if isinstance(option, int) else "",
        )


def _accepted_by_users(client: DataverseClient, rows: Iterable[JsonObject]) -> Mapping[str, object]:
    users = sorted({str(row[_OWNER]) for row in rows if row.get(_OWNER) and _kind(row) == "user"})
    try:
        return accepted_by_users(client, users)
    except MailboxBlocked as refusal:
        if refusal.kind != "access_denied":
            raise
        return {}


def _kind(row: JsonObject) -> str:
    if row.get("isforwardmailbox"):
        return "forward"
    return "queue" if row.get(f"{_OWNER}@Microsoft.Dynamics.CRM.lookuplogicalname") == "queue" else "user"


def _folded(row: JsonObject) -> str:
    return str(row.get("emailaddress") or "").casefold()
