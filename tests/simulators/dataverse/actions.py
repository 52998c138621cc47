"""Functions and actions: WhoAmI, SendEmail, CheckIncomingEmail, DeliverIncomingEmail, GetTrackingTokenEmail."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from tests.simulators.dataverse import emails, errors, tracking, writing
from tests.simulators.dataverse.tables import tables
from tests.simulators.dataverse.world import ORGANIZATION, UNIT, USER, Reference, World

Json = dict[str, Any]

_ARGUMENT = re.compile(r"(\w+)=(@\w+|'(?:[^']|'')*'|true|false|null|\d+)")
_TEXTS = ("MessageId", "From", "To", "Cc", "Bcc", "SubmittedBy", "Importance", "Body", "ReceivedOn")
_IMPORTANCE = {"low": 0, "0": 0, "normal": 1, "1": 1, "high": 2, "2": 2}
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


def check_incoming_email(world: World, given: Json) -> Json:
    world.need("Read", tables()["email"])
    texts = _texts(given, ("MessageId", "From", "To", "Cc", "Bcc"))
    recipients = ",".join(texts[name] for name in ("To", "Cc", "Bcc") if texts[name])
    should, reason = tracking.check(
        world, texts["MessageId"], str(given.get("Subject") or ""), texts["From"], recipients
    )
    return {"ShouldDeliver": should, "ReasonCode": reason}


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


def deliver_incoming_email(world: World, given: Json) -> Json:
    """Make the e-mail activity, with the parties and the regarding that the organisation's own matching finds."""
    world.need("Create", tables()["email"])
    texts = _texts(given, _TEXTS)
    if tracking.known_message(world, texts["MessageId"]):
        raise errors.exists_already()
    attachments = given.get("Attachments")
    if not isinstance(attachments, list):
        raise errors.missing("DeliverIncomingEmail", "Attachments")
    subject = str(given.get("Subject") or "")
    answered = tracking.correlated(world, subject)
    about = {"correlatedactivityid": answered and Reference("email", answered["activityid"])}
    about["regardingobjectid"] = answered and answered.get("regardingobjectid")
    payload = _payload(world, texts, subject, attachments)
    key = writing.create(world, tables()["email"], payload)["activityid"]
    method = 4 if answered else 0
    made = {
        **world.get("email", key),
        **about,
        "correlationmethod": method,
        "trackingtoken": tracking.token_of(world, subject) or None,
    }
    world.put("email", {**made, "statecode": 1, "statuscode": emails.RECEIVED, "actualend": texts["ReceivedOn"]})
    return {"EmailId": key}


def _payload(world: World, texts: Mapping[str, str], subject: str, attachments: list[Any]) -> Json:
    return {
        "subject": subject,
        "description": texts["Body"],
        "messageid": texts["MessageId"],
        "submittedby": texts["SubmittedBy"],
        "directioncode": False,
        "prioritycode": _IMPORTANCE.get(texts["Importance"].lower(), 1),
        "email_activity_parties": _parties(world, texts),
        "email_activity_mime_attachment": attachments,
    }


def _parties(world: World, texts: Mapping[str, str]) -> list[Json]:
    """The sender is one record, the recipients all that have the address; unknown addresses stay unresolved."""
    rows: list[Json] = []
    for mask, name in ((emails.SENDER, "From"), (emails.TO, "To"), (emails.CC, "Cc"), (emails.BCC, "Bcc")):
        for address in tracking.addresses(texts[name]):
            found = tracking.resolve(world, address)[: 1 if mask == emails.SENDER else None]
            party: Json = {"participationtypemask": mask, "addressused": address}
            for who in found:
                place = f"/{tables()[who.table].set_name}({who.id})"
                rows.append({**party, f"partyid_{who.table}@odata.bind": place})
            rows.extend([] if found else [party])
    return rows


def _texts(given: Json, names: tuple[str, ...]) -> dict[str, str]:
    for name in names:
        if not isinstance(given.get(name), str):
            raise errors.DataverseFailure(400, "0x80048d19", f"Parameter '{name}' is required and is an Edm.String.")
    return {name: given[name] for name in names}


FUNCTIONS: dict[str, Callable[[World, Json], Json]] = {
    "WhoAmI": who_am_i,
    "CheckIncomingEmail": check_incoming_email,
}
ACTIONS: dict[str, Callable[[World, Json], Json]] = {"GetTrackingTokenEmail": get_tracking_token_email}
ON_COLLECTION: dict[tuple[str, str], Callable[[World, Json], Json]] = {
    ("email", "DeliverIncomingEmail"): deliver_incoming_email,
}
ON_ROW: dict[tuple[str, str], Callable[[World, str, Json], Json]] = {("email", "SendEmail"): send_email}
