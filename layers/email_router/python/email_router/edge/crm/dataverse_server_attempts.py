"""Note who is about to hand a message to Dataverse, before he does: `ORG#o#MESSAGE#key | ATTEMPT`, for 90 days.

Dataverse gives its e-mails ids of its own, so two workers of two mailboxes that hold the same mail must not hand it over at once.  Who notes
it first goes first; another waits until that one's lease is over.  A later worker of the same mailbox need not: its lease says that the
earlier one is over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from email_router.core.errors import StaleWorker
from email_router.core.grouping import groups
from email_router.edge.connect import ledger_rows, transactions
from email_router.edge.connect.compact import micros
from email_router.edge.connect.transactions import Cancelled

if TYPE_CHECKING:
    from email_router.core.ledger import Delivery
    from email_router.core.mailbox_state import Lease
    from email_router.edge.connect.dynamodb import Table
    from email_router.edge.connect.keys import Keys
    from email_router.edge.connect.transactions import Action
    from email_router.edge.connect.values import Item

ATTEMPT = "ATTEMPT"
_KEPT = timedelta(days=90)
_FREE = "attribute_not_exists(#pk) OR (#mailbox = :mailbox AND #token <= :token) OR #until < :now"


@dataclass(frozen=True, slots=True)
class Attempts:
    """The notes of one organisation, written under one lease."""

    table: Table
    keys: Keys
    lease: Lease

    def begin(self, deliveries: Sequence[Delivery]) -> set[str]:
        """Note these messages as begun; return the keys of those that a worker of another mailbox is at.

        Repeatable.  Raises StaleWorker when the lease is another's, TryLater (shared) when the table is away.
        """
        taken: set[str] = set()
        for group in groups(deliveries, transactions.MOST_ACTIONS - 1):
            taken |= self._begin(list(group))
        return taken

    def _begin(self, deliveries: list[Delivery]) -> set[str]:
        taken: set[str] = set()
        while deliveries:
            fence = ledger_rows.fence(self.table.name, self.keys, self.lease)
            try:
                transactions.write(self.table.client, [fence, *map(self._note, deliveries)])
            except Cancelled as cancelled:
                if 0 in cancelled.failed:
                    text = f"{self.lease.mailbox}: token {self.lease.token} is not the newest any more"
                    raise StaleWorker(text) from cancelled
                lost = {deliveries[number - 1].claim.key for number in cancelled.failed}
                taken |= lost
                deliveries = [one for one in deliveries if one.claim.key not in lost]
            else:
                break
        return taken

    def _note(self, delivery: Delivery) -> Action:
        lease = self.lease
        note: Item = {
            "pk": self.keys.message(delivery.claim.key),
            "sk": ATTEMPT,
            "mailbox": lease.mailbox,
            "token": lease.token,
            "until": micros(lease.until),
            "expires": int((lease.until + _KEPT).timestamp()),
        }
        held: Item = {":mailbox": lease.mailbox, ":token": lease.token, ":now": micros(delivery.trace.at)}
        return transactions.put(self.table.name, note, _FREE, held)
