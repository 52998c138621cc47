"""Find what an incoming mail has to do with the organisation: its records by address, e-mails by message id and tracking token."""

from __future__ import annotations

import re
from email.utils import getaddresses

from tests.simulators.dataverse.emails import ADDRESSES
from tests.simulators.dataverse.world import Reference, Row, World

_ORDER = ("systemuser", "contact", "account", "lead", "queue")


def addresses(text: str) -> list[str]:
    """Return the addresses of a header's text, in lower case."""
    return [address.lower() for _, address in getaddresses([text.replace(";", ",")]) if "@" in address]


def resolve(world: World, address: str) -> list[Reference]:
    """Return the active records of an address, in the order in which a sender is resolved."""
    found = []
    for name in _ORDER:
        for key, row in world.rows[name].items():
            known = {str(row.get(column) or "").lower() for column in ADDRESSES[name]}
            if address.lower() in known and not row.get("statecode") and not row.get("isdisabled"):
                found.append(Reference(name, key))
    return found


def token_of(world: World, subject: str) -> str:
    """Return the tracking token in a subject, or nothing."""
    prefix = re.escape(str(next(iter(world.rows["organization"].values()))["trackingprefix"]))
    found = re.search(rf"{prefix}:?\s?\d+", subject)
    return found[0] if found else ""


def correlated(world: World, subject: str) -> Row | None:
    """Return the e-mail that the subject's token belongs to, or None."""
    token = token_of(world, subject)
    rows = world.rows["email"].values()
    return next((row for row in rows if token and row.get("trackingtoken") == token), None)


def known_message(world: World, message_id: str) -> Row | None:
    """Return the incoming e-mail with this message id, or None."""
    rows = world.rows["email"].values()
    return next((row for row in rows if row.get("messageid") == message_id and row.get("directioncode") is False), None)


def method(world: World, who: Reference) -> int:
    """Return the accept option; a user's lies in usersettings, made with him."""
    if who.table == "queue":
        return int(world.get("queue", who.id).get("incomingemailfilteringmethod") or 0)
    return int(world.get("usersettings", who.id)["incomingemailfilteringmethod"])
