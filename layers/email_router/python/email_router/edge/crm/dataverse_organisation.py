"""Know of an organisation what seldom changes: its users by address, what attachments it takes, the entity sets of its tables.

Asked when first needed and again after five minutes.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from email_router.edge.connect.dataverse import DataverseClient, text
from email_router.edge.connect.dataverse_batch import Request
from email_router.edge.crm import dataverse_attachments
from email_router.edge.crm.dataverse_attachments import Blocking
from email_router.edge.crm.dataverse_records import among, groups

_SECONDS = 300.0
_ADDRESS = "internalemailaddress"


class Organisation:
    """What is known of one organisation; not kept longer than five minutes."""

    def __init__(self, client: DataverseClient) -> None:
        self.client = client
        self._users: dict[str, tuple[str, float]] = {}
        self._sets: dict[str, str] = {}
        self._blocking: tuple[Blocking, float] | None = None

    def users(self, addresses: Iterable[str]) -> Mapping[str, str]:
        """Return the ids of the active users who have these addresses (case folded); an address that no user has is absent."""
        wanted = {address.casefold() for address in addresses if address}
        old = time.monotonic() - _SECONDS
        missing = sorted(one for one in wanted if self._users.get(one, ("", old - 1))[1] < old)
        if missing:
            found = dict.fromkeys(missing, "")
            for (reply,) in self.client.batch([Request("GET", _users(group)) for group in groups(missing)]):
                for row in self.client.checked(reply).rows():
                    found[str(row.get(_ADDRESS) or "").strip().casefold()] = str(row["systemuserid"])
            now = time.monotonic()
            self._users |= {address: (user, now) for address, user in found.items()}
        return {address: user for address in wanted if (user := self._users[address][0])}

    def blocking(self) -> Blocking:
        """Return which attachments are not taken."""
        if self._blocking is None or self._blocking[1] < time.monotonic() - _SECONDS:
            self._blocking = (dataverse_attachments.read(self.client), time.monotonic())
        return self._blocking[0]

    def sets(self, tables: Iterable[str]) -> Mapping[str, str]:
        """Return the entity sets of tables beyond those that every organisation has; a table that is not there is absent."""
        missing = sorted({table for table in tables if table.isidentifier()} - self._sets.keys())
        if missing:
            targets = [f"EntityDefinitions(LogicalName={text(table)})?$select=EntitySetName" for table in missing]
            for table, (reply,) in zip(
                missing, self.client.batch([Request("GET", target) for target in targets]), strict=True
            ):
                found = reply.status != 404 and self.client.checked(reply).json().get("EntitySetName")  # noqa: PLR2004 - HTTP
                self._sets[table] = str(found or "")
        return {table: rows for table, rows in self._sets.items() if rows}


def _users(addresses: list[str]) -> str:
    return f"systemusers?$select={_ADDRESS}&$filter=isdisabled eq false and {among(_ADDRESS, addresses)}"
