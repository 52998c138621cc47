"""A CRM in the simulated Dataverse, its stores in memory of AWS, and what its tests ask of both."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from email_router.core.ledger import Delivery
from email_router.core.mailbox_state import Lease
from email_router.edge.connect.dataverse import DataverseClient
from email_router.edge.connect.dataverse_backoff import SharedBackOff
from email_router.edge.connect.dynamodb import Table
from email_router.edge.connect.keys import Keys
from email_router.edge.crm.dataverse import DataverseCrm
from tests.cloud import Place, aws_stores
from tests.contracts.dataverse_rig import Rig
from tests.deliveries import NOW, SALES, later

Json = dict[str, Any]


class Office:
    """The adapter of one organisation with its parts in reach of a test."""

    def __init__(self, place: Place, rig: Rig) -> None:
        self.place, self.rig, self.process = place, rig, rig.process
        self.stores = aws_stores(place)
        self.crm = self.opened(rig.client)

    @cached_property
    def lease(self) -> Lease:
        """The lease of sales@, taken when first needed."""
        lease: Lease | None = self.stores.states.lease(SALES, NOW, later(330))
        assert lease is not None
        return lease

    def opened(self, client: DataverseClient) -> DataverseCrm:
        """Return the adapter over a client, as another function has it."""
        names = self.place.crm, self.place.router, "contoso"
        return DataverseCrm(client, self.place.clients.dynamodb, *names, self.stores.blobs)

    def gated(self) -> DataverseCrm:
        """Return the adapter as another function has it, behind the shared back-off."""
        back_off = SharedBackOff(Table(self.place.clients.dynamodb, self.place.crm), Keys("contoso"))
        client = self.rig.client
        return self.opened(DataverseClient(client._address, client._sign_in, "contoso", back_off))

    def deliver(self, *mails: Delivery) -> None:
        """Deliver, and forget what was said before."""
        self.process.clear_requests()
        self.crm.deliver(list(mails), self.lease)

    def row(self, mail: Delivery) -> Json:
        """Return the e-mail of a delivery as Dataverse holds it."""
        return next(row for row in self.process.rows("email") if row["activityid"] == mail.activity.id)

    def parties(self, mail: Delivery) -> list[tuple[int, str, str | None]]:
        """Return the parties: part, address, and the record's table."""
        rows = [one for one in self.process.rows("activityparty") if one["activityid"]["id"] == mail.activity.id]
        return [
            (row["participationtypemask"], row["addressused"], row["partyid"] and row["partyid"]["table"])
            for row in rows
        ]

    def files(self, mail: Delivery) -> list[Json]:
        """Return the attachments, in order."""
        rows = self.process.rows("activitymimeattachment")
        own = [row for row in rows if row["objectid"]["id"] == mail.activity.id]
        return sorted(own, key=lambda row: int(row["attachmentnumber"]))

    def outer(self) -> list[str]:
        """Return the requests that were made since the last delivery, each batch as one."""
        return [
            f"{one['method']} {one['path'].removeprefix('/api/data/v9.2/')}"
            for one in self.process.requests("/api/")
            if not one["batched"]
        ]
