"""Keep e-mail activities in Dataverse (Dynamics 365), and what makes each exactly one in our own table.

Deliver: look whether the lease still holds and which claims stand; write the e-mails to Dataverse, repeatably, since their ids are made of
their messages; then claim, receipt, links and trace in one transaction, fenced by the lease.  A claim that stands therefore says that the
e-mail is complete there.  Whoever dies before the claim leaves an e-mail that the next one finds and completes; nobody makes a second.  With
the claim stands what the table cannot hold.  Bodies in HTML lie in Dataverse only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from email_router.core.activity import About, EmailActivity, EmailStatus, NewPerson, Note, Record
from email_router.core.errors import StaleWorker
from email_router.core.ledger import Claim, Delivered, Delivery
from email_router.core.mailbox import Direction
from email_router.core.mailbox_state import Lease
from email_router.core.ports import BlobStore
from email_router.core.write_back import WriteBack
from email_router.edge.connect import ledger_rows
from email_router.edge.connect.dynamodb import Table
from email_router.edge.connect.keys import Keys
from email_router.edge.crm import (
    builtin_notes,
    builtin_rows,
    dataverse_earlier,
    dataverse_listing,
    dataverse_notes,
    dataverse_people,
    dataverse_reading,
    dataverse_records,
    dataverse_to_send,
    dataverse_tokens,
)
from email_router.edge.crm.builtin_delivery import Order, Writer, settle
from email_router.edge.crm.dataverse_delivery import Writing
from email_router.edge.crm.dataverse_organisation import Organisation
from email_router.edge.crm.dataverse_outgoing import OutgoingEmails

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

    from email_router.edge.connect.dataverse import DataverseClient

_AT_THE_END = datetime(9000, 1, 1, tzinfo=UTC)
_MOST_WAITING = 1000


class DataverseCrm:
    """The activities and records of one organisation of Dynamics 365."""

    def __init__(
        self,
        dataverse: DataverseClient,
        client: DynamoDBClient,
        crm_table: str,
        router_table: str,
        organisation: str,
        blobs: BlobStore,
        senders: frozenset[str] | None = None,
    ) -> None:
        """Take what is needed; `senders` are the addresses (case folded) whose e-mails are ours to send, None: all."""
        self._client = dataverse
        self._crm = Table(client, crm_table)
        self._router = Table(client, router_table)
        self._keys = Keys(organisation)
        self._blobs = blobs
        self._organisation = Organisation(dataverse)
        self._outgoing = OutgoingEmails(dataverse, self._crm, self._keys, blobs, senders)

    def resolve(self, addresses: Sequence[str]) -> Mapping[str, tuple[Record, ...]]:
        """Return the active records of each address, one batch for a page."""
        return dataverse_records.resolve(self._client, addresses)

    def about(self, activities: Sequence[str]) -> Mapping[str, About]:
        """Return what each of these e-mails is about and who owns it, one batch; more where records were merged."""
        return dataverse_records.about(self._client, activities)

    def create_people(self, people: Sequence[NewPerson]) -> Mapping[str, tuple[Record, ...]]:
        """Make contacts and leads of unknown senders, each exactly once."""
        return dataverse_people.create(self._organisation, self._crm, self._keys, people) if people else {}

    def deliver(self, deliveries: Sequence[Delivery], lease: Lease) -> Sequence[Delivered]:
        """Create the activities, each exactly once.

        Raises MessageRefused once all that Dataverse takes is written, when it refuses any: asked one by one, it tells which.
        """
        if not deliveries:
            return []
        claimed = self._claimed(deliveries, lease)
        new = {one.claim.key: one for one in reversed(deliveries) if one.claim.key not in claimed}
        refused = Writing(self._organisation, self._blobs).write([one.activity for one in reversed(new.values())])
        keys = {one.claim.key for one in new.values() if one.activity.id in refused}
        writer = Writer(self._crm, self._router, self._keys, lease)
        answers = settle(writer, [one for one in deliveries if one.claim.key not in keys], self._orders)
        if refused:
            raise next(iter(refused.values()))
        return answers

    def email(self, activity: str) -> EmailActivity | None:
        """Return one e-mail activity as it stands in Dataverse, with what our row adds; None when it is not there any more."""
        row = dataverse_reading.read(self._client, activity)
        if row is None:
            return None
        there = dataverse_reading.activity_of(row)
        if there.direction is Direction.OUTGOING:
            return self._outgoing.read([there])[there.id]
        item = self._crm.get(builtin_rows.place_of(self._keys, activity))
        return dataverse_listing.with_ours(there, item, self._blobs)

    def several(self, activities: Sequence[str]) -> Mapping[str, EmailActivity]:
        """Return these e-mail activities as `email` does, by one batch, and one request for their attachments."""
        there = [dataverse_reading.activity_of(row) for row in dataverse_reading.read_all(self._client, activities)]
        came = [one for one in there if one.direction is not Direction.OUTGOING]
        places = {builtin_rows.place_of(self._keys, one.id): one.id for one in came}
        items = {places[item["pk"], item["sk"]]: item for item in self._crm.get_all(places)}
        found = {one.id: dataverse_listing.with_ours(one, items.get(one.id), self._blobs) for one in came}
        found |= self._outgoing.read([one for one in there if one.direction is Direction.OUTGOING])
        by_id = {name.lower(): email for name, email in found.items()}
        return {one: by_id[one.lower()] for one in activities if one.lower() in by_id}

    def emails(self, sent: Iterable[str] = ()) -> list[EmailActivity]:
        """Return the e-mails that the router knows, oldest first: those that came by it, those that wait to be sent, and those of `sent`.

        For operators: it reads all of them.
        """
        return self.emails_of([*dataverse_listing.came(self._crm, self._keys), *sent])

    def emails_of(self, activities: Iterable[str]) -> list[EmailActivity]:
        """Return these e-mails as far as they are there, and those that wait to be sent, oldest first."""
        waiting = [activity for activity, _ in self._outgoing.pending(_AT_THE_END, _MOST_WAITING)]
        return dataverse_listing.listed(self._client, self._crm, self._keys, self._blobs, [*activities, *waiting])

    def earlier(self, since: datetime) -> Iterator[Sequence[EmailActivity]]:
        """Yield, page by page and newest first, the e-mails made since then that came or left, by whomever; without bodies."""
        return dataverse_earlier.emails(self._client, since)

    def create_outgoing(self, activity: EmailActivity) -> None:
        """Make an e-mail that somebody wants sent, and let it wait; one that stands already stays as it is."""
        dataverse_to_send.create(self._organisation, activity, self._blobs)

    def cancel(self, activity: str) -> bool:
        """Cancel an e-mail that waits to be sent; False when it does not wait any more.  Our row keeps it, and tells it to other CRMs."""
        if not dataverse_to_send.cancel(self._client, activity):
            return False
        told = WriteBack(activity=activity, status=EmailStatus.CANCELLED, reason="cancelled by a person")
        self._outgoing.write_back(told)
        return True

    def pending(self, now: datetime, limit: int) -> Iterator[tuple[str, str]]:
        """Yield (activity, sender) of e-mails that are due."""
        return self._outgoing.pending(now, limit)

    def postpone(self, activities: Sequence[str], until: datetime) -> None:
        """Keep these e-mails from being collected before then."""
        self._outgoing.postpone(activities, until)

    def write_back(self, told: WriteBack) -> bool:
        """Write where an e-mail stands; False when it is cancelled or gone."""
        return self._outgoing.write_back(told)

    def write_back_all(self, told: Sequence[WriteBack]) -> Mapping[str, EmailStatus | None]:
        """Write where several e-mails stand; return those that stand otherwise, and how."""
        return self._outgoing.write_back_all(told)

    def note(self, activity: str, key: str, note: Note) -> None:
        """Keep a note on the e-mail, where its readers see it."""
        dataverse_notes.write(self._client, self._crm, self._keys, activity.lower(), key, note)

    def notes(self, activity: str) -> Sequence[Note]:
        """Return the notes that the router has left on an e-mail, oldest first."""
        return builtin_notes.read(self._crm, self._keys, activity.lower())

    def new_tokens(self, subjects: Sequence[str]) -> Sequence[str]:
        """Return a tracking token that Dataverse gives for each subject; empty ones where the organisation uses none."""
        return dataverse_tokens.new(self._client, subjects)

    def _claimed(self, deliveries: Sequence[Delivery], lease: Lease) -> dict[str, Claim]:
        """Return the claims that stand, by key.  Raises StaleWorker when the lease is another's: then nothing is written, there or here."""
        state = self._keys.mailbox(lease.mailbox), ledger_rows.STATE
        places = {ledger_rows.claim_place(self._keys, one.claim.key): one.claim.key for one in deliveries}
        items = {(item["pk"], item["sk"]): item for item in self._router.get_all([state, *places])}
        if items.get(state, {}).get("token") != lease.token:
            raise StaleWorker(f"{lease.mailbox}: token {lease.token} is not the newest any more")
        found = [items[place] for place in places if place in items and ledger_rows.is_claim(items[place])]
        return {claim.key: claim for claim in map(ledger_rows.claim_of, found)}

    def _orders(self, deliveries: Sequence[Delivery]) -> list[Order]:
        """Return what is written beside each claim: all that Dataverse cannot hold."""
        kept = [replace(one.activity, html="", created=one.activity.created or one.trace.at) for one in deliveries]
        items = builtin_rows.stored(self._keys, kept, self._blobs)
        for item, one in zip(items, deliveries, strict=True):
            item["html"] = bool(one.activity.html) or None
        return [Order(delivery, item) for delivery, item in zip(deliveries, items, strict=True)]
