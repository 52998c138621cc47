"""Keep e-mail activities and records in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from email_router.core.activity import EmailActivity, EmailStatus, Record, Role
from email_router.core.ledger import Delivered, Delivery
from email_router.core.ports import Lease
from email_router.edge.crm.builtin_records import ORDER, AddressedRecord
from tests.memory.ledger import MemoryLedger
from tests.memory.states import MemoryStates

_WAITING = (EmailStatus.PENDING, EmailStatus.DEFERRED)
_TO_COLLECT = (*_WAITING, EmailStatus.SENDING)
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class MemoryCrm:
    """One organisation's activities and records, writing claims into the ledger given."""

    def __init__(self, ledger: MemoryLedger | None = None, states: MemoryStates | None = None) -> None:
        self._ledger = ledger or MemoryLedger(states)
        self._states = states or self._ledger.states
        self.activities: dict[str, EmailActivity] = {}
        self._records: dict[str, list[Record]] = {}
        self._due: dict[str, datetime] = {}

    def add_record(self, address: str, record: Record) -> None:
        """Let the address resolve to this record too."""
        known = [
            known
            for known in self._records.get(address.casefold(), [])
            if (known.kind, known.id) != (record.kind, record.id)
        ]
        self._records[address.casefold()] = sorted([*known, record], key=lambda one: ORDER.index(one.kind))

    def resolve(self, addresses: Sequence[str]) -> Mapping[str, tuple[Record, ...]]:
        """Return the records of each address."""
        wanted = {address.casefold() for address in addresses}
        return {address: tuple(self._records[address]) for address in wanted if address in self._records}

    def regarding(self, activities: Sequence[str]) -> Mapping[str, Record | None]:
        """Return what each of these e-mails is about."""
        return {one: self.activities[one].regarding for one in activities if one in self.activities}

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

    def write_back(
        self,
        activity: str,
        status: EmailStatus,
        *,
        reason: str | None = None,
        subject: str | None = None,
        message_id: str | None = None,
        tracking_token: str | None = None,
        attempts: int | None = None,
        due: datetime | None = None,
        sent: datetime | None = None,
    ) -> bool:
        """Change the e-mail unless it is cancelled or gone."""
        before = self.activities.get(activity)
        if before is None or before.status is EmailStatus.CANCELLED:
            return False
        if due is not None:
            self._due[activity] = due
        elif status not in _TO_COLLECT:
            self._due.pop(activity, None)
        self.activities[activity] = replace(
            before,
            status=status,
            reason=before.reason if reason is None else reason,
            subject=before.subject if subject is None else subject,
            message_id=before.message_id if message_id is None else message_id,
            tracking_token=before.tracking_token if tracking_token is None else tracking_token,
            attempts=before.attempts if attempts is None else attempts,
            due=before.due if due is None else due,
            date=before.date if sent is None else sent,
        )
        return True

    def import_records(self, rows: Iterable[AddressedRecord]) -> int:
        """Keep records with their addresses; return how many."""
        given = list(rows)
        for row in given:
            self.add_record(row.address, row.record)
        return len(given)

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
