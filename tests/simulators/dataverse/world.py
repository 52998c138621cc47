"""What the simulated organisation holds: rows by table, its user and privileges, keys, and what was done against the rules."""

from __future__ import annotations

import threading
import uuid
from datetime import UTC, datetime
from typing import Any, NamedTuple

from tests.simulators.dataverse import errors, webhooks
from tests.simulators.dataverse.limits import Limits
from tests.simulators.dataverse.tables import Table, tables
from tests.simulators.graph.world import World as Login

Row = dict[str, Any]

USER = "7f0a4b0e-0d0c-4d0a-8f3e-5f2a6f1c0001"
UNIT = "7f0a4b0e-0d0c-4d0a-8f3e-5f2a6f1c0002"
ORGANIZATION = "7f0a4b0e-0d0c-4d0a-8f3e-5f2a6f1c0003"

_OWNERS = (("owninguser", "systemuser"), ("owningteam", "team"))


class Reference(NamedTuple):
    """The value of a lookup."""

    table: str
    id: str


class World:
    """Everything, under one lock.  A row is never changed in place, so that a change set can be taken back."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.login = Login()
        self.version = 1_000_000
        self.reset()

    def reset(self) -> None:
        """Begin anew; who is signed in stays signed in."""
        self.login.token_seconds = 3599
        self.limits = Limits()
        self.rows: dict[str, dict[str, Row]] = {name: {} for name in tables()}
        self.member = True
        self.denied: set[str] = set()
        """Privileges that the application user lacks."""
        self.depths: dict[str, str] = {}
        """Privileges that he has less deep than Global: Basic, Local or Deep."""
        self.alternate_keys: set[tuple[str, str]] = set()
        """(table, column) of alternate keys."""
        self.violations: list[str] = []
        """What a client asked or the simulator answered against Microsoft's description."""
        self._found()

    def _found(self) -> None:
        """Make the rows that every organisation has: itself and the application user."""
        organization = {
            "organizationid": ORGANIZATION,
            "name": "contoso",
            "trackingprefix": "CRM",
            "trackingtokenidbase": 0,
        }
        settings = {"trackingtokeniddigits": 3, "maxuploadfilesize": 5_242_880, "blockedattachments": "exe;bat;js"}
        self.put("organization", {**organization, **settings, "isdisabled": False})
        user = {"systemuserid": USER, "firstname": "#", "lastname": "E-mail Router", "fullname": "# E-mail Router"}
        webhooks.found(self, Reference)
        self.put("systemuser", {**user, "internalemailaddress": "router@contoso.example", "isdisabled": False})

    def put(self, name: str, values: Row) -> Row:
        """Write a row as it is, with a new version; return it."""
        table = tables()[name]
        self.version += 1
        now = instant()
        old = self.rows[name].get(values[table.key], {})
        row = {**old, **values}
        row |= {
            "createdon": row.get("createdon") or now,
            "createdby": row.get("createdby") or Reference("systemuser", USER),
        }
        row |= {"modifiedon": now, "modifiedby": Reference("systemuser", USER), "versionnumber": self.version}
        owner = row.get("ownerid")
        for column, of in _OWNERS:
            if owner and column in table.columns and table.columns[column].kind == "lookup":
                row[column] = owner if owner.table == of else None
        self.rows[name][values[table.key]] = {key: value for key, value in row.items() if key in table.columns}
        if name == "systemuser" and values[table.key] not in self.rows["usersettings"]:
            self.put("usersettings", {"systemuserid": values[table.key], "incomingemailfilteringmethod": 2})
        return self.rows[name][values[table.key]]

    def remove(self, name: str, key: str) -> None:
        """Remove a row and what belongs to it alone."""
        for child, column in tables()[name].many.values():
            for row in self.children(child, column, key):
                self.remove(child, row[tables()[child].key])
        del self.rows[name][key]

    def children(self, name: str, column: str, key: str) -> list[Row]:
        """Return the rows of a table whose lookup leads to this id, in the order they were made."""
        return [row for row in self.rows[name].values() if row.get(column) and row[column].id == key]

    def get(self, name: str, key: str) -> Row:
        """Return a row, or raise Dataverse's 404."""
        row = self.rows.get(name, {}).get(key)
        if row is None:
            raise errors.not_there(name, key)
        return row

    def snapshot(self) -> dict[str, dict[str, Row]]:
        """Return what `restore` takes to bring this very state back."""
        return {name: dict(rows) for name, rows in self.rows.items()}

    def restore(self, snapshot: dict[str, dict[str, Row]]) -> None:
        """Take everything back that was done since the snapshot."""
        self.rows = snapshot

    def need(self, verb: str, table: Table) -> None:
        """Refuse what the application user has no privilege for, naming it."""
        privilege = f"prv{verb}{table.privilege}"
        if privilege in self.denied:
            raise errors.no_privilege(USER, privilege, table.name, table.code)


def instant(moment: datetime | None = None) -> str:
    """Return a moment (now) as Dataverse writes it: UTC, whole seconds."""
    return (moment or datetime.now(UTC)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def new_id() -> str:
    """Return a fresh id."""
    return str(uuid.uuid4())
