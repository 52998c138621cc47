"""Keep in DynamoDB what is known of a CRM's settings: one row an organisation, `ORG#o | FOLLOWED`.

`claim` and `asked` say who took the last reading and when, `number` counts the changes of what is known.  A worker that dies between
claim and write leaves the values of before; another one takes the next reading after a while.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import TYPE_CHECKING

from email_router.core.followed import Followed
from email_router.edge.connect.compact import micros
from email_router.edge.connect.dynamodb import ConditionFailed, Table
from email_router.edge.connect.followed_row import packed, place_of, unpacked
from email_router.edge.connect.values import Value

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


class DynamoFollowed:
    """What is known of the settings of one organisation's CRM."""

    def __init__(self, client: DynamoDBClient, table: str, organisation: str) -> None:
        self._table = Table(client, table)
        self._place = place_of(organisation)

    def read(self) -> Followed | None:
        """Return what is known, or None.  One read."""
        return unpacked(self._table.get(self._place))

    def claim(self, now: datetime, before: datetime | None) -> str:
        """Take the next reading by one conditional write; an empty text where somebody took one since `before`."""
        name, condition = str(uuid.uuid4()), ""
        values: dict[str, Value] = {":claim": name, ":now": micros(now)}
        if before is not None:
            values[":before"] = micros(before)
            condition = "attribute_not_exists(#asked) OR #asked <= :before"
        try:
            self._table.update(self._place, "SET #claim = :claim, #asked = :now", values, condition=condition)
        except ConditionFailed:
            return ""
        return name

    def keep(self, found: Followed, claim: str) -> bool:
        """Write what was read, on condition that no other reading was taken since.  One read, one write.  Repeatable."""
        number = 0 if found.same_values(self.read()) else 1
        values: dict[str, Value] = {":followed": packed(found), ":claim": claim, ":number": number}
        try:
            self._table.update(
                self._place, "SET #followed = :followed ADD #number :number", values, condition="#claim = :claim"
            )
        except ConditionFailed:
            return False
        return True
