"""Keep in DynamoDB what was raised for a person to see to: `ORG#o#ALERT | kind and whom it is about`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from email_router.core.alerts import MOST_MESSAGES, Alert
from email_router.edge.connect.compact import expand, squeeze
from email_router.edge.connect.dynamodb import ConditionFailed, Table
from email_router.edge.connect.keys import Keys
from email_router.edge.connect.ledger_rows import ABSENT
from email_router.edge.connect.values import Item

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


class DynamoAlerts:
    """The open alerts of one organisation: a row each with the names of its messages, which settling removes."""

    def __init__(self, client: DynamoDBClient, table: str, organisation: str) -> None:
        self._table = Table(client, table)
        self._keys = Keys(organisation)

    def raise_alert(self, alert: Alert) -> bool:
        """Write the alert unless it is open already: the first stays and gathers the others' messages.  One write.  Repeatable."""
        place, alone = (self._keys.alerts, alert.id), replace(alert, messages=())
        with suppress(ConditionFailed):
            if not alert.messages:
                self._table.put({"pk": place[0], "sk": place[1], "alert": squeeze(alone)}, ABSENT)
                return True
            before = self._table.update(
                place,
                "SET #alert = if_not_exists(#alert, :alert) ADD #messages :messages",
                {":alert": squeeze(alone), ":messages": frozenset(alert.messages), ":most": MOST_MESSAGES},
                condition="attribute_not_exists(#messages) OR size(#messages) < :most",
                returns="ALL_OLD",
            )
            return "alert" not in before
        return False

    def all(self) -> Sequence[Alert]:
        """Return the open alerts, newest first."""
        items = self._table.query("#pk = :pk", {":pk": self._keys.alerts})
        return sorted(map(_opened, items), key=lambda alert: alert.at, reverse=True)

    def settle(self, alert_id: str) -> bool:
        """Remove the alert; False when none of this id is open."""
        place = (self._keys.alerts, alert_id)
        if self._table.get(place) is None:
            return False
        self._table.delete(place)
        return True


def _opened(item: Item) -> Alert:
    return replace(expand(Alert, item["alert"]), messages=tuple(sorted(item.get("messages", ()))))
