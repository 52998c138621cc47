"""Remember mailbox states and retries in memory, with the same fencing as the real store."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from email_router.core.errors import StaleWorker
from email_router.core.fetched import Position
from email_router.core.ledger import Retry
from email_router.core.mailbox_state import Lease, MailboxState, PassRecord
from email_router.core.work import ScheduledMailbox
from tests.memory.small import MemoryBlobs

_PARKED = b"\0parked:"


@dataclass
class _Row:
    state: MailboxState
    bounds: tuple[int, int] | None = None
    retries: dict[str, Retry] = field(default_factory=dict)
    pushed_until: datetime | None = None


class MemoryStates:
    """The states of one organisation's mailboxes; a cursor longer than `inline` bytes is given out by `load` only."""

    def __init__(self, organisation: str = "contoso", blobs: MemoryBlobs | None = None, inline: int = 1024) -> None:
        self.organisation = organisation
        self._blobs = blobs or MemoryBlobs()
        self._inline = inline
        self._rows: dict[str, _Row] = {}

    def read(self, mailbox: str) -> MailboxState:
        """Return the state; a long cursor stays parked."""
        return self._row(mailbox).state

    def load(self, state: MailboxState) -> MailboxState:
        """Return the state with its whole cursor."""
        cursor = state.position.cursor
        if not cursor.startswith(_PARKED):
            return state
        whole = self._blobs.get(cursor.removeprefix(_PARKED).decode())
        return replace(state, position=replace(state.position, cursor=whole))

    def lease(self, mailbox: str, now: datetime, until: datetime) -> Lease | None:
        """Take the lease unless it is held."""
        before = self._row(mailbox).state
        if before.lease_until is not None and before.lease_until > now:
            return None
        state = replace(before, token=before.token + 1, lease_until=until, again=False)
        self._row(mailbox).state = state
        return Lease(
            mailbox=mailbox, token=state.token, until=until, state=state, crashed=before.lease_until is not None
        )

    def ask_again(self, mailbox: str, token: int) -> bool:
        """Ask the holder for another round."""
        state = self._row(mailbox).state
        if state.token != token or state.lease_until is None:
            return False
        self._row(mailbox).state = replace(state, again=True)
        return True

    def release(self, lease: Lease, record: PassRecord) -> bool:
        """Give the lease back unless another round was asked for."""
        row = self.fenced(lease)
        if row.state.again:
            row.state = replace(row.state, again=False)
            return False
        row.state = replace(
            row.state,
            lease_until=None,
            attempts={},
            last_pass=record.at,
            last_mail=record.last_mail or row.state.last_mail,
            next_retry=record.next_retry,
            reconciled=record.reconciled or row.state.reconciled,
            suspected=row.state.suspected if record.suspected is None else record.suspected,
            failures=record.failures,
            blocked_until=record.blocked_until,
            disabled=record.disabled,
            error_kind=record.error_kind,
            error_text=record.error_text,
            error_mend=record.error_mend,
        )
        return True

    def advance(self, lease: Lease, position: Position, at: datetime) -> None:
        """Save the position."""
        self._save(self.fenced(lease), position, at)

    def touch(self, mailbox: str, token: int, position: Position, at: datetime) -> None:
        """Save a position without a lease, or silently not."""
        row = self._row(mailbox)
        if row.state.token == token and row.state.lease_until is None:
            self._save(row, position, at)

    def begin(self, lease: Lease, source_id: str, finished: Sequence[str] = ()) -> int:
        """Mark that this message is about to be handled."""
        row = self.fenced(lease)
        kept = {name: count for name, count in row.state.attempts.items() if name not in finished or name == source_id}
        kept[source_id] = kept.get(source_id, 0) + 1
        row.state = replace(row.state, attempts=kept)
        return kept[source_id]

    def schedule(self, mailbox: str, minimum_interval: int, maximum_interval: int) -> None:
        """Make the mailbox known to the scheduler, and lift its block."""
        row = self._row(mailbox)
        row.bounds = (minimum_interval, maximum_interval)
        row.state = replace(row.state, blocked_until=None, disabled=None)

    def unschedule(self, mailbox: str) -> None:
        """Take the mailbox off the schedule."""
        self._row(mailbox).bounds = None

    def add_retry(self, lease: Lease, retry: Retry) -> None:
        """Write the row of a message that failed."""
        row = self.fenced(lease)
        row.retries[retry.key] = retry
        row.state = replace(row.state, next_retry=min(other.due for other in row.retries.values()))

    def retries(self, mailbox: str, due_by: datetime | None, limit: int) -> Sequence[Retry]:
        """Return the retries due by then, soonest first."""
        rows = sorted(self._row(mailbox).retries.values(), key=lambda retry: (retry.due, retry.key))
        return [retry for retry in rows if due_by is None or retry.due <= due_by][:limit]

    def drop_retry(self, lease: Lease, retry: Retry) -> None:
        """Remove a retry that is settled."""
        row = self.fenced(lease)
        if row.retries.get(retry.key) == retry:
            del row.retries[retry.key]

    def rely_until(self, mailbox: str, until: datetime | None) -> None:
        """Note until when notifications come."""
        self._row(mailbox).pushed_until = until

    def scheduled(self) -> Iterator[ScheduledMailbox]:
        """Yield what the scheduler's index holds."""
        for name, row in self._rows.items():
            if row.bounds is not None:
                yield ScheduledMailbox(
                    organisation=self.organisation,
                    mailbox=name,
                    last_mail=row.state.last_mail,
                    minimum_interval=row.bounds[0],
                    maximum_interval=row.bounds[1],
                    blocked_until=row.state.blocked_until,
                    next_retry=row.state.next_retry,
                    pushed_until=row.pushed_until,
                    failing=bool(row.state.error_kind),
                )

    def fenced(self, lease: Lease) -> _Row:
        """Return the mailbox's row while the lease's token is the newest."""
        row = self._row(lease.mailbox)
        if row.state.token != lease.token:
            raise StaleWorker(f"{lease.mailbox}: token {lease.token} is old, {row.state.token} is the newest")
        return row

    def _row(self, mailbox: str) -> _Row:
        return self._rows.setdefault(mailbox.casefold(), _Row(MailboxState(mailbox=mailbox)))

    def _save(self, row: _Row, position: Position, at: datetime) -> None:
        cursor = position.cursor
        if len(cursor) > self._inline and not cursor.startswith(_PARKED):
            key = f"mailbox/{row.state.mailbox}/cursor/{row.state.token}-{hashlib.sha256(cursor).hexdigest()}"
            self._blobs.put(key, cursor)
            position = replace(position, cursor=_PARKED + key.encode())
        before = row.state.position.cursor
        row.state = replace(row.state, position=position, position_saved=at)
        if before.startswith(_PARKED) and before != position.cursor:
            self._blobs.delete(before.removeprefix(_PARKED).decode())


class MemorySchedule:
    """The scheduled mailboxes of all organisations whose states are given."""

    def __init__(self, *states: MemoryStates) -> None:
        self._states = states

    def mailboxes(self) -> Iterator[ScheduledMailbox]:
        """Yield every scheduled mailbox."""
        for states in self._states:
            yield from states.scheduled()
