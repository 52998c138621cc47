"""Keep in DynamoDB what the collects of the last minute have queued of those whom a rate bounds: `ORG#o | COLLECTED`.

Read and written by collects that have e-mails of theirs before them, and by no others.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from email_router.core.collect_pace import Pace, Taken
from email_router.edge.connect.dynamodb import ConditionFailed, Table
from email_router.edge.connect.keys import Keys

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

    from email_router.edge.connect.values import Value

_COLLECTED = "COLLECTED"
_KEPT = timedelta(days=1)
_EPOCH_MILLIS = 1000


class DynamoCollectPace:
    """The pace of one organisation.  If we die after the save, what was taken and not queued counts for a minute and no longer."""

    def __init__(self, client: DynamoDBClient, table: str, organisation: str) -> None:
        self._table = Table(client, table)
        self._place = Keys(organisation).own, _COLLECTED

    def read(self) -> Pace:
        """Return the pace; an empty one where there is none."""
        item = self._table.get(self._place)
        if item is None:
            return Pace()
        taken = {
            name: tuple(Taken(datetime.fromtimestamp(at / _EPOCH_MILLIS, UTC), count) for at, count in ones)
            for name, ones in json.loads(item["taken"]).items()
        }
        return Pace(taken, item["version"])

    def save(self, pace: Pace) -> bool:
        """Write it by one conditional write; False when the version has moved."""
        taken = {name: [(_millis(one.at), one.count) for one in ones] for name, ones in pace.taken.items()}
        latest = max((one.at for ones in pace.taken.values() for one in ones), default=datetime.now(UTC))
        item: dict[str, Value] = {
            "pk": self._place[0],
            "sk": self._place[1],
            "version": pace.version + 1,
            "taken": json.dumps(taken, separators=(",", ":")),
            "expires": int((latest + _KEPT).timestamp()),
        }
        first = "attribute_not_exists(#pk)" if pace.version == 0 else "#version = :version"
        try:
            self._table.put(item, first, {":version": pace.version} if pace.version else None)
        except ConditionFailed:
            return False
        return True


def _millis(at: datetime) -> int:
    return int(at.timestamp() * _EPOCH_MILLIS)
