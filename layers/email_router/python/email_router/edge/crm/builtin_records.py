"""Keep the built-in CRM's contacts, leads, accounts, users and queues, and find them by address.

`ORG#o#RECORD#kind#id | RECORD` is a record; `ORG#o#ADDRESS#address | RECORDS` lists what an address leads to, so a page's addresses are
resolved by one batch of reads.  An address with more than 100 records leads nowhere (Power Platform, "Associate email addresses").
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from email_router.core.activity import Record
from email_router.core.errors import TryLater
from email_router.edge.connect import transactions
from email_router.edge.connect.compact import from_plain, to_plain
from email_router.edge.connect.dynamodb import Table
from email_router.edge.connect.keys import Keys
from email_router.edge.connect.transactions import Action, Cancelled
from email_router.edge.connect.values import Item

ORDER = ("user", "contact", "account", "lead", "queue")
"""In which order the records of one address answer for it (router-facts: SystemUser, Contact, Account, Lead, then the others)."""

LISTING = "listing"

_RECORD = "RECORD"
_RECORDS = "RECORDS"
_MOST = 100
_ROWS = 24
_NAMESPACE = uuid.UUID("0a4f2c52-5d8e-5b35-9f3c-6f1a0a2f7b11")


@dataclass(frozen=True, slots=True)
class AddressedRecord:
    """A record and its address: one line of the CSV that `crm import` reads."""

    address: str
    record: Record


def record_of_row(organisation: str, kind: str, address: str, name: str = "", owner: str = "") -> AddressedRecord:
    """Return the record of a CSV line; the same line gives the same id."""
    made = uuid.uuid5(_NAMESPACE, f"{organisation}/{kind}/{address.strip().casefold()}")
    return AddressedRecord(address.strip(), Record(kind, str(made), name, owner))


def resolve(table: Table, keys: Keys, addresses: Sequence[str]) -> Mapping[str, tuple[Record, ...]]:
    """Return the records of each address that leads to any, in the order of ORDER."""
    found = {item["address"]: item for item in _lists(table, keys, addresses)}
    return {
        address: tuple(sorted((from_plain(Record, one) for one in item["records"]), key=_rank))
        for address, item in found.items()
        if item["records"] and not item.get("overflow")
    }


def store(table: Table, keys: Keys, rows: Iterable[AddressedRecord]) -> int:
    """Write records and let their addresses lead to them; return how many.  Repeatable: a record is replaced by its id."""
    latest = {(row.record.kind, row.record.id): row for row in rows}
    pending = list(latest.values())
    for start in range(0, len(pending), _ROWS):
        _store(table, keys, pending[start : start + _ROWS])
    return len(pending)


def listed(table: Table, keys: Keys) -> Iterator[AddressedRecord]:
    """Yield all records, by kind and id."""
    index = table.query("#lpk = :lpk", {":lpk": keys.records}, index=LISTING, fields="#pk, #sk, #lsk")
    order = {(item["pk"], item["sk"]): item["lsk"] for item in index}
    items = sorted(table.get_all(order), key=lambda item: order[item["pk"], item["sk"]])
    for item in items:
        yield AddressedRecord(item["address"], from_plain(Record, item["record"]))


def _store(table: Table, keys: Keys, rows: Sequence[AddressedRecord]) -> None:
    for turn in range(transactions.ROUNDS):
        before = {item["address"]: item for item in _lists(table, keys, [row.address for row in rows])}
        actions = [transactions.put(table.name, _record_item(keys, row)) for row in rows]
        for address in {row.address.casefold() for row in rows}:
            added = [row.record for row in rows if row.address.casefold() == address]
            actions.append(_listing_action(table.name, keys, address, before.get(address), added))
        try:
            transactions.write(table.client, actions)
        except Cancelled:
            transactions.pause(turn)
        else:
            return
    raise TryLater(f"{keys.organisation}: somebody else imports records; try again", kind="aws_busy")


def _lists(table: Table, keys: Keys, addresses: Sequence[str]) -> Iterator[Item]:
    wanted = dict.fromkeys(address.casefold() for address in addresses)
    return table.get_all((keys.address(address), _RECORDS) for address in wanted)


def _record_item(keys: Keys, row: AddressedRecord) -> Item:
    record = row.record
    pk, lsk = keys.record(record.kind, record.id), f"{record.kind}#{record.id}"
    plain = to_plain(record)
    return {"pk": pk, "sk": _RECORD, "lpk": keys.records, "lsk": lsk, "address": row.address, "record": plain}


def _listing_action(name: str, keys: Keys, address: str, before: Item | None, added: Sequence[Record]) -> Action:
    """Return the write of an address's list, on condition that nobody wrote it meanwhile."""
    known = [from_plain(Record, one) for one in before["records"]] if before else []
    merged = {(one.kind, one.id): one for one in [*known, *added]}
    version = before["version"] if before else 0
    item: Item = {
        "pk": keys.address(address),
        "sk": _RECORDS,
        "address": address,
        "records": [to_plain(one) for one in list(merged.values())[:_MOST]],
        "version": version + 1,
        "overflow": len(merged) > _MOST or (before or {}).get("overflow") or None,
    }
    if before:
        return transactions.put(name, item, "#version = :version", {":version": version})
    return transactions.put(name, item, "attribute_not_exists(#pk)")


def _rank(record: Record) -> tuple[int, str, str]:
    place = ORDER.index(record.kind) if record.kind in ORDER else len(ORDER)
    return place, record.kind, record.id
