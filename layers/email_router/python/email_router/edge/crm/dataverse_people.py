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
from email_router.edge.connect.dataverse_errors import CHANGED, JsonObject
from email_router.edge.connect.dynamodb import ConditionFailed, Table
from email_router.edge.connect.keys import Keys
from email_router.edge.connect.ledger_rows import ABSENT
from email_router.edge.crm import dataverse_records
from email_router.edge.crm.dataverse_lengths import fitting, is_cut
from email_router.edge.crm.dataverse_organisation import Organisation

_PERSON = "PERSON"
_ERROR = 400
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
    owners = organisation.users(one.owner for one in people)
    requests = [
        _request(record, person, owners.get(person.owner.casefold(), ""))
        for person, record in zip(people, records, strict=True)
    ]
    found: dict[str, tuple[Record, ...]] = {}
    others = []
    for person, record, (reply,) in zip(people, records, organisation.client.batch(requests), strict=True):
        if reply.status == CHANGED:
            others.append(person.address)
        elif reply.status >= _ERROR:
            try:
                organisation.client.checked(reply)
            except MessageRefused:
                continue
        else:
            owner = person.owner if person.owner.casefold() in owners else ""
            found[person.address.casefold()] = (Record(record.kind, record.id, record.name, owner),)
    return found | _now(organisation, others)


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
