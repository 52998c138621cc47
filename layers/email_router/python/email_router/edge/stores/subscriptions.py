"""Keep in DynamoDB the subscription of each mailbox, `ORG#o#MAILBOX#a | SUBSCRIPTION#mail`, and tell the scheduler of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from email_router.core.subscriptions import Subscription
from email_router.edge.connect.compact import expand, micros, squeeze
from email_router.edge.connect.dynamodb import ConditionFailed, Table
from email_router.edge.connect.expressions import assignment
from email_router.edge.connect.keys import Keys
from email_router.edge.connect.ledger_rows import STATE
from email_router.edge.connect.transactions import Place

if TYPE_CHECKING:
    from datetime import datetime

    from types_boto3_dynamodb import DynamoDBClient

    from email_router.edge.connect.values import Item, Value

_ROW = "SUBSCRIPTION#mail"


class DynamoSubscriptions:
    """The subscriptions of one organisation's mailboxes."""

    def __init__(self, client: DynamoDBClient, table: str, organisation: str) -> None:
        self._table = Table(client, table)
        self._keys = Keys(organisation)

    def read(self, mailbox: str) -> Subscription:
        """Return the row, or an empty one."""
        item = self._table.get(self._place(mailbox))
        return _row(item) if item else Subscription(mailbox=mailbox)

    def read_all(self, mailboxes: Iterable[str]) -> Mapping[str, Subscription]:
        """Return the rows that exist."""
        rows = map(_row, self._table.get_all(self._place(mailbox) for mailbox in mailboxes))
        return {row.mailbox: row for row in rows}

    def save(self, subscription: Subscription) -> bool:
        """Write the row where the version that was read still stands."""
        pk, sk = self._place(subscription.mailbox)
        written = replace(subscription, version=subscription.version + 1)
        item: dict[str, Value] = {"pk": pk, "sk": sk, "version": written.version, "subscription": squeeze(written)}
        first = subscription.version == 0
        condition = "attribute_not_exists(#pk)" if first else "#version = :before"
        try:
            self._table.put(item, condition, None if first else {":before": subscription.version})
        except ConditionFailed:
            return False
        return True

    def forget(self, mailbox: str) -> None:
        """Remove the row."""
        self._table.delete(self._place(mailbox))

    def rely_until(self, mailbox: str, until: datetime | None) -> None:
        """Write to the mailbox's state, and so into the scheduler's index, until when notifications come."""
        expression, values = assignment({"pushed_until": micros(until) if until else None})
        self._table.update((self._keys.mailbox(mailbox), STATE), expression, values)

    def _place(self, mailbox: str) -> Place:
        return self._keys.mailbox(mailbox), _ROW


def _row(item: Item) -> Subscription:
    return expand(Subscription, item["subscription"])
