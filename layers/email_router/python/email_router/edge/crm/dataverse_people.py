"""Make contacts and leads of unknown senders in Dataverse, each exactly once.

Which record an address becomes is decided by one row in our table, `ORG#o#ADDRESS#address | PERSON`, which the first worker writes; it
gives kind and id, so that everybody makes the same record (PATCH … If-None-Match: *).  Whoever dies in between leaves a row whose record
the next one makes.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence

from email_router.core.activity import NewPerson, Record
from email_router.core.errors import MessageRefused
from email_router.edge.connect.dataverse_batch import Request
from email_router.edge.connect.dataverse_errors import CHANGED, DataverseReply, JsonObject
from email_router.edge.connect.dynamodb import ConditionFailed, Table
from email_router.edge.connect.keys import Keys
from email_router.edge.connect.ledger_rows import ABSENT
from email_router.edge.crm import dataverse_records
from email_router.edge.crm.dataverse_lengths import fitting, is_cut
from email_router.edge.crm.dataverse_organisation import Organisation

_PERSON = "PERSON"
_ERROR = 400
_FORBIDDEN = 403
_CREATE_ONLY = {"If-None-Match": "*"}
_PEOPLE = uuid.UUID("1c0f5d1e-2f61-5c0f-8a55-6c9d7b1f4e02")
_SETS = {"contact": "contacts", "lead": "leads"}


def create(
    organisation: Organisation, table: Table, keys: Keys, people: Sequence[NewPerson]
) -> Mapping[str, tuple[Record, ...]]:
    """Make a record for each address that no record has, active or not; return whom the addresses lead to then.

    An address that is longer than its column, or that Dataverse refuses, is absent: its sender stays unresolved.
    """
    first = {one.address.casefold(): one for one in reversed(people) if _fits(one)}
    found, taken = dataverse_records.known(organisation.client, [one.address for one in people])
    missing = [one for address, one in first.items() if address not in taken]
    if missing:
        found |= _made(organisation, missing, [_decided(table, keys, one) for one in missing])
    return found


def _fits(person: NewPerson) -> bool:
    return person.kind in _SETS and not is_cut(person.kind, "emailaddress1", person.address)


def _decided(table: Table, keys: Keys, person: NewPerson) -> Record:
    """Return the record that the address becomes: ours, or the one that another worker has decided on before."""
    made = str(uuid.uuid5(_PEOPLE, f"{keys.organisation}/{person.kind}/{person.address.casefold()}"))
    place = keys.address(person.address), _PERSON
    try:
        table.put({"pk": place[0], "sk": place[1], "kind": person.kind, "id": made}, ABSENT)
    except ConditionFailed as standing:
        item = standing.item or table.get(place) or {"kind": person.kind, "id": made}
        return Record(item["kind"], item["id"], person.name)
    return Record(person.kind, made, person.name)


def _made(
    organisation: Organisation, people: Sequence[NewPerson], records: Sequence[Record]
) -> dict[str, tuple[Record, ...]]:
    """Make the records; those whose owner may not have them, or whom we may not assign, stay the router's."""
    owners = organisation.users(one.owner for one in people)
    found, others, unowned = _batch(organisation, list(zip(people, records, strict=True)), owners)
    if unowned:
        more, late, _ = _batch(organisation, unowned, {})
        found.update(more)
        others += late
    found.update(_now(organisation, others))
    return found


def _batch(
    organisation: Organisation, wanted: Sequence[tuple[NewPerson, Record]], owners: Mapping[str, str]
) -> tuple[dict[str, tuple[Record, ...]], list[str], list[tuple[NewPerson, Record]]]:
    """Return what was made, the addresses whose record stands already, and what was refused for its owner."""
    requests = [_request(record, person, owners.get(person.owner.casefold(), "")) for person, record in wanted]
    found: dict[str, tuple[Record, ...]] = {}
    others: list[str] = []
    unowned: list[tuple[NewPerson, Record]] = []
    for (person, record), (reply,) in zip(wanted, organisation.client.batch(requests), strict=True):
        owned = person.owner.casefold() in owners
        if reply.status == CHANGED:
            others.append(person.address)
        elif reply.status == _FORBIDDEN and owned:
            unowned.append((person, record))
        elif reply.status < _ERROR or _taken(organisation, reply):
            owner = person.owner if owned else ""
            found[person.address.casefold()] = (Record(record.kind, record.id, record.name, owner),)
    return found, others, unowned


def _taken(organisation: Organisation, reply: DataverseReply) -> bool:
    """Return False for a row that Dataverse refuses.  Raises what else its answer means."""
    try:
        organisation.client.checked(reply)
    except MessageRefused:
        return False
    return True


def _now(organisation: Organisation, addresses: Iterable[str]) -> Mapping[str, tuple[Record, ...]]:
    """Return whom addresses lead to whose record somebody else has made meanwhile."""
    wanted = list(addresses)
    return dataverse_records.resolve(organisation.client, wanted) if wanted else {}


def _request(record: Record, person: NewPerson, owner: str) -> Request:
    first, _, last = person.name.rpartition(" ")
    row: JsonObject = {
        "lastname": fitting(record.kind, "lastname", last),
        "emailaddress1": person.address,
    }
    if first.strip():
        row["firstname"] = fitting(record.kind, "firstname", first.strip())
    if record.kind == "lead":
        row["subject"] = fitting("lead", "subject", person.address)
    if owner:
        row["ownerid@odata.bind"] = f"/systemusers({owner})"
    return Request("PATCH", f"{_SETS[record.kind]}({record.id})", row, _CREATE_ONLY)
