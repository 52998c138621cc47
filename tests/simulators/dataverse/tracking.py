"""Decide about incoming mail as the organisation's own matching would: by message id, tracking token, recipients and senders."""

from __future__ import annotations

import re
from email.utils import getaddresses

from tests.simulators.dataverse.emails import ADDRESSES
from tests.simulators.dataverse.world import Reference, Row, World

DUPLICATE, NO_CORRELATION, CORRELATION, NO_RECIPIENT, INTERNAL, SENDER_MATCH, ACCEPT_ALL, INVALID_SENDER = range(8)
"""ReasonCode of CheckIncomingEmailResponse."""

_ALL, _ANSWERS, _PEOPLE, _ENABLED, _NOTHING = range(5)
"""incomingemailfilteringmethod."""

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


def check(world: World, message_id: str, subject: str, sender: str, recipients: str) -> tuple[bool, int]:
    """Return (ShouldDeliver, ReasonCode)."""
    if not addresses(sender):
        return False, INVALID_SENDER
    if known_message(world, message_id):
        return False, DUPLICATE
    found = [
        who
        for address in addresses(recipients)
        for who in resolve(world, address)
        if who.table in {"queue", "systemuser"}
    ]
    if not found:
        return False, NO_RECIPIENT
    methods = {_method(world, who) for who in found}
    if _ALL in methods:
        return True, ACCEPT_ALL
    if methods != {_NOTHING} and correlated(world, subject):
        return True, CORRELATION
    people = [who for who in resolve(world, addresses(sender)[0]) if who.table in {"contact", "account", "lead"}]
    if people and methods & {_PEOPLE, _ENABLED}:
        return True, SENDER_MATCH
    return False, NO_CORRELATION


def _method(world: World, who: Reference) -> int:
    """Return the accept option; a user's lies in usersettings, which this organisation leaves at the default."""
    return int(world.get("queue", who.id).get("incomingemailfilteringmethod") or 0) if who.table == "queue" else _PEOPLE
