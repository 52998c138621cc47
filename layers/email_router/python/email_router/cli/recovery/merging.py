"""What a row of a backup changes in the row that stands: the rulings of core/restoring.py, told in fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from email_router.core.activity import EmailStatus
from email_router.core.restoring import MANNERS, Manner, RowKind, Sending, email, outgoing
from email_router.core.sending import HistoryEntry
from email_router.edge.connect.compact import instant, micros
from email_router.edge.connect.outgoing_rows import written_entry
from email_router.edge.connect.values import Item, Value

_KEYS = frozenset({"pk", "sk"})
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_LINK = "email"


class Outcome(StrEnum):
    """What became of a row of the file."""

    ADDED = "added"
    CHANGED = "changed"
    SAME = "present"
    KEPT = "kept"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Merged:
    """What is to be written: a new row, or fields of the one that stands while `guard` still holds; neither where nothing is."""

    outcome: Outcome
    new: Item | None = None
    fields: Mapping[str, Value] | None = None
    guard: Mapping[str, Value] | None = None
    held: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the operator asks beyond adding what lacks: the file's positions in place of those that stand; that what waited to be sent waits
    on, because nothing was sent since; and secrets, `passwords` of single mailboxes among them where the stores keep such.
    """

    cursors: bool = False
    wait_on: bool = False
    secrets: bool = False
    passwords: bool = True


class Merging:
    """Decides row by row, in the order of the file."""

    def __init__(self, wishes: Wishes, made: datetime, now: datetime) -> None:
        self._wishes = wishes
        self._now = now
        self._evidence = (
            f"restored from the backup of {made:%Y-%m-%d %H:%M} UTC: whether it has left since is not known"
        )
        self._foreign: set[str] = set()

    def merge(self, kind: RowKind, mine: Item, stands: Item | None) -> Merged:
        """Return what the file's row changes."""
        if "expires" in mine and mine["expires"] <= self._now.timestamp():
            return Merged(Outcome.SKIPPED)
        manner = MANNERS.get(kind, Manner.ADD)
        if manner is Manner.POINTER:
            mine = {name: mine[name] for name in ("pk", "sk", "last") if name in mine}
        if manner is Manner.VERSION:
            return self._version(mine, stands)
        if manner is Manner.OUTGOING:
            return self._outgoing(mine, stands)
        if manner is Manner.EMAIL:
            return self._email(mine, stands)
        if stands is None:
            return Merged(Outcome.ADDED, new=mine)
        if stands != mine and manner is Manner.COMPLETE:
            return _completed(mine, stands)
        if manner in {Manner.RAISE, Manner.POINTER}:
            return _raised(mine, stands)
        return _later(mine, stands) if manner is Manner.LATER else _left(mine, stands)

    def _version(self, mine: Item, stands: Item | None) -> Merged:
        """A version is whole or not there: of one whose number stands for another configuration here no part is added."""
        number = mine["sk"].split("#")[1]
        if stands is not None and stands != mine:
            self._foreign.add(number)
        if number in self._foreign:
            return Merged(Outcome.KEPT)
        return Merged(Outcome.ADDED, new=mine) if stands is None else Merged(Outcome.SAME)

    def _outgoing(self, mine: Item, stands: Item | None) -> Merged:
        ruling = outgoing(_sending(mine), _sending(stands) if stands else None, wait_on=self._wishes.wait_on)
        written = self._held_state(mine) if ruling.held else mine
        if stands is None:
            return Merged(Outcome.ADDED, new=written, held=ruling.held)
        if not ruling.take:
            return _left(mine, stands)
        guard = {name: stands.get(name) for name in ("status", "token", "changed")}
        return Merged(Outcome.CHANGED, fields=_replacing(written, stands), guard=guard, held=ruling.held)

    def _held_state(self, mine: Item) -> Item:
        entry = HistoryEntry(self._now, EmailStatus.UNKNOWN, self._evidence, "email-router restore")
        held = {name: value for name, value in mine.items() if name not in {"due", "mark"}}
        told: Item = {"status": EmailStatus.UNKNOWN.value, "changed": micros(self._now), "reason": self._evidence}
        return {**held, **told, "history": [*mine.get("history", ()), written_entry(entry)]}

    def _email(self, mine: Item, stands: Item | None) -> Merged:
        status = EmailStatus(mine["status"])
        ruling = email(status, EmailStatus(stands["status"]) if stands else None, wait_on=self._wishes.wait_on)
        if stands is not None:
            over: Item = {"status": status.value, "ppk": None, "psk": None}
            guard = {"status": stands["status"]}
            return Merged(Outcome.CHANGED, fields=over, guard=guard) if ruling.take else _left(mine, stands)
        if not ruling.held:
            return Merged(Outcome.ADDED, new=mine)
        held = {name: value for name, value in mine.items() if name not in {"ppk", "psk"}}
        told: Item = {"status": EmailStatus.UNKNOWN.value, "reason": self._evidence}
        return Merged(Outcome.ADDED, new={**held, **told}, held=True)


def _left(mine: Item, stands: Item) -> Merged:
    return Merged(Outcome.SAME if stands == mine else Outcome.KEPT)


def _sending(row: Item) -> Sending:
    return Sending(EmailStatus(row["status"]), instant(row.get("changed")) or _LONG_AGO)


def _completed(mine: Item, stands: Item) -> Merged:
    """Fill in a claim where only the way from its Message-ID stands, and that way where only the claim does."""
    fields: Item = {}
    guard: Item = {}
    if "key" in mine and "key" not in stands:
        fields |= {name: value for name, value in mine.items() if name not in _KEYS | {_LINK}}
        guard["key"] = None
    if _LINK in mine and _LINK not in stands:
        fields[_LINK] = mine[_LINK]
        guard[_LINK] = None
    return Merged(Outcome.CHANGED, fields=fields, guard=guard) if fields else Merged(Outcome.KEPT)


def _raised(mine: Item, stands: Item) -> Merged:
    """Raise the numbers that are lower here."""
    numbers = [name for name in ("last", "digits") if mine.get(name, 0) > stands.get(name, 0)]
    if not numbers:
        return _left(mine, stands)
    guard = {name: stands.get(name) for name in numbers}
    return Merged(Outcome.CHANGED, fields={name: mine[name] for name in numbers}, guard=guard)


def _later(mine: Item, stands: Item) -> Merged:
    if mine.get("version", 0) <= stands.get("version", 0):
        return _left(mine, stands)
    return Merged(Outcome.CHANGED, fields=_replacing(mine, stands), guard={"version": stands.get("version")})


def _replacing(mine: Item, stands: Item) -> Item:
    """Return the fields that make the row that stands into the file's."""
    gone: Item = dict.fromkeys(name for name in stands if name not in mine and name not in _KEYS)
    return {**gone, **{name: value for name, value in mine.items() if name not in _KEYS}}
