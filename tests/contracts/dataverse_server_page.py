"""A page of mails that is handed to a Dataverse that matches by itself, from two mailboxes, behind a seam where any call can go wrong."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

from email_router.core.errors import TryLater
from email_router.core.ledger import Delivery, Wanted
from email_router.edge.crm.dataverse_server import DataverseServerCrm
from tests.contracts.dataverse_page import Calls, Run, files
from tests.deliveries import ANN, SALES, delivery
from tests.simulators.dataverse.incoming import TAKES_COPIES
from tests.simulators.dataverse.world import ORGANIZATION

TOKEN = "CRM:0001001"


def page(mailbox: str) -> list[Delivery]:
    """Return the mails as one mailbox has them: a plain one, one with attachments of which one is blocked; one is for sales@ alone."""
    mails = [
        delivery(1, mailbox),
        delivery(2, mailbox, attachments=files("a.pdf", "b.exe"), subject=f"Re: Offer {TOKEN}"),
    ]
    return [*mails, delivery(3, mailbox)] if mailbox == SALES else mails


class ServerRun(Run):
    """One run of the page, at a Dataverse that makes an e-mail of whatever it is handed; `refusing`: at one that refuses a second copy."""

    def refusing(self) -> ServerRun:
        """Let Dataverse refuse what it has already."""
        self.rig.process.put("organization", organizationid=ORGANIZATION, orgdborgsettings="")
        return self

    def __post_init__(self) -> None:
        super().__post_init__()
        self.rig.process.put("organization", organizationid=ORGANIZATION, orgdborgsettings=TAKES_COPIES)

    def _deliver(self, mailbox: str, crm: Any) -> None:
        now = self.clock.now()
        lease = self.stores.states.lease(mailbox, now, now + timedelta(seconds=330))
        if lease is not None:
            mails = [replace(one, trace=replace(one.trace, at=now)) for one in page(mailbox)]
            with contextlib.suppress(TryLater) if self.seam.silent else contextlib.nullcontext():  # it comes again
                crm.deliver(mails, lease)

    def _crm(self, *, behind: bool) -> Any:
        dataverse: Any = self.rig.client
        dynamodb: Any = self.place.clients.dynamodb
        blobs: Any = self.stores.blobs
        if behind:
            dataverse, dynamodb = Calls(self.seam, dataverse), self.seam.port("dynamodb", dynamodb)
            blobs = self.seam.port("blobs", blobs)
        return DataverseServerCrm(
            dataverse, dynamodb, self.place.crm, self.place.router, self.stores.organisation, blobs
        )

    def broken_rules(self) -> Iterator[str]:
        """Yield what is not as it must be: each mail one e-mail, whole, claimed once under its id, with a receipt of each mailbox."""
        rows = [row for row in self.rig.process.rows("email") if row["directioncode"] is False]
        mails = page(SALES)
        if sorted(row["messageid"] for row in rows) != [mail.activity.message_id for mail in mails]:
            yield f"{len(rows)} e-mails instead of {len(mails)}"
            return
        by_id = {row["messageid"]: row for row in rows}
        for mail in mails:
            row = by_id[mail.activity.message_id]
            names = sorted(one["filename"] for one in self._attachments(row["activityid"]))
            if names != sorted(one.name for one in mail.activity.attachments if one.name != "b.exe"):
                yield f"{mail.activity.subject}: attachments {names}"
            yield from self._unaccounted_for(mail, row["activityid"])

    def _unaccounted_for(self, mail: Delivery, activity: str) -> Iterator[str]:
        key, ledger = mail.claim.key, self.stores.ledger
        claim = ledger.claim(key)
        if claim is None or claim.activity != activity:
            yield f"{mail.activity.subject}: {claim} instead of one of {activity}"
        receipts = ledger.receipts(key)
        wanted = {SALES, ANN} if any(one.claim.key == key for one in page(ANN)) else {SALES}
        if {(one.mailbox, one.activity) for one in receipts} != {(one, activity) for one in wanted}:
            yield f"{mail.activity.subject}: receipts {receipts}"
        wrong = [one for one in ledger.traces(key) if one.activity != activity]
        if wrong:
            yield f"{mail.activity.subject}: traces {wrong}"
        link = ledger.find(Wanted(message_ids=(str(mail.activity.message_id),))).message_ids
        if [one.activity for one in link.values()] != [activity]:
            yield f"{mail.activity.subject}: its id leads to {link}"
