"""Keep e-mail activities and records in DynamoDB: the CRM for those who have none.

The activities lie in the table crm, their claims and conversation rows in the table router; one transaction writes both.  Long bodies are
stored before it: a crash between leaves a blob that nothing points to, and the same call writes the same blob.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from email_router.core.activity import About, EmailActivity, EmailStatus, NewPerson, Note, Record
from email_router.core.grouping import groups
from email_router.core.ledger import Delivered, Delivery
from email_router.core.mailbox_state import Lease
from email_router.core.ports import BlobStore
from email_router.core.write_back import WriteBack
from email_router.edge.connect.compact import sortable
from email_router.edge.connect.dynamodb import ConditionFailed, Table
from email_router.edge.connect.keys import LISTING_SHARDS, Keys
from email_router.edge.connect.ledger_rows import ABSENT
from email_router.edge.connect.values import Item
from email_router.edge.crm import (
    builtin_changes,
    builtin_notes,
    builtin_records,
    builtin_rows,
    builtin_states,
    builtin_write_back,
)
from email_router.edge.crm.builtin_delivery import Order, Writer, settle
from email_router.edge.crm.builtin_records import AddressedRecord

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

_PENDING = "pending"
_PAGE = 100


class BuiltinCrm:
    """The activities and records of one organisation."""

    def __init__(
        self, client: DynamoDBClient, crm_table: str, router_table: str, organisation: str, blobs: BlobStore
    ) -> None:
        self._crm = Table(client, crm_table)
        self._router = Table(client, router_table)
        self._keys = Keys(organisation)
        self._blobs = blobs

    def resolve(self, addresses: Sequence[str]) -> Mapping[str, tuple[Record, ...]]:
        """Return the records of each address, one batch of reads for a page."""
        return builtin_records.resolve(self._crm, self._keys, addresses)

    def about(self, activities: Sequence[str]) -> Mapping[str, About]:
        """Return what each of these e-mails is about and who owns it, one batch of reads; one more where any record was ever merged."""
        places = [builtin_rows.place_of(self._keys, activity) for activity in activities]
        marked = [*places, builtin_changes.states_place(self._keys)] if places else []
        items = list(self._crm.get_all(marked, fields=builtin_rows.ABOUT))
        found = {item["id"]: builtin_rows.about_of(item) for item in items if "id" in item}
        changed = any("changed" in item for item in items)
        return builtin_states.as_now(self._crm, self._keys, found) if changed else found

    def create_people(self, people: Sequence[NewPerson]) -> Mapping[str, tuple[Record, ...]]:
        """Make records of unknown senders, each exactly once, whoever else does the same at that moment."""
        return builtin_records.create(self._crm, self._keys, people)

    def deliver(self, deliveries: Sequence[Delivery], lease: Lease) -> Sequence[Delivered]:
        """Create the activities, each exactly once."""
        return settle(Writer(self._crm, self._router, self._keys, lease), deliveries, self._orders)

    def email(self, activity: str) -> EmailActivity | None:
        """Return one e-mail activity with its bodies, or None."""
        item = self._crm.get(builtin_rows.place_of(self._keys, activity))
        return builtin_rows.activity_of(item, self._blobs) if item else None

    def several(self, activities: Sequence[str]) -> Mapping[str, EmailActivity]:
        """Return these e-mail activities with their bodies: one batch of reads, long bodies several at a time."""
        items = list(self._crm.get_all(builtin_rows.place_of(self._keys, activity) for activity in activities))
        return {email.id: email for email in builtin_rows.activities_of(items, self._blobs)}

    def emails(self) -> Iterator[EmailActivity]:
        """Yield all e-mail activities with their bodies, oldest first.  For operators: it reads all of them."""
        shards = [
            self._crm.query(
                "#lpk = :lpk",
                {":lpk": self._keys.emails(shard)},
                index=builtin_records.LISTING,
                fields="#pk, #sk, #lsk",
            )
            for shard in range(LISTING_SHARDS)
        ]
        merged = heapq.merge(*shards, key=lambda item: str(item["lsk"]))
        for page in groups(merged, _PAGE):
            yield from (builtin_rows.activity_of(item, self._blobs) for item in self._in_order(page))

    def create_outgoing(self, activity: EmailActivity) -> None:
        """Write an e-mail that somebody wants sent; one that stands already stays as it is."""
        (row,) = self._rows([activity])
        try:
            self._crm.put(row, ABSENT)
        except ConditionFailed:
            return

    def cancel(self, activity: str) -> bool:
        """Cancel an e-mail that waits to be sent; False when it does not wait any more."""
        return builtin_write_back.cancel(self._crm, self._keys, activity)

    def pending(self, now: datetime, limit: int) -> Iterator[tuple[str, str]]:
        """Yield (activity, sender) of e-mails that are due, longest due first.

        The index may be behind: each row is read again before it is believed.
        """
        last = f"{sortable(now)}~"
        found = self._crm.query(
            "#ppk = :ppk AND #psk <= :last",
            {":ppk": self._keys.pending, ":last": last},
            index=_PENDING,
            fields="#pk, #sk",
            limit=limit,
        )
        for page in groups(found, _PAGE):
            for item in self._in_order(page, "#pk, #sk, #id, #psk, #sender"):
                if item.get("psk", "~") <= last:
                    yield item["id"], item["sender"]

    def postpone(self, activities: Sequence[str], until: datetime) -> None:
        """Keep these e-mails from being collected before then, 100 a transaction; those that wait no more are passed over."""
        builtin_write_back.postpone(self._crm, self._keys, activities, until)

    def write_back(self, told: WriteBack) -> bool:
        """Write where an e-mail stands; False when it is cancelled or gone.  Without `due` it comes up when it would have."""
        return builtin_write_back.write(self._crm, self._keys, told)

    def write_back_all(self, told: Sequence[WriteBack]) -> Mapping[str, EmailStatus | None]:
        """Write where several e-mails stand, 100 a transaction; return those that stand otherwise, and how."""
        return builtin_write_back.write_all(self._crm, self._keys, told)

    def note(self, activity: str, key: str, note: Note) -> None:
        """Keep a note on the e-mail."""
        builtin_notes.write(self._crm, self._keys, activity, key, note)

    def notes(self, activity: str) -> Sequence[Note]:
        """Return the notes of an e-mail, oldest first."""
        return builtin_notes.read(self._crm, self._keys, activity)

    def import_records(self, rows: Iterable[AddressedRecord]) -> int:
        """Write records and let their addresses lead to them; return how many."""
        return builtin_records.store(self._crm, self._keys, rows)

    def merge(self, loser: str, winner: str) -> tuple[Record, Record]:
        """Merge a record into another; return both."""
        return builtin_states.merge(self._crm, self._keys, loser, winner)

    def deactivate(self, record: str) -> Record:
        """Let a record answer for no address any more."""
        return builtin_states.deactivate(self._crm, self._keys, record)

    def activate(self, record: str) -> Record:
        """Let a record answer for its addresses again."""
        return builtin_states.activate(self._crm, self._keys, record)

    def records(self) -> Iterator[AddressedRecord]:
        """Yield all records with their addresses, by kind and id."""
        return builtin_records.listed(self._crm, self._keys)

    def _orders(self, deliveries: Sequence[Delivery]) -> list[Order]:
        activities = [replace(one.activity, created=one.activity.created or one.trace.at) for one in deliveries]
        return [Order(delivery, item) for delivery, item in zip(deliveries, self._rows(activities), strict=True)]

    def _rows(self, activities: Sequence[EmailActivity]) -> list[Item]:
        return builtin_rows.stored(self._keys, activities, self._blobs)

    def _in_order(self, page: Sequence[Item], fields: str = "") -> Iterator[Item]:
        """Read the rows of a page of an index, strongly consistent, in the index's order."""
        order = {(item["pk"], item["sk"]): number for number, item in enumerate(page)}
        yield from sorted(self._crm.get_all(order, fields), key=lambda item: order[item["pk"], item["sk"]])
