"""Every CRM with a world of its own: how a test lets it know records, and does what its users do."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from email_router.core.activity import EmailActivity, Record, Role
from email_router.edge.crm.builtin_records import AddressedRecord
from email_router.edge.crm.dataverse import DataverseCrm
from email_router.edge.crm.dataverse_rows import written
from tests.cloud import Place, Stores, aws_stores
from tests.contracts.dataverse_rig import Rig
from tests.deliveries import ANN
from tests.deliveries import outgoing as named_outgoing
from tests.simulators.dataverse.world import USER

_ADDRESSES = {
    "contact": ("emailaddress1", "emailaddress2", "emailaddress3"),
    "lead": ("emailaddress1", "emailaddress2", "emailaddress3"),
    "account": ("emailaddress1", "emailaddress2", "emailaddress3"),
    "user": ("internalemailaddress", "personalemailaddress", "mobilealertemail"),
    "queue": ("emailaddress",),
}
_NAMES = {"account": "name", "queue": "name"}


def guid(name: str) -> str:
    """Return an id that every CRM takes, the same for the same name."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, name))


CRMS = ("memory", "moto", "ministack", "dataverse")
"""The fake, the built-in CRM on two emulators of AWS, and Dynamics 365: one body, and each keeps what every CRM promises."""

OWN_RECORDS = ("memory", "moto", "ministack")
"""Those whose records the router itself keeps: what `crm import`, `merge`, `activate` and `deactivate` promise is asked of them alone.

In Dynamics 365 its users import, merge and activate records; which addresses the master of a merge has then is theirs to choose there.
"""

CONTACT = Record("contact", guid("c-1"), "Erin Fabrikam", ANN)
ACCOUNT = Record("account", guid("a-1"), "Fabrikam")


def outgoing(name: str = "e1", **given: object) -> EmailActivity:
    """Return an e-mail that waits to be sent; its id is one that every CRM takes."""
    return named_outgoing(guid(name), **given)


def keeps_records(crm: object) -> bool:
    """Tell whether the router itself keeps the CRM's records, by what its adapter can do."""
    adapter = crm._crm if isinstance(crm, DataverseHouse) else crm
    return hasattr(adapter, "import_records")


class DataverseHouse:
    """The adapter, and around it what administrators and users of Dynamics 365 do; what is not here is the adapter's."""

    def __init__(self, crm: DataverseCrm, rig: Rig) -> None:
        self._crm = crm
        self._rig = rig
        self._process = rig.process

    def __getattr__(self, name: str) -> Any:
        return getattr(self._crm, name)

    def import_records(self, rows: Iterable[AddressedRecord]) -> int:
        """Let an administrator write records; an address that is new to one is added to it."""
        found: set[str] = set()
        for row in rows:
            self._know(row.address, row.record)
            found.add(row.record.id)
        return len(found)

    def _know(self, address: str, record: Record) -> None:
        table = "systemuser" if record.kind == "user" else record.kind
        key = f"{table}id"
        before: dict[str, Any] = next((one for one in self._process.rows(table) if one[key] == record.id), {})
        columns = _ADDRESSES[record.kind]
        free = next(name for name in columns if (before.get(name) or address).casefold() == address.casefold())
        row: dict[str, Any] = {key: record.id, free: address, _NAMES.get(record.kind, "fullname"): record.name or None}
        if record.kind not in {"user", "queue"}:
            row["ownerid"] = self._owner(record.owner)
        self._process.put(table, **row)

    def _owner(self, address: str) -> dict[str, str]:
        """Return the user with this address, or a team: who has no address owns nothing of his own."""
        if not address:
            return {"table": "team", "id": self._process.put("team", teamid=guid("team"), name="Everybody")["teamid"]}
        return {"table": "systemuser", "id": self.user(address)}

    def user(self, address: str) -> str:
        """Return the id of the user with this address, made where there is none."""
        users = {one["internalemailaddress"]: one["systemuserid"] for one in self._process.rows("systemuser")}
        made = users.get(address) or self._process.put("systemuser", internalemailaddress=address)["systemuserid"]
        return str(made)

    def deactivate(self, record: str) -> None:
        """Let a user deactivate a contact or lead."""
        table, row = self._found(record)
        self._process.put(table, **row, statecode=1)

    def activate(self, record: str) -> None:
        """Let a user activate a contact or lead again."""
        table, row = self._found(record)
        self._process.put(table, **row, statecode=0)

    def merge(self, loser: str, winner: str) -> None:
        """Let a user merge a record into another: it is inactive then, and points to its master."""
        table, row = self._found(loser)
        self._process.put(table, **row, statecode=1, merged=True, masterid={"table": table, "id": winner})

    def records(self) -> list[AddressedRecord]:
        """Return contacts and leads."""
        return [
            AddressedRecord(row["emailaddress1"] or "", Record(table, row[f"{table}id"], row["fullname"] or ""))
            for table in ("contact", "lead")
            for row in self._process.rows(table)
        ]

    def create_outgoing(self, email: EmailActivity) -> None:
        """Let a command make an e-mail, whose senders are queues there; and an administrator set back the clock."""
        known = {one["emailaddress"] for one in self._process.rows("queue")}
        for address in {*email.addresses(Role.FROM)} - known:
            self._process.put("queue", queueid=guid(address), name="Office", emailaddress=address)
        parties = [
            replace(one, record=Record("queue", guid(one.address), "Office")) if one.role is Role.FROM else one
            for one in email.parties
        ]
        there = {one["activityid"] for one in self._process.rows("email")}
        self._crm.create_outgoing(replace(email, parties=tuple(parties)))
        if email.created and email.id not in there:
            self._process.put("email", activityid=email.id, createdon=written(email.created))

    def _found(self, record: str) -> tuple[str, dict[str, Any]]:
        table = next(
            table
            for table in ("contact", "lead", "account")
            if any(one[f"{table}id"] == record for one in self._process.rows(table))
        )
        return table, {f"{table}id": record}


def dataverse_stores(place: Place, rig: Rig) -> Stores:
    """Return the real stores with the activities in a simulated Dataverse."""
    stores = aws_stores(place)
    rig.process.put(
        "systemuser", systemuserid=USER, internalemailaddress=None
    )  # an application user seldom has an address
    given = place.clients.dynamodb, place.crm, place.router, stores.organisation, stores.blobs
    return replace(stores, crm=DataverseHouse(DataverseCrm(rig.client, *given), rig))


def reads_the_same(read: EmailActivity, given: EmailActivity) -> bool:
    """Tell whether an outgoing e-mail reads as it was given, whatever else its CRM adds."""
    same = (
        *("id", "direction", "status", "subject", "text", "html", "message_id", "tracking_token", "attempts", "reason"),
        *("date", "created"),
    )
    people = [(one.role, one.address) for one in read.parties] == [(one.role, one.address) for one in given.parties]
    return people and all(getattr(read, name) == getattr(given, name) for name in same)
