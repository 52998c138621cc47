"""Functions and actions: WhoAmI, SendEmail, CheckIncomingEmail, DeliverIncomingEmail, GetTrackingTokenEmail."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from tests.simulators.dataverse import emails, errors, incoming, writing
from tests.simulators.dataverse.tables import tables
from tests.simulators.dataverse.world import ORGANIZATION, UNIT, USER, World

Json = dict[str, Any]

_ARGUMENT = re.compile(r"(\w+)=(@\w+|'(?:[^']|'')*'|true|false|null|\d+)")
_SENDABLE = frozenset({emails.DRAFT, emails.PENDING, emails.SENDING, emails.FAILED})


def arguments_of(text: str, query: Mapping[str, str]) -> Json:
    """Read a function's arguments: name=value or name=@alias, the alias in the query."""
    found: Json = {}
    for name, value in _ARGUMENT.findall(text):
        plain = query.get(value, "null") if value.startswith("@") else value
        quoted = plain.startswith("'") and plain.endswith("'")
        words = {"true": True, "false": False, "null": None}
        found[name] = plain[1:-1].replace("''", "'") if quoted else words.get(plain, plain)
    return found


def who_am_i(world: World, given: Json) -> Json:
    return {"BusinessUnitId": UNIT, "UserId": USER, "OrganizationId": ORGANIZATION}


def get_tracking_token_email(world: World, given: Json) -> Json:
    """Make the next token; the counter is the organisation's."""
    if not isinstance(given.get("Subject"), str):
        raise errors.missing("GetTrackingTokenEmail", "Subject")
    organization = world.rows["organization"][ORGANIZATION]
    number = int(organization["trackingtokenidbase"]) + 1
    world.put("organization", {**organization, "trackingtokenidbase": number})
    digits = int(organization["trackingtokeniddigits"])
    return {"TrackingToken": f"{organization['trackingprefix']}:{1:04d}{number:0{digits}d}"}


def send_email(world: World, key: str, given: Json) -> Json:
    """Mark an e-mail as sent (IssueSend false: somebody else sent it), or as to be sent; answer its final subject."""
    world.need("Write", tables()["email"])
    if "IssueSend" not in given or not isinstance(given["IssueSend"], bool):
        raise errors.missing("SendEmail", "IssueSend")
    row = world.get("email", key)
    if row.get("directioncode") is False or row["statuscode"] not in _SENDABLE:
        raise errors.invalid("The email is not in a state in which it is sent.")
    if not emails.parties(world, key, emails.TO, emails.CC, emails.BCC) or not emails.parties(
        world, key, emails.SENDER
    ):
        raise errors.invalid("An email has a sender and at least one recipient before it is sent.")
    token = given.get("TrackingToken") or ""
    subject = str(row.get("subject") or "")
    if token and token not in subject:
        subject = f"{subject} {token}".strip()[: tables()["email"].columns["subject"].longest]
    status = emails.PENDING if given["IssueSend"] else emails.SENT
    changes = {"statecode": 1, "statuscode": status, "subject": subject}
    if token:
        changes["trackingtoken"] = token
    writing.update(world, tables()["email"], key, changes)
    return {"Subject": subject}


FUNCTIONS: dict[str, Callable[[World, Json], Json]] = {
    "WhoAmI": who_am_i,
    "CheckIncomingEmail": incoming.check,
}
ACTIONS: dict[str, Callable[[World, Json], Json]] = {"GetTrackingTokenEmail": get_tracking_token_email}
ON_COLLECTION: dict[tuple[str, str], Callable[[World, Json], Json]] = {
    ("email", "DeliverIncomingEmail"): incoming.deliver,
}
ON_ROW: dict[tuple[str, str], Callable[[World, str, Json], Json]] = {("email", "SendEmail"): send_email}
