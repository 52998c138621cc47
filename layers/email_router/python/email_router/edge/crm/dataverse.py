"""Keep e-mail activities in Dataverse (Dynamics 365), and what makes each exactly one in our own table.

Deliver: look whether the lease still holds and which claims stand; write the e-mails to Dataverse, repeatably, since their ids are made of
their messages; then claim, receipt, links and trace in one transaction, fenced by the lease.  A claim that stands therefore says that the
e-mail is complete there.  Whoever dies before the claim leaves an e-mail that the next one finds and completes; nobody makes a second.  With
the claim stands what the table cannot hold.  Bodies in HTML lie in Dataverse only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from email_router.core.activity import About, EmailActivity, EmailStatus, NewPerson, Record
from email_router.core.errors import StaleWorker
from email_router.core.ledger import Delivered, Delivery
from email_router.core.mailbox import Direction
from email_router.core.mailbox_state import Lease
from email_router.core.ports import BlobStore
from email_router.edge.connect import ledger_rows
from email_router.edge.connect.dynamodb import Table
from email_router.edge.connect.keys import Keys
from email_router.edge.crm import builtin_rows, dataverse_people, dataverse_reading, dataverse_records
from email_router.edge.crm.builtin_delivery import Order, Writer, settle
from email_router.edge.crm.dataverse_delivery import Writing
from email_router.edge.crm.dataverse_organisation import Organisation
from email_router.edge.crm.dataverse_outgoing import Change, OutgoingEmails

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

    from email_router.edge.connect.dataverse import DataverseClient


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
            return self._outgoing.read(there)
        item = self._crm.get(builtin_rows.place_of(self._keys, activity))
        if item is None:
            return there
        ours = builtin_rows.activity_of(item, self._blobs)
        body = there.html if item.get("html") else ""
        return replace(ours, status=there.status, regarding=there.regarding, html=body)

    def pending(self, now: datetime, limit: int) -> Iterator[tuple[str, str]]:
        """Yield (activity, sender) of e-mails that are due."""
        return self._outgoing.pending(now, limit)

    def postpone(self, activities: Sequence[str], until: datetime) -> None:
        """Keep these e-mails from being collected before then."""
        self._outgoing.postpone(activities, until)

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
        """Write where an e-mail stands; False when it is cancelled or gone."""
        change = Change(status, reason, subject, message_id, tracking_token, attempts, due, sent)
        return self._outgoing.write_back(activity, change)

    def _claimed(self, deliveries: Sequence[Delivery], lease: Lease) -> set[str]:
        """Return the keys whose claim stands.  Raises StaleWorker when the lease is another's: then nothing is written, there or here."""
        state = self._keys.mailbox(lease.mailbox), ledger_rows.STATE
        places = {ledger_rows.claim_place(self._keys, one.claim.key): one.claim.key for one in deliveries}
        items = {(item["pk"], item["sk"]): item for item in self._router.get_all([state, *places])}
        if items.get(state, {}).get("token") != lease.token:
            raise StaleWorker(f"{lease.mailbox}: token {lease.token} is not the newest any more")
        return {key for place, key in places.items() if place in items and ledger_rows.is_claim(items[place])}

    def _orders(self, deliveries: Sequence[Delivery]) -> list[Order]:
        """Return what is written beside each claim: all that Dataverse cannot hold."""
        kept = [replace(one.activity, html="", created=one.activity.created or one.trace.at) for one in deliveries]
        items = builtin_rows.stored(self._keys, kept, self._blobs)
        for item, one in zip(items, deliveries, strict=True):
            item["html"] = bool(one.activity.html) or None
        return [Order(delivery, item) for delivery, item in zip(deliveries, items, strict=True)]
