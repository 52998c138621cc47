"""Keep in DynamoDB the messages that a person must look at: `ORG#o#UNDELIVERABLE | id`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from email_router.core.errors import StaleWorker
from email_router.core.ledger import Quarantined
from email_router.core.mailbox_state import Lease
from email_router.edge.connect import transactions
from email_router.edge.connect.compact import expand, squeeze
from email_router.edge.connect.dynamodb import Table
from email_router.edge.connect.keys import Keys
from email_router.edge.connect.ledger_rows import fence
from email_router.edge.connect.transactions import Cancelled
from email_router.edge.connect.values import Item

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


KEPT = timedelta(days=180)
"""As long as the bucket keeps the bytes: after that there is nothing to look at."""


class DynamoQuarantine:
    """The quarantined messages of one organisation."""

    def __init__(self, client: DynamoDBClient, table: str, organisation: str) -> None:
        self._table = Table(client, table)
        self._keys = Keys(organisation)

    def add(self, message: Quarantined, lease: Lease | None) -> None:
        """Write the row; with a lease, only while its token is the newest.  Repeatable."""
        expires = int((message.at + KEPT).timestamp())
        item: Item = {"pk": self._keys.undeliverable, "sk": message.id, "entry": squeeze(message), "expires": expires}
        if lease is None:
            self._table.put(item)
            return
        name = self._table.name
        try:
            transactions.write(self._table.client, [fence(name, self._keys, lease), transactions.put(name, item)])
        except Cancelled as cancelled:
            raise StaleWorker(f"{lease.mailbox}: token {lease.token} is not the newest any more") from cancelled

    def entries(self) -> Sequence[Quarantined]:
        """Return all, newest first."""
        items = self._table.query("#pk = :pk", {":pk": self._keys.undeliverable})
        return sorted((expand(Quarantined, item["entry"]) for item in items), key=lambda entry: entry.at, reverse=True)

    def get(self, entry_id: str) -> Quarantined | None:
        """Return one, or None."""
        item = self._table.get((self._keys.undeliverable, entry_id))
        return expand(Quarantined, item["entry"]) if item else None

    def remove(self, entry_id: str) -> None:
        """Remove one; repeatable."""
        self._table.delete((self._keys.undeliverable, entry_id))
