"""Keep the state of each mailbox in DynamoDB, written by one worker at a time.

One item a mailbox, `ORG#o#MAILBOX#a | STATE`.  Each lease raises the fencing token in it, and each later write of a pass is conditional on
that token: a worker that was overtaken changes nothing.  All calls may be repeated; a crash between two of them leaves at most a blob that
nothing points to.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from email_router.core.errors import StaleWorker
from email_router.core.fetched import Position
from email_router.core.ledger import Retry
from email_router.core.mailbox_state import Lease, MailboxState, PassRecord
from email_router.core.ports import BlobStore
from email_router.edge.connect.compact import micros
from email_router.edge.connect.dynamodb import ConditionFailed, Returns, Table
from email_router.edge.connect.expressions import assignment
from email_router.edge.connect.keys import SCHEDULE_SHARDS, Keys, digest, schedule_shard, shard_of
from email_router.edge.connect.ledger_rows import STATE, TOKEN_HELD
from email_router.edge.connect.transactions import Place
from email_router.edge.connect.values import Item, Value
from email_router.edge.stores import retries
from email_router.edge.stores.state_rows import PARKED, record_fields, state_of

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

_INLINE = 1024
_LONGEST_MARK = 60_000
"""Characters, of at most four bytes.  Of a position whose mark is longer none is kept: the mailbox then always has news."""

_FORGOTTEN = 100  # an expression takes 4 KB
_FREE = "attribute_not_exists(#lease_until)"


class DynamoMailboxStates:
    """The states of one organisation's mailboxes; cursors over 1 KB lie in the blob store under a key named by their digest."""

    def __init__(self, client: DynamoDBClient, table: str, organisation: str, blobs: BlobStore) -> None:
        self._table = Table(client, table)
        self._keys = Keys(organisation)
        self._blobs = blobs

    def read(self, mailbox: str) -> MailboxState:
        """Return the state; a cursor in the blob store is left there until `load`."""
        return state_of(mailbox, self._table.get(self._place(mailbox)) or {})

    def load(self, state: MailboxState) -> MailboxState:
        """Return the state with its whole cursor.

        A cursor whose blob is gone is as one never written: the mailbox is read anew, and the claims keep every mail one activity.
        """
        parked = _parked(state.position.cursor)
        if parked is None:
            return state
        try:
            return replace(state, position=replace(state.position, cursor=self._blobs.get(parked)))
        except KeyError:
            return replace(state, position=Position())

    def lease(self, mailbox: str, now: datetime, until: datetime) -> Lease | None:
        """Take the lease by one conditional write; the state before it tells whether the last worker gave it back.

        When AWS did the work and its answer was lost, the SDK's next try meets our own name in the row.  What stood before is then not
        known, so the lease counts as one after a crash.
        """
        me = uuid.uuid4().hex
        changes = "SET #lease_until = :until, #holder = :me, #attempts = if_not_exists(#attempts, :none) REMOVE #again"
        try:
            before = self._table.update(
                self._place(mailbox),
                f"{changes} ADD #token :one",
                {":until": micros(until), ":now": micros(now), ":me": me, ":none": {}, ":one": 1},
                condition=f"{_FREE} OR #lease_until <= :now",
                returns="ALL_OLD",
            )
        except ConditionFailed as failed:
            if failed.item.get("holder") != me:
                return None
            state, crashed = state_of(mailbox, failed.item), True
        else:
            crashed = "lease_until" in before
            state = state_of(mailbox, {**before, "token": before.get("token", 0) + 1, "again": False})
        state = replace(state, lease_until=until)
        return Lease(mailbox=mailbox, token=state.token, until=until, state=state, crashed=crashed)

    def ask_again(self, mailbox: str, token: int) -> bool:
        """Set `again` while the token is still this and somebody holds the lease."""
        condition = f"{TOKEN_HELD} AND attribute_exists(#lease_until)"
        values: dict[str, Value] = {":yes": True, ":token": token}
        try:
            self._table.update(self._place(mailbox), "SET #again = :yes", values, condition=condition)
        except ConditionFailed:
            return False
        return True

    def release(self, lease: Lease, record: PassRecord) -> bool:
        """Give the lease back if nobody asked for another round; otherwise take the request off and keep the lease."""
        expression, values = assignment({**record_fields(record), "lease_until": None, "holder": None, "attempts": {}})
        condition = f"{TOKEN_HELD} AND attribute_not_exists(#again)"
        place = self._place(lease.mailbox)
        try:
            self._table.update(place, expression, {**values, ":token": lease.token}, condition=condition)
        except ConditionFailed as failed:
            if failed.item.get("token") != lease.token:
                raise _stale(lease) from failed
        else:
            return True
        self._fenced(lease, "REMOVE #again", {})
        return False

    def advance(self, lease: Lease, position: Position, at: datetime) -> None:
        """Save the position; the blob of the cursor before is removed once nothing points to it."""
        expression, values = assignment(self._position(lease.mailbox, lease.token, position, at))
        before = self._fenced(lease, expression, values, returns="UPDATED_OLD")
        self._forget(before, values)

    def touch(self, mailbox: str, token: int, position: Position, at: datetime) -> None:
        """Save a position that nothing new led to, while nobody holds the lease."""
        expression, values = assignment(self._position(mailbox, token, position, at))
        held = f"({TOKEN_HELD} OR attribute_not_exists(#token))" if token == 0 else TOKEN_HELD
        try:
            before = self._table.update(
                self._place(mailbox),
                expression,
                {**values, ":token": token},
                condition=f"{held} AND {_FREE}",
                returns="UPDATED_OLD",
            )
        except ConditionFailed:
            return
        self._forget(before, values)

    def begin(self, lease: Lease, source_id: str, finished: Sequence[str] = ()) -> int:
        """Count that this message is begun, and forget the finished ones (100 at most, release forgets the rest), in one write."""
        over = sorted(set(finished) - {source_id})[:_FORGOTTEN]
        gone = {f"#gone{number}": name for number, name in enumerate(over)}
        removal = " REMOVE " + ", ".join(f"#attempts.{name}" for name in gone) if gone else ""
        expression = f"SET #attempts.#begun = if_not_exists(#attempts.#begun, :zero) + :one{removal}"
        names = {"#begun": source_id, **gone}
        after = self._fenced(lease, expression, {":zero": 0, ":one": 1}, names=names, returns="ALL_NEW")
        return int(after["attempts"][source_id])

    def schedule(self, mailbox: str, minimum_interval: int, maximum_interval: int) -> None:
        """Put the mailbox into the scheduler's index and lift its block; all else of its state stays."""
        organisation = self._keys.organisation
        shard = shard_of(f"{organisation}#{mailbox.casefold()}", SCHEDULE_SHARDS)
        fields: dict[str, Value] = {
            "spk": schedule_shard(shard),
            "ssk": f"{organisation}#{mailbox.casefold()}",
            "organisation": organisation,
            "mailbox": mailbox,
            "minimum": minimum_interval,
            "maximum": maximum_interval,
            "blocked_until": None,
            "disabled": None,
        }
        self._table.update(self._place(mailbox), *assignment(fields))

    def unschedule(self, mailbox: str) -> None:
        """Take the mailbox out of the scheduler's index."""
        self._table.update(self._place(mailbox), "REMOVE #spk, #ssk", {})

    def add_retry(self, lease: Lease, retry: Retry) -> None:
        """Write the row of a message that failed, in the place of its earlier one, and when the next one is due."""
        retries.add(self._table, self._keys, lease, retry)

    def retries(self, mailbox: str, due_by: datetime | None, limit: int) -> Sequence[Retry]:
        """Return the retries due by then, soonest first."""
        return retries.due(self._table, self._keys, mailbox, due_by, limit)

    def drop_retry(self, lease: Lease, retry: Retry) -> None:
        """Remove the row of a retry that is settled."""
        retries.drop(self._table, self._keys, lease, retry)

    def _place(self, mailbox: str) -> Place:
        return self._keys.mailbox(mailbox), STATE

    def _fenced(
        self,
        lease: Lease,
        expression: str,
        values: Mapping[str, Value],
        *,
        names: Mapping[str, str] | None = None,
        returns: Returns = "NONE",
    ) -> Item:
        """Change the state while the lease's token is the newest."""
        place, given = self._place(lease.mailbox), {**values, ":token": lease.token}
        try:
            return self._table.update(place, expression, given, condition=TOKEN_HELD, names=names, returns=returns)
        except ConditionFailed as failed:
            raise _stale(lease) from failed

    def _position(self, mailbox: str, token: int, position: Position, at: datetime) -> dict[str, Value]:
        """Return the fields of a position, its cursor stored before them when it is long.

        The token stands in the blob's name, so that a worker that was overtaken never removes a blob of its successor.
        """
        cursor, parked = position.cursor, _parked(position.cursor)
        if parked is None and len(cursor) > _INLINE:
            name = f"{token}-{hashlib.sha256(cursor).hexdigest()}"
            parked = f"mailbox/{digest(mailbox.casefold())}/cursor/{name}"
            self._blobs.put(parked, cursor)
        return {
            "cursor": cursor if cursor and parked is None else None,
            "cursor_blob": parked,
            "mark": position.mark if 0 < len(position.mark) <= _LONGEST_MARK else None,
            "position_saved": micros(at),
        }

    def _forget(self, before: Item, written: Mapping[str, Value]) -> None:
        blob = before.get("cursor_blob")
        if blob and blob != written.get(":cursor_blob"):
            self._blobs.delete(blob)


def _parked(cursor: bytes) -> str | None:
    """Return the key of the blob that a cursor stands for, or None when it is the cursor itself."""
    return cursor.removeprefix(PARKED).decode() if cursor.startswith(PARKED) else None


def _stale(lease: Lease) -> StaleWorker:
    return StaleWorker(f"{lease.mailbox}: the lease with token {lease.token} is not the newest any more")
