"""Keep in DynamoDB what was asked for already: passes over mailboxes by Graph (`ORG#o#MAILBOX#a | NUDGE`), a collect of e-mails by the CRM
(`ORG#o | NUDGE`).  Two writes each at the most.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from email_router.core.subscriptions import NUDGE_SECONDS
from email_router.edge.connect.dynamodb import ConditionFailed, Table
from email_router.edge.connect.keys import Keys

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

    from email_router.edge.connect.values import Value

_NUDGE = "NUDGE"
_KEPT = timedelta(days=1)
_EPOCH_MILLIS = 1000


class DynamoNudges:
    """The nudges of one organisation's mailboxes.

    If we die between the nudge and the queue, the mailbox is asked for again by the first notification after a minute; a nudge that nobody
    clears is removed by the table within days.
    """

    def __init__(self, client: DynamoDBClient, table: str, organisation: str) -> None:
        self._table = Table(client, table)
        self._keys = Keys(organisation)

    def nudge(self, mailbox: str, now: datetime) -> bool:
        """Put the nudge by one conditional write; False while a younger one stands."""
        return _put(self._table, self._keys.mailbox(mailbox), now)

    def clear(self, mailbox: str) -> None:
        """Remove the nudge."""
        self._table.delete((self._keys.mailbox(mailbox), _NUDGE))


class DynamoOutgoingNudges:
    """The nudge of one organisation's e-mails to be sent.  If we die between it and the collect, the minute's tick collects."""

    def __init__(self, client: DynamoDBClient, table: str, organisation: str) -> None:
        self._table = Table(client, table)
        self._place = Keys(organisation).own

    def nudge(self, now: datetime) -> bool:
        """Put the nudge by one conditional write; False while a younger one stands."""
        return _put(self._table, self._place, now)

    def clear(self) -> None:
        """Remove the nudge."""
        self._table.delete((self._place, _NUDGE))


def _put(table: Table, place: str, now: datetime) -> bool:
    item: dict[str, Value] = {
        "pk": place,
        "sk": _NUDGE,
        "at": _millis(now),
        "expires": int((now + _KEPT).timestamp()),
    }
    old = _millis(now - timedelta(seconds=NUDGE_SECONDS))
    try:
        table.put(item, "attribute_not_exists(#pk) OR #at <= :old", {":old": old})
    except ConditionFailed:
        return False
    return True


def _millis(at: datetime) -> int:
    return int(at.timestamp() * _EPOCH_MILLIS)
