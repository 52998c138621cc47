"""Keep in DynamoDB how fast this account may send by Amazon SES, and which moments are taken: `SES | ACCOUNT`, shared by all workers.

The rate is the account's and not an organisation's, so the row is no organisation's either.  A worker takes the moments of a second at once,
by one conditional write: what it does not use is lost, and nothing is ever given to two.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from email_router.edge.connect.compact import instant, micros
from email_router.edge.connect.dynamodb import ConditionFailed, Table
from email_router.edge.connect.keys import SES_ACCOUNT
from email_router.edge.connect.values import Value

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

_PLACE = (SES_ACCOUNT, "ACCOUNT")
_ROUNDS = 20


@dataclass(frozen=True, slots=True)
class Allowance:
    """What SES allowed when it was asked (`checked`): recipients a second; in 24 hours (None: no bound), and how many are used.

    `used` counts what was taken since, too.
    """

    rate: float
    daily: int | None
    used: int
    checked: datetime


class DynamoSendPace:
    """The pace of one AWS account."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._table = Table(client, table)

    def allowance(self) -> Allowance | None:
        """Return what was kept last, or None."""
        item = self._table.get(_PLACE)
        checked = instant(item.get("checked")) if item else None
        if item is None or checked is None:
            return None
        daily = item.get("daily")
        return Allowance(item["rate"] / 1000, daily, item["used"] + item.get("taken", 0), checked)

    def learned(self, rate: float, daily: int | None, used: int, now: datetime) -> None:
        """Keep what SES says now; what was taken before stands in its figure by then."""
        values: dict[str, Value] = {":rate": round(rate * 1000), ":used": used, ":checked": micros(now), ":none": 0}
        setting = "SET #rate = :rate, #used = :used, #checked = :checked, #taken = :none"
        if daily is None:
            self._table.update(_PLACE, f"{setting} REMOVE #daily", values)
        else:
            self._table.update(_PLACE, f"{setting}, #daily = :daily", {**values, ":daily": daily})

    def take(self, count: int, rate: float, now: datetime, horizon: timedelta) -> datetime | None:
        """Take `count` moments in a row and return the first; None when the next free one lies beyond the horizon."""
        step = round(1_000_000 / rate)
        for _ in range(_ROUNDS):
            item = self._table.get(_PLACE)
            free: int = item.get("free", 0) if item else 0
            first = max(free, micros(now))
            if first > micros(now + horizon):
                return None
            values: dict[str, Value] = {":next": first + count * step, ":free": free, ":count": count}
            unchanged = "#free = :free" if free else "(attribute_not_exists(#free) OR #free = :free)"
            try:
                self._table.update(_PLACE, "SET #free = :next ADD #taken :count", values, condition=unchanged)
            except ConditionFailed:
                continue
            return instant(first)
        return None

    def next_free(self, now: datetime) -> datetime:
        """Return the first moment that nobody has taken."""
        item = self._table.get(_PLACE)
        return max(instant(item.get("free", 0)) or now, now) if item else now
