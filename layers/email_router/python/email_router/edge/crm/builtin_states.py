"""Merge, deactivate and activate records of the built-in CRM, and tell what has become of one.

A merged record stays as a pointer to its master, whose e-mails its own continue; its addresses lead to the master from then on.  A record
that is deactivated answers for no address any more.  All commands are repeatable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

from email_router.core.activity import About, Record
from email_router.core.errors import ConfigurationError, TryLater
from email_router.edge.connect import transactions
from email_router.edge.connect.dynamodb import Table
from email_router.edge.connect.keys import Keys
from email_router.edge.connect.transactions import Cancelled
from email_router.edge.crm.builtin_changes import Change, Ident, Kept, ident_of, read
from email_router.edge.crm.builtin_records import ORDER, record_of_row

T = TypeVar("T")

MERGED = ("contact", "account", "lead")
"""The kinds that are merged, each only with its own (Dataverse, Merge)."""

MOST_HOPS = 10
"""The longest chain of merged records; a merge that would make a longer one is refused."""

_MOST_ADDRESSES = 90


def merge(table: Table, keys: Keys, loser: str, winner: str) -> tuple[Record, Record]:
    """Merge a record into another, each named by its id or as kind:address; return both, the winner as the end of its own chain.

    Raises ConfigurationError when they are not of one kind that can be merged, or the winner is inactive or the loser's own pointer.
    """
    return _tried(table, keys, lambda change: _merge(change, keys, loser, winner))


def deactivate(table: Table, keys: Keys, record: str) -> Record:
    """Let the record answer for no address any more; return it.  Raises ConfigurationError for one that was merged."""
    return _tried(table, keys, lambda change: _set_active(change, keys, record, active=False))


def activate(table: Table, keys: Keys, record: str) -> Record:
    """Let the record answer for its addresses again; return it.  Raises ConfigurationError for one that was merged."""
    return _tried(table, keys, lambda change: _set_active(change, keys, record, active=True))


def as_now(table: Table, keys: Keys, found: Mapping[str, About]) -> Mapping[str, About]:
    """Return the same with what each record has become: the end of its chain of merges, and whether that is inactive."""
    wanted = {ident_of(one.regarding) for one in found.values() if one.regarding}
    known = _chains(table, keys, wanted)
    return {activity: _now(about, known) for activity, about in found.items()}


def _chains(table: Table, keys: Keys, wanted: Iterable[Ident]) -> Mapping[Ident, Kept]:
    """Return the records, and all that they were merged into, one batch of reads for each hop."""
    known: dict[Ident, Kept] = {}
    missing = set(wanted)
    for _ in range(MOST_HOPS + 1):
        found = [one for one in read(table, keys, sorted(missing), ()) if isinstance(one, Kept)]
        known |= {ident_of(one.record): one for one in found}
        missing = {one.master for one in found if one.master} - known.keys()
        if not missing:
            break
    return known


def _now(about: About, known: Mapping[Ident, Kept]) -> About:
    if about.regarding is None or ident_of(about.regarding) not in known:
        return about
    kept = _end(known, ident_of(about.regarding))
    merged = ident_of(kept.record) != ident_of(about.regarding)
    return replace(about, regarding=kept.record if merged else about.regarding, inactive=not kept.active)


def _end(known: Mapping[Ident, Kept], ident: Ident) -> Kept:
    kept = known[ident]
    for _ in range(MOST_HOPS):
        if kept.master is None or kept.master not in known:
            break
        kept = known[kept.master]
    return kept


def _tried(table: Table, keys: Keys, work: Callable[[Change], T]) -> T:
    """Do the work on records as they are, again when somebody changed them meanwhile."""
    for turn in range(transactions.ROUNDS):
        change = Change(table, keys, (), ())
        done = work(change)
        try:
            change.write(states=True)
        except Cancelled:
            transactions.pause(turn)
        else:
            return done
    raise TryLater(f"{keys.organisation}: somebody else changes the same records; try again", kind="aws_busy")


def _merge(change: Change, keys: Keys, loser: str, winner: str) -> tuple[Record, Record]:
    low = _named(change, keys, loser)
    high = _followed(change, _named(change, keys, winner))
    if low.master is not None:
        if ident_of(_followed(change, low).record) == ident_of(high.record):
            return low.record, high.record  # done before
        raise ConfigurationError(f"{_called(low)} was merged into {_called(_followed(change, low))} already")
    _check_merge(low, high)
    change.read((), low.addresses)
    change.set_record(replace(low, active=False, master=ident_of(high.record)))
    change.set_record(replace(high.reached(*low.addresses), depth=max(high.depth, low.depth + 1)))
    for address in low.addresses:
        change.set_listing(change.listings[address].remove(low.record).put(high.record))
    return low.record, high.record


def _check_merge(low: Kept, high: Kept) -> None:
    problem = ""
    if ident_of(low.record) == ident_of(high.record):
        problem = "a record is not merged into itself, nor into one that was merged into it"
    elif low.record.kind != high.record.kind or low.record.kind not in MERGED:
        problem = f"expected two records of one kind, {', '.join(MERGED)}"
    elif not high.active:
        problem = "the second is inactive; activate it first"
    elif low.depth + 1 > MOST_HOPS:
        problem = f"{MOST_HOPS} records in a row lead to the first already; merge those into the second instead"
    elif len(low.addresses) > _MOST_ADDRESSES:
        problem = f"the first has {len(low.addresses)} addresses; expected {_MOST_ADDRESSES} at most"
    if problem:
        raise ConfigurationError(f"{_called(low)} cannot be merged into {_called(high)}: {problem}")


def _set_active(change: Change, keys: Keys, name: str, *, active: bool) -> Record:
    kept = _named(change, keys, name)
    if kept.master is not None:
        master = _called(_followed(change, kept))
        raise ConfigurationError(f"{_called(kept)} was merged into {master}; expected a record that was not merged")
    if kept.active != active:
        change.read((), kept.addresses)
        change.set_record(replace(kept, active=active))
        for address in kept.addresses:
            change.set_listing(change.listings[address].put(kept.record, active=active))
    return kept.record


def _named(change: Change, keys: Keys, name: str) -> Kept:
    """Return the record with this id, or as kind:address: the one that was made of that line, else the only one of the kind there."""
    kind, colon, address = name.strip().partition(":")
    if not colon or kind.lower() not in ORDER:
        change.read([(one, name.strip()) for one in ORDER], ())
        idents = [(one, name.strip()) for one in ORDER]
    else:
        own = ident_of(record_of_row(keys.organisation, kind.lower(), address).record)
        change.read([own], [address.strip()])
        listing = change.listings[address.strip().casefold()]
        others = [ident_of(one) for one in (*listing.records, *listing.inactive) if one.kind == kind.lower()]
        change.read(others, ())
        merged = own in change.records and change.records[own].master is not None
        idents = [own] if merged else list(dict.fromkeys([own, *others]))
    found = [change.records[ident] for ident in idents if ident in change.records]
    if len(found) == 1:
        return found[0]
    if not found:
        raise ConfigurationError(f"{name}: no such record; expected an id, or kind:address as it was imported")
    raise ConfigurationError(f"{name}: several records; expected one of {', '.join(one.record.id for one in found)}")


def _followed(change: Change, kept: Kept) -> Kept:
    """Return the end of the record's chain of merges."""
    for _ in range(MOST_HOPS):
        if kept.master is None:
            break
        change.read([kept.master], ())
        kept = change.records[kept.master]
    return kept


def _called(kept: Kept) -> str:
    return f"{kept.record.kind} {kept.record.id}"
