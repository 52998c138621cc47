"""The demo's people as they stand in Dynamics 365, where its administrator has made them; and how the router reaches it."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from email_router.cli.demo.world import ANN, BOB, IDA, NAMES, RECORDS, SALES, SUPPORT

if TYPE_CHECKING:
    from email_router.cli.demo.world import Servers

Row = dict[str, Any]

_PEOPLE = uuid.UUID("5b6f5d0e-3f0a-5a53-8d57-0f5f0a9b2c11")


def rows() -> dict[str, list[Row]]:
    """Return the rows by table: users and queues of the served mailboxes, then contacts, leads and accounts with their owners."""
    found: dict[str, list[Row]] = {
        "systemuser": [
            {"systemuserid": _id(address), **_person(NAMES[address]), "internalemailaddress": address}
            for address in (ANN, BOB, IDA)
        ],
        "queue": [
            {"queueid": _id(address), "name": NAMES[address], "emailaddress": address} for address in (SALES, SUPPORT)
        ],
    }
    for kind, address, name, owner in RECORDS:
        row = {"name": name} if kind == "account" else _person(name)
        row |= {f"{kind}id": _id(f"{kind}/{address}"), "emailaddress1": address}
        found.setdefault(kind, []).append({**row, "ownerid": {"table": "systemuser", "id": _id(owner)}})
    return found


def table(servers: Servers) -> str:
    """Return the configuration's table of the CRM."""
    return f"""kind = "dataverse"
url = "{servers.dataverse_url}"
authority = "{servers.dataverse_url}"
tenant_id = "{servers.tenant}"
client_id = "{servers.client}"
credentials = {{ env = "DEMO_DATAVERSE_SECRET" }}
ca_bundle = "ca.pem"
"""


def _person(name: str) -> Row:
    first, _, last = name.rpartition(" ")
    return {"firstname": first, "lastname": last}


def _id(name: str) -> str:
    return str(uuid.uuid5(_PEOPLE, name))
