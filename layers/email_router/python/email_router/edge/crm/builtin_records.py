"""Keep the built-in CRM's contacts, leads, accounts, users and queues, and find them by address.

A page's addresses are resolved by one batch of reads, each address by the list of its records.  Who is deactivated or merged into another
is in no list of the active; an address with more than 100 records answers with more than 100, which stand for nobody.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from email_router.core.activity import NewPerson, Record
from email_router.core.errors import TryLater
from email_router.core.grouping import groups
from email_router.core.parties import MOST_MATCHES
from email_router.edge.connect import transactions
from email_router.edge.connect.dynamodb import Table
from email_router.edge.connect.keys import Keys
from email_router.edge.connect.transactions import Cancelled
from email_router.edge.crm.builtin_changes import Change, Kept, Listing, ident_of, kept_of, read

ORDER = ("user", "contact", "account", "lead", "queue")
"""In which order the records of one address answer for it (router-facts: SystemUser, Contact, Account, Lead, then the others)."""

LISTING = "listing"

_ROWS = 24
_NAMESPACE = uuid.UUID("0a4f2c52-5d8e-5b35-9f3c-6f1a0a2f7b11")


@dataclass(frozen=True, slots=True)
class AddressedRecord:
    """A record and its address: one line of the CSV that `crm import` reads."""

    address: str
    record: Record


def record_of_row(
    organisation: str, kind: str, address: str, name: str = "", owner: str = "", record_id: str = ""
) -> AddressedRecord:
    """Return the record of a CSV line; without an id of its own it is known by kind and address, so the same line gives the same id."""
    made = record_id or str(uuid.uuid5(_NAMESPACE, f"{organisation}/{kind}/{address.strip().casefold()}"))
    return AddressedRecord(address.strip(), Record(kind, made, name, owner))


def resolve(table: Table, keys: Keys, addresses: Sequence[str]) -> Mapping[str, tuple[Record, ...]]:
    """Return the active records of each address that leads to any, in the order of ORDER."""
    wanted = dict.fromkeys(address.casefold() for address in addresses)
    return _answers(one for one in read(table, keys, (), wanted) if isinstance(one, Listing))


def store(table: Table, keys: Keys, rows: Iterable[AddressedRecord]) -> int:
    """Write records and let their addresses lead to them; return how many records.

    Repeatable: a record is replaced by its id and keeps its state and its earlier addresses.
    """
    latest: dict[tuple[str, str], Record] = {}
    pending: dict[tuple[str, str, str], str] = {}
    for row in rows:
        latest[ident_of(row.record)] = row.record
        pending[(*ident_of(row.record), row.address.casefold())] = row.address
    addressed = [AddressedRecord(address, latest[kind, name]) for (kind, name, _), address in pending.items()]
    for group in groups(addressed, _ROWS):
        _store(table, keys, group)
    return len(latest)


def create(table: Table, keys: Keys, people: Sequence[NewPerson]) -> Mapping[str, tuple[Record, ...]]:
    """Make a record for each address that no record has, active or not; return whom the addresses lead to then.

    Exactly once: the record is written with the list of its address, on condition that nobody wrote that list meanwhile.
    """
    found: dict[str, tuple[Record, ...]] = {}
    first = {one.address.casefold(): one for one in reversed(people)}
    for group in groups(first.values(), _ROWS):
        found |= _answers(_created(table, keys, group).listings.values())
    return found


def listed(table: Table, keys: Keys) -> Iterator[AddressedRecord]:
    """Yield all records, by kind and id."""
    index = table.query("#lpk = :lpk", {":lpk": keys.records}, index=LISTING, fields="#pk, #sk, #lsk")
    order = {(item["pk"], item["sk"]): item["lsk"] for item in index}
    items = sorted(table.get_all(order), key=lambda item: order[item["pk"], item["sk"]])
    for item in items:
        kept = kept_of(item)
        yield AddressedRecord(kept.address, kept.record)


def _store(table: Table, keys: Keys, rows: Sequence[AddressedRecord]) -> None:
    for turn in range(transactions.ROUNDS):
        change = Change(table, keys, {ident_of(row.record) for row in rows}, {row.address for row in rows})
        for row in rows:
            _keep(change, row)
        if _written(change, turn):
            return
    raise TryLater(f"{keys.organisation}: somebody else imports records; try again", kind="aws_busy")


def _created(table: Table, keys: Keys, people: Sequence[NewPerson]) -> Change:
    rows = [record_of_row(keys.organisation, one.kind, one.address, one.name, one.owner) for one in people]
    for turn in range(transactions.ROUNDS):
        change = Change(table, keys, [ident_of(row.record) for row in rows], [row.address for row in rows])
        for row in rows:
            if change.listings[row.address.casefold()].empty:
                _keep(change, row)
        if _written(change, turn):
            return change
    text = f"{keys.organisation}: somebody else changes the records of the same addresses"
    raise TryLater(text, kind="aws_busy", shared=True)


def _written(change: Change, turn: int) -> bool:
    """Write; False, after a random while, when another writer was faster."""
    try:
        change.write()
    except Cancelled:
        transactions.pause(turn)
        return False
    return True


def _keep(change: Change, row: AddressedRecord) -> None:
    """Let the record be as the line says; its state stays, and the address of a merged one goes on leading to its master."""
    before = change.records.get(ident_of(row.record))
    kept = replace(before or Kept(row.record), record=row.record, address=row.address).reached(row.address)
    if kept != before:
        change.set_record(kept)
    if kept.master is None:
        change.set_listing(change.listings[row.address.casefold()].put(row.record, active=kept.active))


def _answers(listings: Iterable[Listing]) -> dict[str, tuple[Record, ...]]:
    return {
        one.address: tuple(sorted(one.records, key=_rank))
        for one in listings
        if one.records and (not one.overflow or len(one.records) > MOST_MATCHES)
    }


def _rank(record: Record) -> tuple[int, str, str]:
    place = ORDER.index(record.kind) if record.kind in ORDER else len(ORDER)
    return place, record.kind, record.id
