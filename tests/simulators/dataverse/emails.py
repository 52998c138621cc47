"""How e-mails, their parties and their attachments behave beyond their columns."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection

from tests.simulators.dataverse import errors
from tests.simulators.dataverse.tables import Table
from tests.simulators.dataverse.world import Reference, Row, World, instant

DRAFT, COMPLETED, SENT, RECEIVED, CANCELED, PENDING, SENDING, FAILED = range(1, 9)
SENDER, TO, CC, BCC = 1, 2, 3, 4

_CLOSED = frozenset({COMPLETED, SENT, RECEIVED, CANCELED})
_LATER = frozenset({"statecode", "statuscode", "ownerid", "regardingobjectid", "deliveryattempts", "notifications"})
"""What is still changed of an e-mail that has come to its end: its state, and whose it is and what it is about."""

ADDRESSES = {
    "contact": ("emailaddress1", "emailaddress2", "emailaddress3"),
    "lead": ("emailaddress1", "emailaddress2", "emailaddress3"),
    "account": ("emailaddress1", "emailaddress2", "emailaddress3"),
    "systemuser": ("internalemailaddress", "personalemailaddress", "mobilealertemail"),
    "queue": ("emailaddress",),
}


def defaults(table: Table) -> Row:
    """Return what a new row has that its maker does not give."""
    if table.name == "email":
        return {
            "directioncode": True,
            "activitytypecode": "email",
            "deliveryattempts": 0,
            "attachmentcount": 0,
            "correlationmethod": 0,
            "compressed": False,
            "emailreminderstatus": 0,
        }
    if table.name == "activityparty":
        return {"ispartydeleted": False, "instancetypecode": 0}
    return {}


def before_write(world: World, table: Table, old: Row, row: Row, touched: Collection[str] = ()) -> None:
    """Refuse what the table does not let happen, and fill in what it knows itself."""
    if table.name == "email":
        _email(world, old, row, touched)
    elif table.name == "activityparty":
        _party(world, row)
    elif table.name == "activitymimeattachment":
        _attachment(world, old, row)


def after_write(world: World, table: Table, key: str) -> None:
    """Bring the e-mail up to date with its parties and attachments."""
    if table.name == "email":
        _sum_up(world, key)
    elif table.name == "activitymimeattachment":
        owner = world.rows["activitymimeattachment"][key].get("objectid")
        if owner:
            _sum_up(world, owner.id)


def parties(world: World, email: str, *masks: int) -> list[Row]:
    """Return the parties of an e-mail, of these kinds only where any are named."""
    rows = world.children("activityparty", "activityid", email)
    return [row for row in rows if not masks or row["participationtypemask"] in masks]


def _email(world: World, old: Row, row: Row, touched: Collection[str]) -> None:
    late = set(touched) - _LATER
    if old.get("statuscode") in _CLOSED and row["statuscode"] == old["statuscode"] and late:
        raise errors.invalid(f"A completed or canceled email is read-only: {', '.join(sorted(late))} was not changed.")
    if row["statuscode"] in _CLOSED and old.get("statuscode") not in _CLOSED:
        row["actualend"] = row.get("actualend") or instant()
    if row["statuscode"] == SENT and old.get("statuscode") != SENT:
        row["senton"] = instant()
    if row["statuscode"] == RECEIVED and row.get("directioncode") is not False:
        world.violations.append("an outgoing e-mail was given the status Received")
    if row["statuscode"] in {PENDING, SENDING, SENT} and row.get("directioncode") is False:
        world.violations.append(f"an incoming e-mail was given the status {row['statuscode']} of outgoing ones")


def _party(world: World, row: Row) -> None:
    who: Reference | None = row.get("partyid")
    if who is None and not row.get("addressused"):
        raise errors.invalid("An activity party has neither a record nor an address.")
    if row["participationtypemask"] not in {SENDER, TO, CC, BCC, 8, 9}:
        raise errors.invalid(f"Participation type {row['participationtypemask']} is not one of an email.")
    if who is not None and not row.get("addressused") and who.table in ADDRESSES:
        record = world.get(who.table, who.id)
        row["addressused"] = next((record[name] for name in ADDRESSES[who.table] if record.get(name)), None)


def _attachment(world: World, old: Row, row: Row) -> None:
    owner: Reference | None = row.get("objectid")
    email = world.rows["email"].get(owner.id) if owner else None
    if row.get("objecttypecode") != "email":
        raise errors.invalid("The attachment's objecttypecode does not fit the row that objectid leads to.")
    if email is None or email["statuscode"] in _CLOSED:
        raise errors.invalid("An attachment is added to or changed of an email that is open only.")
    try:
        size = len(base64.b64decode(row.get("body") or "", validate=True))
    except (binascii.Error, ValueError) as problem:
        raise errors.invalid("The attachment's body is not valid base64.") from problem
    _allowed(world, str(row.get("filename") or ""), size)
    row["filesize"] = size
    row["activityid"] = owner
    if not old and row.get("attachmentnumber") is None:
        row["attachmentnumber"] = len(world.children("activitymimeattachment", "objectid", email["activityid"])) + 1


def _allowed(world: World, name: str, size: int) -> None:
    """Refuse what the organisation's settings block."""
    organization = next(iter(world.rows["organization"].values()))
    if size > organization["maxuploadfilesize"]:
        raise errors.DataverseFailure(400, "0x80044a02", "Attachment file size is too big.")
    blocked = str(organization.get("blockedattachments") or "").lower().split(";")
    if "." in name and name.lower().rsplit(".", 1)[1] in blocked:
        raise errors.DataverseFailure(400, "0x80043e09", "The attachment is not a valid file type.")


def _sum_up(world: World, key: str) -> None:
    row = world.rows["email"][key]
    sender = next(iter(parties(world, key, SENDER)), None)
    addresses = [party["addressused"] for party in parties(world, key, TO, CC, BCC) if party.get("addressused")]
    world.rows["email"][key] = {
        **row,
        "attachmentcount": len(world.children("activitymimeattachment", "objectid", key)),
        "sender": row.get("sender") or (sender and sender.get("addressused")),
        "emailsender": sender and sender.get("partyid"),
        "torecipients": row.get("torecipients") or (";".join(addresses)[:500] or None),
    }
