"""Keep e-mail activities and records in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from email_router.core.activity import About, EmailActivity, EmailStatus, NewPerson, Note, Record, Role
from email_router.core.errors import ConfigurationError
from email_router.core.ledger import Delivered, Delivery
from email_router.core.mailbox_state import Lease
from email_router.core.write_back import REPLACED, WriteBack
from email_router.edge.crm.builtin_records import ORDER, AddressedRecord, record_of_row
from tests.memory.ledger import MemoryLedger
from tests.memory.states import MemoryStates

Ident = tuple[str, str]

_WAITING = (EmailStatus.PENDING, EmailStatus.DEFERRED)
_TO_COLLECT = (*_WAITING, EmailStatus.SENDING)
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class MemoryCrm:
    """One organisation's activities and records, writing claims into the ledger given."""

    def __init__(self, ledger: MemoryLedger | None = None, states: MemoryStates | None = None) -> None:
        self._ledger = ledger or MemoryLedger(states)
        self._states = states or self._ledger.states
        self.activities: dict[str, EmailActivity] = {}
        self._records: dict[Ident, Record] = {}
        self._addresses: dict[str, list[Ident]] = {}
        self._inactive: set[Ident] = set()
        self._masters: dict[Ident, Ident] = {}
        self._due: dict[str, datetime] = {}
        self._notes: dict[tuple[str, str], Note] = {}

    def add_record(self, address: str, record: Record) -> None:
        """Let the address resolve to this record too."""
        ident = (record.kind, record.id)
        self._records[ident] = record
        known = self._addresses.setdefault(address.casefold(), [])
        if ident not in known and ident not in self._masters:
            known.append(ident)

    def resolve(self, addresses: Sequence[str]) -> Mapping[str, tuple[Record, ...]]:
        """Return the active records of each address."""
        wanted = {address.casefold() for address in addresses}
        return {address: active for address in wanted if (active := self._active(address))}

    def about(self, activities: Sequence[str]) -> Mapping[str, About]:
        """Return what each of these e-mails is about, as its record is now, and who owns it."""
        return {one: self._about(self.activities[one]) for one in activities if one in self.activities}

    def create_people(self, people: Sequence[NewPerson]) -> Mapping[str, tuple[Record, ...]]:
        """Make a record for each address that no record has."""
        for one in people:
            if not self._addresses.get(one.address.casefold()):
                made = record_of_row("contoso", one.kind, one.address, one.name, one.owner)
                self.add_record(made.address, made.record)
        return self.resolve([one.address for one in people])

    def merge(self, loser: str, winner: str) -> tuple[Record, Record]:
        """Merge a record into another, both named by id."""
        low, high = self._named(loser), self._end(self._named(winner))
        if self._masters.get(low) and self._end(low) == high:
            return self._records[low], self._records[high]
        if self._masters.get(low) or low == high or low[0] != high[0] or high in self._inactive:
            raise ConfigurationError(f"{loser} cannot be merged into {winner}")
        if low[0] not in ("contact", "account", "lead") or self._depth(low) == 10:
            raise ConfigurationError(f"{loser} cannot be merged into {winner}")
        self._masters[low] = high
        for address, known in self._addresses.items():
            self._addresses[address] = list(dict.fromkeys(high if one == low else one for one in known))
        return self._records[low], self._records[high]

    def deactivate(self, record: str) -> Record:
        """Let a record answer for no address any more."""
        return self._unmerged(record, self._inactive.add)

    def activate(self, record: str) -> Record:
        """Let a record answer for its addresses again."""
        return self._unmerged(record, self._inactive.discard)

    def deliver(self, deliveries: Sequence[Delivery], lease: Lease) -> Sequence[Delivered]:
        """Create the activities, each exactly once."""
        self._states.fenced(lease)
        delivered: list[Delivered] = []
        for delivery in deliveries:
            twin = delivery.claim.key in {one.key for one in delivered}
            answer = self._deliver(delivery)
            delivered.append(replace(answer, created=answer.created and not twin))
        return delivered

    def email(self, activity: str) -> EmailActivity | None:
        """Return one e-mail activity."""
        return self.activities.get(activity)

    def several(self, activities: Sequence[str]) -> dict[str, EmailActivity]:
        """Return those that are there."""
        return {one: self.activities[one] for one in activities if one in self.activities}

    def emails(self) -> Iterator[EmailActivity]:
        """Yield all activities, oldest first."""
        yield from sorted(self.activities.values(), key=lambda one: one.created or _LONG_AGO)

    def create_outgoing(self, activity: EmailActivity) -> None:
        """Keep an e-mail that waits to be sent."""
        self.activities.setdefault(activity.id, activity)

    def cancel(self, activity: str) -> bool:
        """Cancel an e-mail that waits to be sent."""
        waiting = self.activities.get(activity)
        if waiting is None or waiting.status not in _WAITING:
            return False
        self.activities[activity] = replace(waiting, status=EmailStatus.CANCELLED)
        return True

    def note(self, activity: str, key: str, note: Note) -> None:
        """Keep a note on the e-mail."""
        self._notes[activity, key] = note

    def notes(self, activity: str) -> list[Note]:
        """Return the notes of an e-mail, oldest first."""
        found = (note for (name, _), note in self._notes.items() if name == activity)
        return sorted(found, key=lambda note: note.at)

    def pending(self, now: datetime, limit: int) -> Iterator[tuple[str, str]]:
        """Yield e-mails that are due to be sent."""
        waiting = {one.id: self._due.get(one.id, one.due or _LONG_AGO) for one in self.activities.values()}
        due = [one for one in self.activities.values() if one.status in _TO_COLLECT and waiting[one.id] <= now]
        for one in sorted(due, key=lambda one: (waiting[one.id], one.id))[:limit]:
            yield one.id, next(iter(one.addresses(Role.FROM)), "")

    def postpone(self, activities: Sequence[str], until: datetime) -> None:
        """Keep these from being collected before then."""
        for name in activities:
            if name in self.activities and self.activities[name].status in _TO_COLLECT:
                self._due[name] = until

    def write_back(self, told: WriteBack) -> bool:
        """Change the e-mail unless it is cancelled or gone."""
        before = self.activities.get(told.activity)
        if before is None or before.status is EmailStatus.CANCELLED:
            return False
        if told.due is not None:
            self._due[told.activity] = told.due
        elif told.status not in _TO_COLLECT:
            self._due.pop(told.activity, None)
        self.activities[told.activity] = replace(
            before,
            status=told.status,
            reason=before.reason if told.reason is None else told.reason,
            subject=before.subject if told.subject is None else told.subject,
            message_id=before.message_id if told.message_id is None else told.message_id,
            tracking_token=before.tracking_token if told.tracking_token is None else told.tracking_token,
            attempts=before.attempts if told.attempts is None else told.attempts,
            due=before.due if told.due is None else told.due,
            date=before.date if told.sent is None else told.sent,
        )
        return True

    def write_back_all(self, told: Sequence[WriteBack]) -> dict[str, EmailStatus | None]:
        """Change those e-mails that stand as they may."""
        others: dict[str, EmailStatus | None] = {}
        for one in told:
            before = self.activities.get(one.activity)
            if before is None or before.status not in REPLACED[one.status]:
                others[one.activity] = before.status if before else None
                continue
            self.write_back(one)
        return others

    def import_records(self, rows: Iterable[AddressedRecord]) -> int:
        """Keep records with their addresses; return how many."""
        given = list(rows)
        for row in given:
            self.add_record(row.address, row.record)
        return len({(row.record.kind, row.record.id) for row in given})

    def records(self) -> Iterator[AddressedRecord]:
        """Yield all records that an address leads to, by kind and id."""
        by_ident = {ident: address for address, known in self._addresses.items() for ident in known}
        yield from (AddressedRecord(by_ident[ident], self._records[ident]) for ident in sorted(by_ident))

    def _active(self, address: str) -> tuple[Record, ...]:
        found = [self._records[one] for one in self._addresses.get(address, []) if one not in self._inactive]
        return tuple(sorted(found, key=lambda one: (ORDER.index(one.kind), one.id)))

    def _about(self, email: EmailActivity) -> About:
        if email.regarding is None:
            return About(None, email.owner)
        ident = (email.regarding.kind, email.regarding.id)
        end = self._end(ident)
        return About(email.regarding if end == ident else self._records[end], email.owner, end in self._inactive)

    def _end(self, ident: Ident) -> Ident:
        while ident in self._masters:
            ident = self._masters[ident]
        return ident

    def _depth(self, ident: Ident) -> int:
        return max((1 + self._depth(low) for low, high in self._masters.items() if high == ident), default=0)

    def _named(self, name: str) -> Ident:
        found = [ident for ident in self._records if ident[1] == name]
        if len(found) != 1:
            raise ConfigurationError(f"{name}: no such record")
        return found[0]

    def _unmerged(self, name: str, change: Callable[[Ident], None]) -> Record:
        ident = self._named(name)
        if ident in self._masters:
            raise ConfigurationError(f"{name} was merged")
        change(ident)
        return self._records[ident]

    def _deliver(self, delivery: Delivery) -> Delivered:
        key = delivery.claim.key
        standing = self._ledger.claims.get(key)
        if standing is None:
            self.activities[delivery.activity.id] = replace(
                delivery.activity, created=delivery.activity.created or delivery.trace.at
            )
            self._ledger.settle(delivery)
            return Delivered(key, delivery.activity.id, created=True)
        if (standing.activity, standing.mailbox) == (delivery.claim.activity, delivery.claim.mailbox):
            return Delivered(key, standing.activity, created=True)
        differs = standing.content != delivery.claim.content
        receipt = replace(delivery.receipt, activity=standing.activity, content_differs=differs)
        self._ledger.note(receipt, replace(delivery.trace, activity=standing.activity))
        return Delivered(key, standing.activity, created=False)
