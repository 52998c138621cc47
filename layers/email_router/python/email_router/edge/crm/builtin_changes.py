"""Change records of the built-in CRM and the lists of their addresses, together or not at all.

`ORG#o#RECORD#kind#id | RECORD` is a record, `ORG#o#ADDRESS#address | RECORDS` lists the records that an address leads to.  Every row bears
a version, and is written on condition that nobody wrote it since it was read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from email_router.core.activity import Record
from email_router.core.parties import MOST_MATCHES
from email_router.edge.connect import transactions
from email_router.edge.connect.compact import from_plain, to_plain
from email_router.edge.connect.dynamodb import Table
from email_router.edge.connect.keys import Keys
from email_router.edge.connect.transactions import Action, Place
from email_router.edge.connect.values import Item

Ident = tuple[str, str]
"""What a record is known by: kind and id."""

_RECORD = "RECORD"
_RECORDS = "RECORDS"
_STATES = "STATES"
_INACTIVE = "inactive"
_UNCHANGED = "attribute_not_exists(#version)", "#version = :version"


def ident_of(record: Record) -> Ident:
    """Return the record's kind and id."""
    return record.kind, record.id


@dataclass(frozen=True, slots=True)
class Kept:
    """A record as it is kept.  `address` is its own, `addresses` are all that led to it, case folded.

    `master` is the record that it was merged into; `depth` is the length of the longest chain of merged records that ends here.
    """

    record: Record
    address: str = ""
    addresses: tuple[str, ...] = ()
    active: bool = True
    master: Ident | None = None
    depth: int = 0
    version: int = 0

    def reached(self, *addresses: str) -> Kept:
        """Return the record with these addresses too."""
        added = (one.casefold() for one in addresses)
        return replace(self, addresses=tuple(dict.fromkeys((*self.addresses, *added))))


@dataclass(frozen=True, slots=True)
class Listing:
    """The records that have an address.  Of more than 100 one more than that is kept, for good: they lead nowhere."""

    address: str
    records: tuple[Record, ...] = ()
    inactive: tuple[Record, ...] = ()
    overflow: bool = False
    version: int = 0

    @property
    def empty(self) -> bool:
        """Tell whether no record at all has the address."""
        return not (self.records or self.inactive or self.overflow)

    def put(self, record: Record, *, active: bool = True) -> Listing:
        """Return the list with this record, in its place where it stood already."""
        inactive = self._without(self.inactive, record) if active else _placed(self.inactive, record)
        if not active and not self.overflow:
            return replace(self, records=self._without(self.records, record), inactive=inactive)
        records = _placed(self.records, record)[: MOST_MATCHES + 1]
        return replace(self, records=records, inactive=inactive, overflow=self.overflow or len(records) > MOST_MATCHES)

    def remove(self, record: Record) -> Listing:
        """Return the list without this record; a list that has overflowed stays as it is, since it does not know all."""
        if self.overflow:
            return self
        records, inactive = (self._without(group, record) for group in (self.records, self.inactive))
        return replace(self, records=records, inactive=inactive)

    @staticmethod
    def _without(group: tuple[Record, ...], record: Record) -> tuple[Record, ...]:
        return tuple(one for one in group if ident_of(one) != ident_of(record))


