"""CheckIncomingEmail and DeliverIncomingEmail: the organisation itself says which mail it wants, matches it and makes the e-mail.

learn.microsoft.com/power-apps/developer/data-platform/webapi/reference/checkincomingemail and .../deliverincomingemail.  It matches by
tracking token, then by smart matching where the organisation has it on (email-message-filtering-correlation); there is no In-Reply-To.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from tests.simulators.dataverse import emails, errors, tracking, writing
from tests.simulators.dataverse.tables import tables
from tests.simulators.dataverse.world import ORGANIZATION, Reference, Row, World

Json = dict[str, Any]

DUPLICATE, NO_CORRELATION, CORRELATION, NO_RECIPIENT, INTERNAL, SENDER_MATCH, ACCEPT_ALL, INVALID_SENDER = range(8)
"""ReasonCode of CheckIncomingEmailResponse."""

_ALL, _ANSWERS, _PEOPLE, _ENABLED, _NOTHING = range(5)
"""incomingemailfilteringmethod."""

_BY_NOTHING, _BY_TOKEN, _BY_WORDS = 0, 4, 6
"""correlationmethod."""

_ASKED = ("MessageId", "From", "To", "Cc", "Bcc")
_GIVEN = (*_ASKED, "ReceivedOn", "SubmittedBy", "Importance", "Body")
_OPEN = frozenset({"Subject", "ExtraProperties"})
"""Parameters that may be null or left out."""

TAKES_COPIES = "<TakesCopies>true</TakesCopies>"
"""In orgdborgsettings: messages are not looked up by their ids before they are made e-mails."""

_FILE = "#Microsoft.Dynamics.CRM.activitymimeattachment"
_IMPORTANCE = {"low": 0, "0": 0, "normal": 1, "1": 1, "high": 2, "2": 2}
_FILTER = r"^[\s]*([\w]+\s?:[\s]*)+"
_SETTINGS = {"hashmaxcount": 20, "hashdeltasubjectcount": 0, "hashminaddresscount": 2}


def check(world: World, given: Json) -> Json:
    """Say whether a mail would be tracked, and why (not); nothing is written."""
    world.need("Read", tables()["email"])
    texts = _texts("CheckIncomingEmail", given, _ASKED)
    should, reason = _judged(world, texts, str(given.get("Subject") or ""))
    return {"ShouldDeliver": should, "ReasonCode": reason}


def deliver(world: World, given: Json) -> Json:
    """Make the e-mail activity, with the parties and the regarding that the organisation's own matching finds."""
    world.need("Create", tables()["email"])
    texts = _texts("DeliverIncomingEmail", given, _GIVEN, "Attachments")
    moment, files = _moment(texts["ReceivedOn"]), _files(given.get("Attachments"))
    if tracking.known_message(world, texts["MessageId"]) and not _takes_copies(world):
        raise errors.exists_already()
    subject = str(given.get("Subject") or "")
    answered, method = _matched(world, subject, texts)
    key = writing.create(world, tables()["email"], _payload(world, texts, subject, files))["activityid"]
    made = {
        **world.get("email", key),
        "correlatedactivityid": answered and Reference("email", answered["activityid"]),
        "regardingobjectid": answered and answered.get("regardingobjectid"),
        "correlationmethod": method,
        "trackingtoken": tracking.token_of(world, subject) or None,
    }
    world.put("email", {**made, "statecode": 1, "statuscode": emails.RECEIVED, "actualend": moment})
    return {"EmailId": key}


def _takes_copies(world: World) -> bool:
    """Tell whether a test has the organisation make an e-mail of every copy: no page of Microsoft's promises that it refuses a second."""
    return TAKES_COPIES in str(world.get("organization", ORGANIZATION).get("orgdborgsettings") or "")


