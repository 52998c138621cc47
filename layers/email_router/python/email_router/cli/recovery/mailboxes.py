"""Bring mailboxes' positions back, and what waited in them for another try: last of all, when the ledger of the file is in the stores.

Of a state only the position and what rests on it come back; its lease, its blocks and its place on the schedule are the stack's own.  A
mailbox whose position was put back is suspected, so that its next pass compares the whole mailbox with the ledger.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime

from email_router.cli.recovery.merging import Outcome, Wishes
from email_router.cli.recovery.stores import Rows
from email_router.core.fetched import Position
from email_router.core.ledger import Retry
from email_router.core.ports import BlobStore
from email_router.core.restoring import CursorRuling, Reading, cursor, retry_comes_back
from email_router.edge.connect.compact import expand, instant, micros
from email_router.edge.connect.dynamodb import ConditionFailed
from email_router.edge.connect.keys import Keys
from email_router.edge.connect.ledger_rows import STATE
from email_router.edge.connect.values import Item, Value
from email_router.edge.stores.state_rows import state_of

CURSORS = "mailbox/"
"""Objects of this kind are long positions: they come back with the row that names them, and only with it."""

POSITION = ("cursor", "cursor_blob", "mark", "position_saved", "last_mail")
"""What comes back of a state."""

_TRIES = 3
_PUT_BACK = frozenset({CursorRuling.SET, CursorRuling.MOVED})


@dataclass(slots=True)
class Mailboxes:
    """Takes the rows of mailboxes in the order of the file: a state, then its retries.  Repeatable: retries come before their state."""

    rows: Rows
    blobs: BlobStore
    keys: Keys
    wishes: Wishes
    now: datetime
    dry: bool
    cursors: dict[str, CursorRuling] = field(default_factory=dict)
    retries: Counter[Outcome] = field(default_factory=Counter)
    unscheduled: set[str] = field(default_factory=set)
    """Partition keys of mailboxes that no schedule knows."""

    _mine: Item | None = None
    _stands: Item | None = None
    _due: int | None = None
    _read: dict[str, bytes] = field(default_factory=dict)
    _parked: dict[str, bytes] = field(default_factory=dict)

    def piece(self, key: str, piece: bytes) -> None:
        """Take a piece of the next mailbox's long position."""
        self._read[key] = self._read.get(key, b"") + piece

    def state(self, mine: Item) -> None:
        """Take the next mailbox; the one before is finished."""
        self.finish()
        self._mine, self._due = mine, None
        self._parked, self._read = self._read, {}
        self._stands = self.rows.get((mine["pk"], STATE))

    def retry(self, mine: Item) -> bool:
        """Put back what waited for another try; False where it was settled since."""
        if self._mine is None or mine["pk"] != self._mine["pk"]:
            raise ValueError("a retry without its mailbox")
        if not retry_comes_back(self._reading(self._mine), _reading(self._stands) if self._stands else None):
            self.retries[Outcome.SKIPPED] += 1
            return False
        self.retries[self._added(mine)] += 1
        due = micros(expand(Retry, mine["retry"]).due)
        self._due = due if self._due is None else min(due, self._due)
        return True

    def finish(self) -> None:
        """Put the mailbox's position back where the rulings let it be."""
        if self._mine is None:
            return
        mine, stands = self._mine, self._stands
        self._mine = None
        ruling = self._ruling(mine, stands)
        for _ in range(_TRIES):
            try:
                self._write(mine, stands, ruling)
                break
            except ConditionFailed as moved:
                stands = moved.item or self.rows.get((mine["pk"], STATE))
                ruling = self._ruling(mine, stands)
        else:
            ruling = CursorRuling.BUSY
        self.cursors[mine["pk"].removeprefix(self.keys.mailbox(""))] = ruling
        if "spk" not in (stands or {}):
            self.unscheduled.add(mine["pk"])

    def _ruling(self, mine: Item, stands: Item | None) -> CursorRuling:
        standing = _reading(stands) if stands else None
        return cursor(self._reading(mine), standing, self.now, asked=self.wishes.cursors)

    def _reading(self, mine: Item) -> Reading:
        """Return how far the file says that the mailbox was read; not at all where its long position is not in the file."""
        reading = _reading(mine)
        return reading if mine.get("cursor_blob", "") in {"", *self._parked} else replace(reading, position=Position())

    def _added(self, mine: Item) -> Outcome:
        try:
            if self.dry:
                return Outcome.KEPT if self.rows.get((mine["pk"], mine["sk"])) else Outcome.ADDED
            self.rows.add(mine)
        except ConditionFailed:
            return Outcome.KEPT
        return Outcome.ADDED

    def _write(self, mine: Item, stands: Item | None, ruling: CursorRuling) -> None:
        """Write the position, or only when the first retry is due.  Raises ConditionFailed when a worker was at it."""
        fields: dict[str, Value] = {}
        standing = stands or {}
        if ruling in _PUT_BACK:
            fields = {name: mine.get(name) for name in POSITION}
            fields |= {"token": max(mine.get("token", 0), standing.get("token", 0)) + 1}
            fields |= {"suspected": True, "reconciled": None}
        if self._due is not None:
            fields["next_retry"] = min(self._due, standing.get("next_retry", self._due))
        if self.dry or not fields:
            return
        if ruling in _PUT_BACK:
            self._put_blob(mine.get("cursor_blob", ""))
        if stands is None:
            self.rows.add({"pk": mine["pk"], "sk": STATE, **fields})
            return
        guard = {name: standing.get(name) for name in ("token", "lease_until", "next_retry")}
        self.rows.change((mine["pk"], STATE), fields, guard)
        before = standing.get("cursor_blob", "")
        if ruling in _PUT_BACK and before and before != mine.get("cursor_blob"):
            self.blobs.delete(before)

    def _put_blob(self, key: str) -> None:
        if key:
            self.blobs.put(key, self._parked[key])


def _reading(item: Item) -> Reading:
    state = state_of("", item)
    return Reading(
        position=state.position,
        token=state.token,
        saved=state.position_saved,
        lease_until=instant(item.get("lease_until")),
    )
