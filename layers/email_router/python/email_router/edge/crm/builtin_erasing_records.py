"""Find the records of the built-in CRM that are a person, and take them out of the CRM with their addresses.

A contact, lead, user or queue that the address leads to is the person, and so are the records that it was merged with.  An account is a
company: it loses the address, and goes only when it has no other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from email_router.core.erasing import Fate, Piece
from email_router.core.person import Person
from email_router.edge.connect.dynamodb import Table
from email_router.edge.connect.keys import Keys
from email_router.edge.connect.transactions import Cancelled, Place
from email_router.edge.connect.values import Item
from email_router.edge.crm import builtin_records
from email_router.edge.crm.builtin_changes import Change, Ident, Kept, Listing, ident_of, kept_of

KINDS = frozenset({"record", "records of an address"})
"""The kinds of rows that are found here and nowhere else."""

_COMPANY = "account"


@dataclass(frozen=True, slots=True)
class Mine:
    """The records that are the person, their names, and the further addresses that lead to them."""

    records: tuple[Kept, ...]
    keeping: tuple[Kept, ...]
    names: frozenset[str]
    further: frozenset[str]

    @property
    def idents(self) -> frozenset[Ident]:
        """Kind and id of each that goes."""
        return frozenset(ident_of(one.record) for one in self.records)


def of_person(table: Table, keys: Keys, address: str) -> Mine:
    """Return whose the address is: by the list of the address, and by all records, since a merged one stands in no list."""
    known = {ident_of(one.record): one for one in _all(table, keys)}
    change = Change(table, keys, (), [address])
    listed = change.listings[address.casefold()]
    change.read([ident_of(one) for one in (*listed.records, *listed.inactive)], ())
    known |= change.records
    having = {ident for ident, kept in known.items() if _has(kept, address)}
    having |= {ident for ident in map(ident_of, (*listed.records, *listed.inactive)) if ident in known}
    having = _merged_with(having, known)
    # Those go last that are found by the address itself: until then they lead to the others.
    found = sorted((known[ident] for ident in having), key=lambda one: (_has(one, address), ident_of(one.record)))
    going = tuple(one for one in found if not _keeps(one, address))
    further = {other for one in going for other in one.addresses} - {address.casefold()}
    names = frozenset(name for one in going if (name := one.record.name.strip()))
    return Mine(going, tuple(one for one in found if _keeps(one, address)), names, frozenset(further))


def names_as_owner(person: Person, keys: Keys, item: Item) -> bool:
    """Tell whether the row of somebody else's record, or the list of another address, names the person as an owner."""
    own = item["pk"] == keys.address(person.address) or item["pk"] in {keys.record(*one) for one in person.records}
    return not own and "version" in item and Person(person.address).named_in({**item, "address": "", "addresses": []})


def pieces(table: Table, keys: Keys, address: str) -> Iterator[Piece]:
    """Yield each record, and the list of the address.  They go last: what is found by them is gone by then."""
    mine = of_person(table, keys, address)
    for one in mine.records:
        yield Piece("record", Fate.REMOVED, partial(_remove, table, keys, one))
    for one in mine.keeping:
        yield Piece("record", Fate.REPLACED, partial(_without, table, keys, one, address.casefold()))
    place = keys.address(address), "RECORDS"
    if table.get(place) is not None:
        yield Piece("records of an address", Fate.REMOVED, partial(_delete, table, place))


def _all(table: Table, keys: Keys) -> Iterator[Kept]:
    index = table.query("#lpk = :lpk", {":lpk": keys.records}, index=builtin_records.LISTING, fields="#pk, #sk")
    places = [(item["pk"], item["sk"]) for item in index]
    return (kept_of(item) for item in table.get_all(places))


def _has(kept: Kept, address: str) -> bool:
    return address.casefold() in {kept.address.casefold(), *kept.addresses}


def _keeps(kept: Kept, address: str) -> bool:
    """Tell whether a record stays without the address: a company that has others."""
    return kept.record.kind == _COMPANY and bool({*kept.addresses} - {address.casefold()})


def _merged_with(idents: Iterable[Ident], known: dict[Ident, Kept]) -> set[Ident]:
    """Return these records with all that were merged into them, or that they were merged into."""
    found, before = set(idents), set[Ident]()
    while found != before:
        before = set(found)
        found |= {
            kept.master for ident, kept in known.items() if ident in found and kept.master in known and kept.master
        }
        found |= {ident for ident, kept in known.items() if kept.master in found}
    return found


def _remove(table: Table, keys: Keys, kept: Kept) -> bool:
    """Take the record out of the lists of its addresses, then remove it.  False when somebody changed one of them meanwhile."""
    if not _unlisted(table, keys, kept, kept.addresses):
        return False
    table.delete((keys.record(*ident_of(kept.record)), "RECORD"))
    return True


def _delete(table: Table, place: Place) -> bool:
    table.delete(place)
    return True


def _without(table: Table, keys: Keys, kept: Kept, address: str) -> bool:
    """Let a company lose the address."""
    others = tuple(one for one in kept.addresses if one != address)
    own = kept.address if kept.address.casefold() != address else others[0]
    change = Change(table, keys, [ident_of(kept.record)], ())
    now = change.records.get(ident_of(kept.record))
    if now is None:
        return True
    change.set_record(replace(now, address=own, addresses=others))
    return _done(change)


def _unlisted(table: Table, keys: Keys, kept: Kept, addresses: Iterable[str]) -> bool:
    change = Change(table, keys, (), addresses)
    for listing in list(change.listings.values()):
        change.set_listing(_dropped(listing, ident_of(kept.record)))
    return _done(change)


def _dropped(listing: Listing, ident: Ident) -> Listing:
    """Return the list without the record, also where it has overflowed: the name must not stay in it."""
    records, inactive = (
        tuple(one for one in group if ident_of(one) != ident) for group in (listing.records, listing.inactive)
    )
    return replace(listing, records=records, inactive=inactive)


def _done(change: Change) -> bool:
    try:
        change.write()
    except Cancelled:
        return False
    return True