def _judged(world: World, texts: Mapping[str, str], subject: str) -> tuple[bool, int]:
    """Return (ShouldDeliver, ReasonCode)."""
    sender = tracking.addresses(texts["From"])
    if not sender:
        return False, INVALID_SENDER
    if tracking.known_message(world, texts["MessageId"]):
        return False, DUPLICATE
    people = tracking.resolve(world, sender[0])
    found = [who for one in _recipients(texts) for who in tracking.resolve(world, one) if _takes_mail(who)]
    if not found:
        return False, NO_RECIPIENT
    if world.get("organization", ORGANIZATION).get("ignoreinternalemail") and any(map(_takes_mail, people)):
        return False, INTERNAL
    methods = {tracking.method(world, who) for who in found}
    if _ALL in methods:
        return True, ACCEPT_ALL
    if methods != {_NOTHING} and _matched(world, subject, texts)[0]:
        return True, CORRELATION
    if methods & {_PEOPLE, _ENABLED} and any(who.table in {"contact", "account", "lead"} for who in people):
        return True, SENDER_MATCH
    return False, NO_CORRELATION


def _takes_mail(who: Reference) -> bool:
    return who.table in {"queue", "systemuser"}


def _recipients(texts: Mapping[str, str]) -> list[str]:
    return [address for name in ("To", "Cc", "Bcc") for address in tracking.addresses(texts[name])]


def _matched(world: World, subject: str, texts: Mapping[str, str]) -> tuple[Row | None, int]:
    """Return the e-mail that a mail continues, and how it was found."""
    if answered := tracking.correlated(world, subject):
        return answered, _BY_TOKEN
    if not world.get("organization", ORGANIZATION).get("enablesmartmatching"):
        return None, _BY_NOTHING
    people = {*tracking.addresses(texts["From"]), *_recipients(texts)}
    rows = reversed(world.rows["email"].values())
    alike = next((row for row in rows if _is_alike(world, row, subject, people)), None)
    return alike, _BY_WORDS if alike else _BY_NOTHING


def _is_alike(world: World, row: Row, subject: str, people: Collection[str]) -> bool:
    """Compare the words of the subjects and the people, as the organisation's settings have it."""
    organization = world.get("organization", ORGANIZATION)
    most, delta, least = (int(organization.get(name) or default) for name, default in _SETTINGS.items())
    noise = str(organization.get("hashfilterkeywords") or _FILTER)
    ours, theirs = (
        set(re.findall(r"\w+", re.sub(noise, "", text))[:most])
        for text in (subject.lower(), str(row.get("subject") or "").lower())
    )
    known = {str(one.get("addressused") or "").lower() for one in emails.parties(world, row["activityid"])}
    return bool(ours) and len(ours ^ theirs) <= delta and len(known & set(people)) >= least


def _texts(name: str, given: Json, names: tuple[str, ...], *others: str) -> dict[str, str]:
    """Return the parameters that are texts; null, another type and a parameter that nobody knows are refused."""
    for one in names:
        if not isinstance(given.get(one), str):
            raise errors.DataverseFailure(
                400, "0x80048d19", f"{name}: parameter '{one}' is required and is an Edm.String."
            )
    unknown = given.keys() - {*names, *others, *_OPEN}
    if unknown:
        words = f"The parameter '{min(unknown)}' in the request payload is not a valid parameter for the operation '{name}'."
        raise errors.DataverseFailure(400, "0x80048d19", words)
    return {one: given[one] for one in names}


def _moment(text: str) -> str:
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)", text):
        words = f"Cannot convert the literal '{text}' to the expected type 'Edm.DateTimeOffset'."
        raise errors.DataverseFailure(400, "0x80048d19", words)
    return text


def _files(given: object) -> list[Json]:
    """Return the attachments' rows: of a collection of rows of any table each says which it is of."""
    if not isinstance(given, list):
        raise errors.missing("DeliverIncomingEmail", "Attachments")
    rows = []
    for one in given:
        kind = str(one.get("@odata.type") or "") if isinstance(one, dict) else ""
        if f"#{kind.removeprefix('#')}" != _FILE:
            raise errors.DataverseFailure(400, "0x80048d19", "A resource of Attachments has no type, or another one.")
        rows.append({name: value for name, value in one.items() if name != "@odata.type"})
    return rows


def _payload(world: World, texts: Mapping[str, str], subject: str, files: list[Json]) -> Json:
    return {
        "subject": subject,
        "description": texts["Body"],
        "messageid": texts["MessageId"],
        "submittedby": texts["SubmittedBy"],
        "directioncode": False,
        "prioritycode": _IMPORTANCE.get(texts["Importance"].lower(), 1),
        "email_activity_parties": _parties(world, texts),
        "email_activity_mime_attachment": files,
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
