"""Read which mailboxes are polled from the scheduler's index, for all organisations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from email_router.core.work import ScheduledMailbox
from email_router.edge.connect.compact import instant
from email_router.edge.connect.dynamodb import Table
from email_router.edge.connect.keys import SCHEDULE_SHARDS, schedule_shard

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

INDEX = "schedule"

_FIELDS = (
    "#organisation, #mailbox, #minimum, #maximum, #last_mail, #blocked_until, #next_retry, #pushed_until, #error_kind"
)


class DynamoSchedule:
    """The mailboxes on the schedule.  The index is eventually consistent: a change shows within a second or so."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._table = Table(client, table)

    def mailboxes(self) -> Iterator[ScheduledMailbox]:
        """Yield every scheduled mailbox, shard by shard."""
        for shard in range(SCHEDULE_SHARDS):
            for item in self._table.query("#spk = :spk", {":spk": schedule_shard(shard)}, index=INDEX, fields=_FIELDS):
                yield ScheduledMailbox(
                    organisation=item["organisation"],
                    mailbox=item["mailbox"],
                    last_mail=instant(item.get("last_mail")),
                    minimum_interval=item["minimum"],
                    maximum_interval=item["maximum"],
                    blocked_until=instant(item.get("blocked_until")),
                    next_retry=instant(item.get("next_retry")),
                    pushed_until=instant(item.get("pushed_until")),
                    failing="error_kind" in item,
                )
