"""A page of mails that goes to Dataverse from two mailboxes, behind a seam where any call can go wrong, and what must be there then."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from email_router.core.activity import Record, StoredAttachment
from email_router.core.errors import ConfigurationError, RouterError, StaleWorker
from email_router.core.ledger import Delivery, LinkKind
from email_router.edge.connect.dataverse import DataverseClient
from email_router.edge.crm.dataverse import DataverseCrm
from tests.cloud import Clients, Place, Stores, aws_stores, make_place
from tests.contracts.crm_houses import guid
from tests.contracts.dataverse_rig import Rig
from tests.deliveries import ANN, NOW, SALES, delivery, linked
from tests.fakes import FixedClock
from tests.faults.seam import Fault, Killed, Seam

FALLS = (Killed, RouterError, StaleWorker, ConfigurationError)
GONE = Record("account", guid("gone"), "Gone")


def files(*names: str) -> tuple[StoredAttachment, ...]:
    """Return attachments whose content is their name."""
    return tuple(
        StoredAttachment(name, "application/pdf", len(name), "0" * 64, inline=False, content_id=None, blob=f"a/{name}")
        for name in names
    )


def page(mailbox: str) -> list[Delivery]:
    """Return the mails as one mailbox has them: one plain, one with attachments of which one is blocked, one about a record that is gone."""
    mails = [
        delivery(1, mailbox),
        delivery(2, mailbox, attachments=files("a.pdf", "b.exe", "c.pdf", "d.pdf")),
        delivery(3, mailbox, attachments=files("e.pdf"), regarding=GONE),
    ]
    if mailbox == SALES:
        mails.append(linked(4, LinkKind.TOKEN, "CRM:0001001"))
    return mails


class Calls:
    """A client whose requests pass the seam; what asks nothing of Dataverse does not."""

    def __init__(self, seam: Seam, client: DataverseClient) -> None:
        behind = seam.port("dataverse", client)
        self.batch, self.call, self.pages = behind.batch, behind.call, behind.pages
        self.checked, self.organisation = client.checked, client.organisation


@dataclass
class Run:
    """One run of the page: tables of its own and one Dataverse, which is emptied before."""

    clients: Clients
    rig: Rig
    planted: Mapping[int, Fault] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rig.process.reset()
        for table in self.clients.dynamodb.list_tables()["TableNames"]:  # moto copies all tables at every transaction
            self.clients.dynamodb.delete_table(TableName=table)
        self.place: Place = make_place(self.clients)
        self.stores: Stores = aws_stores(self.place)
        self.clock = FixedClock(NOW)
        self.seam = Seam(self.clock, self.planted, self._others)
        for name in ("a.pdf", "b.exe", "c.pdf", "d.pdf", "e.pdf"):
            self.stores.blobs.put(f"a/{name}", name.encode())

    def play(self) -> None:
        """Deliver the page behind the seam, then as often as it takes without one, from both mailboxes."""
        self.play_until_death()
        self._go_on()

    def play_until_death(self) -> None:
        """Deliver the page behind the seam."""
        with contextlib.suppress(*FALLS):
            self._deliver(SALES, self._crm(behind=True))
        self.seam.mend()

    def play_again(self, planted: Mapping[int, Fault]) -> None:
        """Let another worker deliver it behind a seam of its own, then go on without."""
        self.clock.advance(400)
        self.seam = Seam(self.clock, planted, self._others)
        self.play()

    def _go_on(self) -> None:
        for mailbox in (ANN, SALES):
            self.clock.advance(400)
            self._deliver(mailbox, self._crm(behind=False))

    def _others(self) -> None:
        """Let other workers serve both mailboxes; the one whose lease is held is not served."""
        for mailbox in (ANN, SALES):
            self._deliver(mailbox, self._crm(behind=False))

    def _deliver(self, mailbox: str, crm: DataverseCrm) -> None:
        now = self.clock.now()
        lease = self.stores.states.lease(mailbox, now, now + timedelta(seconds=330))
        if lease is not None:
            crm.deliver(page(mailbox), lease)

    def _crm(self, *, behind: bool) -> DataverseCrm:
        dataverse: Any = self.rig.client
        dynamodb: Any = self.place.clients.dynamodb
        blobs: Any = self.stores.blobs
        if behind:
            dataverse, dynamodb = Calls(self.seam, dataverse), self.seam.port("dynamodb", dynamodb)
            blobs = self.seam.port("blobs", blobs)
        names = self.place.crm, self.place.router, self.stores.organisation
        return DataverseCrm(dataverse, dynamodb, *names, blobs)

    def broken_rules(self) -> Iterator[str]:
        """Yield what is not as it must be: each mail one activity, complete, claimed once, with a receipt of each mailbox."""
        rows = {row["activityid"]: row for row in self.rig.process.rows("email")}
        mails = page(SALES)
        if set(rows) != {mail.activity.id for mail in mails}:
            yield f"{len(rows)} e-mails instead of {len(mails)}"
            return
        for mail in mails:
            row = rows[mail.activity.id]
            if (row["statuscode"], row["category"]) != (4, None):
                yield f"{mail.activity.subject}: status {row['statuscode']}, category {row['category']}"
            names = sorted(one["filename"] for one in self._attachments(mail.activity.id))
            wanted = sorted(one.name for one in mail.activity.attachments if one.name != "b.exe")
            if names != wanted:
                yield f"{mail.activity.subject}: attachments {names}"
            yield from self._unaccounted(mail)

    def _attachments(self, email: str) -> list[dict[str, Any]]:
        rows = self.rig.process.rows("activitymimeattachment")
        return [row for row in rows if row["objectid"]["id"] == email]

    def _unaccounted(self, mail: Delivery) -> Iterator[str]:
        key = mail.claim.key
        claim = self.stores.ledger.claim(key)
        if claim is None or claim.activity != mail.activity.id:
            yield f"{mail.activity.subject}: claim {claim}"
        twice = any(one.claim.key == key for one in page(ANN))
        mailboxes = {one.mailbox for one in self.stores.ledger.receipts(key)}
        if mailboxes != ({SALES, ANN} if twice else {SALES}):
            yield f"{mail.activity.subject}: receipts of {sorted(mailboxes)}"