class Change:
    """Records and lists as they were read, and as they are to be; what was set is written by one transaction."""

    def __init__(self, table: Table, keys: Keys, idents: Iterable[Ident], addresses: Iterable[str]) -> None:
        self._table = table
        self._keys = keys
        self.records: dict[Ident, Kept] = {}
        self.listings: dict[str, Listing] = {}
        self._changed: dict[Ident | str, Action] = {}
        self.read(idents, addresses)

    def read(self, idents: Iterable[Ident], addresses: Iterable[str]) -> None:
        """Read these too, one batch."""
        wanted = [one.casefold() for one in addresses if one.casefold() not in self.listings]
        self.listings |= {address: Listing(address) for address in wanted}
        for kept in read(self._table, self._keys, (one for one in idents if one not in self.records), wanted):
            if isinstance(kept, Kept):
                self.records[ident_of(kept.record)] = kept
            else:
                self.listings[kept.address] = kept

    def set_record(self, kept: Kept) -> None:
        """Let the record be so; its version is raised even where it stays the same."""
        self.records[ident_of(kept.record)] = kept
        self._changed[ident_of(kept.record)] = self._put(_record_item(self._keys, kept), kept.version)

    def set_listing(self, listing: Listing) -> None:
        """Let the list be so."""
        if listing != self.listings[listing.address]:
            self.listings[listing.address] = listing
            self._changed[listing.address] = self._put(_listing_item(self._keys, listing), listing.version)

    def write(self, *, states: bool = False) -> None:
        """Write what was set; `states` says that records change theirs.  Raises Cancelled when somebody wrote one of them meanwhile."""
        actions = list(self._changed.values())
        if states and actions:
            pk, sk = states_place(self._keys)
            actions.append(transactions.put(self._table.name, {"pk": pk, "sk": sk, "changed": True}))
        if actions:
            transactions.write(self._table.client, actions)

    def _put(self, item: Item, version: int) -> Action:
        item["version"] = version + 1
        if version:
            return transactions.put(self._table.name, item, _UNCHANGED[1], {":version": version})
        return transactions.put(self._table.name, item, _UNCHANGED[0])


def states_place(keys: Keys) -> Place:
    """Return the place of the row that tells that some record is inactive or merged; while there is none, nobody needs to look."""
    return keys.records, _STATES


def read(table: Table, keys: Keys, idents: Iterable[Ident], addresses: Iterable[str]) -> Iterator[Kept | Listing]:
    """Yield the records and lists that exist, one batch of reads."""
    places = [(keys.record(kind, name), _RECORD) for kind, name in idents]
    places += [(keys.address(address), _RECORDS) for address in addresses]
    for item in table.get_all(places):
        yield kept_of(item) if item["sk"] == _RECORD else _listing_of(item)


def kept_of(item: Item) -> Kept:
    """Read a record's row."""
    master = item.get("master")
    return Kept(
        record=from_plain(Record, item["record"]),
        address=item["address"],
        addresses=tuple(item.get("addresses", [item["address"].casefold()])),
        active=item.get("state") != _INACTIVE,
        master=(master[0], master[1]) if master else None,
        depth=item.get("depth", 0),
        version=item.get("version", 0),
    )


def _record_item(keys: Keys, kept: Kept) -> Item:
    record = kept.record
    return {
        "pk": keys.record(record.kind, record.id),
        "sk": _RECORD,
        "lpk": keys.records,
        "lsk": f"{record.kind}#{record.id}",
        "address": kept.address,
        "addresses": None if kept.addresses == (kept.address.casefold(),) else list(kept.addresses),
        "record": to_plain(record),
        "state": None if kept.active else _INACTIVE,
        "master": list(kept.master) if kept.master else None,
        "depth": kept.depth or None,
    }


def _listing_of(item: Item) -> Listing:
    records, inactive = (
        tuple(from_plain(Record, one) for one in item.get(name, [])) for name in ("records", "inactive")
    )
    return Listing(item["address"], records, inactive, bool(item.get("overflow")), item["version"])


def _listing_item(keys: Keys, listing: Listing) -> Item:
    return {
        "pk": keys.address(listing.address),
        "sk": _RECORDS,
        "address": listing.address,
        "records": [to_plain(one) for one in listing.records],
        "inactive": [to_plain(one) for one in listing.inactive] or None,
        "overflow": listing.overflow or None,
    }


def _placed(group: tuple[Record, ...], record: Record) -> tuple[Record, ...]:
    return tuple({ident_of(one): one for one in (*group, record)}.values())
