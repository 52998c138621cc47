"""Tell which mailboxes server-side synchronization (or an old E-mail Router) serves in Dynamics 365: our mail must not be theirs, too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from email_router.core.mailbox import Direction
from email_router.edge.connect.dataverse_batch import Request
from email_router.edge.crm.dataverse_records import among, groups

if TYPE_CHECKING:
    from email_router.edge.connect.dataverse import DataverseClient

_SERVER_SIDE = 2
"""incomingemaildeliverymethod, outgoingemaildeliverymethod: Server-Side Synchronization or Email Router."""

_SUCCESS = 1
_COLUMNS = (
    "emailaddress,incomingemaildeliverymethod,outgoingemaildeliverymethod,incomingemailstatus,outgoingemailstatus"
)


def served_there(client: DataverseClient, addresses: Sequence[str]) -> Mapping[str, frozenset[Direction]]:
    """Return by address (case folded) which directions are served there, tested with success; addresses of which none is are absent."""
    wanted = dict.fromkeys(address.casefold() for address in addresses)
    asked = [Request("GET", _mailboxes(group)) for group in groups(wanted)]
    found: dict[str, frozenset[Direction]] = {}
    for (reply,) in client.batch(asked):
        for row in client.checked(reply).rows():
            served = {one for one in Direction if _serves(row, one.value)}
            address = str(row.get("emailaddress") or "").casefold()
            if served:
                found[address] = found.get(address, frozenset()) | served
    return found


def _mailboxes(addresses: Sequence[str]) -> str:
    return f"mailboxes?$select={_COLUMNS}&$filter=statecode eq 0 and {among('emailaddress', addresses)}"


def _serves(row: Mapping[str, object], direction: str) -> bool:
    method, status = row.get(f"{direction}emaildeliverymethod"), row.get(f"{direction}emailstatus")
    return (method, status) == (_SERVER_SIDE, _SUCCESS)
