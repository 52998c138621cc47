"""Let Dataverse itself decide which mail it wants, match it and make the e-mails of it: CheckIncomingEmail and DeliverIncomingEmail.

Deliver: look whether the lease still holds and which claims stand; note the attempt; ask Dataverse which of the messages it has, adopt those
and hand it the others; read back what it made of them; then claim, receipt, links and trace in one transaction, fenced by the lease.  The
e-mail's id is Dataverse's, so the Message-ID is what makes it one: whoever dies before the claim leaves an e-mail that the next one asks
for and adopts.  Two workers that have the same mail do not hand it over at the same time: the second one's mailbox waits for the first's.
"""

from __future__ import annotations

from collections.abc import Sequence

from email_router.core.crm_rulings import Offer, Ruling
from email_router.core.ledger import Delivered, Delivery
from email_router.core.mailbox_state import Lease
from email_router.edge.crm import dataverse_server_asking as asking
from email_router.edge.crm import dataverse_server_rows as rows
from email_router.edge.crm.builtin_delivery import Writer, settle
from email_router.edge.crm.dataverse import DataverseCrm
from email_router.edge.crm.dataverse_server_attempts import Attempts
from email_router.edge.crm.dataverse_server_handing import Handing


class DataverseServerCrm(DataverseCrm):
    """The activities and records of one organisation of Dynamics 365 that matches by itself; all but its incoming road is DataverseCrm's."""

    def rule_on(self, offers: Sequence[Offer]) -> Sequence[Ruling]:
        """Ask whether each mailbox wants its message, one batch for a page."""
        return asking.rulings(self._client, offers)

    def deliver(self, deliveries: Sequence[Delivery], lease: Lease) -> Sequence[Delivered]:
        """Have the activities made, each exactly once; the answers name them.

        Once all that can be settled is: raises TryLater (shared) when a worker of another mailbox is at one of them, MessageRefused when
        Dataverse refuses one: asked one by one, it tells which.
        """
        if not deliveries:
            return []
        standing = self._claimed(deliveries, lease)
        new = {one.claim.key: one for one in reversed(deliveries) if one.claim.key not in standing}
        attempts = Attempts(self._router, self._keys, lease)
        works = Handing(self._organisation, attempts, self._blobs).hand_over(list(reversed(new.values())))
        made = {work.key: work for work in works if work.activity}
        told = [
            rows.told(one, made[key].activity, made[key].row)
            if (key := one.claim.key) in made
            else rows.named(one, standing[key].activity)
            for one in deliveries
            if one.claim.key in {*made, *standing}
        ]
        answers = settle(Writer(self._crm, self._router, self._keys, lease), told, self._orders)
        for trouble in sorted(filter(None, (work.trouble for work in works)), key=lambda one: one.kind != "busy"):
            raise trouble
        return answers
