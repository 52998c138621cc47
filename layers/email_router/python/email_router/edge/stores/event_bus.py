"""Put events on a bus of EventBridge, ten a call, and set aside in a queue what no event can be made of.

Each entry of a call is taken or refused for itself (docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html); those refused
are put again a few times.  At least once: a call whose answer was lost is made again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from email_router.core.crm_event_size import MOST_BYTES, fitting
from email_router.core.crm_events import SOURCE, Change, CrmEvent
from email_router.core.errors import TryLater
from email_router.core.grouping import groups_within
from email_router.edge.connect.aws import translated
from email_router.edge.connect.transactions import pause

if TYPE_CHECKING:
    from types_boto3_events import EventBridgeClient
    from types_boto3_events.type_defs import PutEventsRequestEntryTypeDef as Entry
    from types_boto3_sqs import SQSClient

_ENTRIES = 10
_ROUNDS = 4
_MESSAGE = 250_000
"""Bytes of a message of SQS that every region takes (256 KB), less its envelope."""


class EventBridgeBus:
    """One bus, by name or ARN."""

    def __init__(self, client: EventBridgeClient, name: str) -> None:
        self._client = client
        self._name = name

    def put(self, events: Sequence[CrmEvent]) -> int:
        """Put the events; return how many were taken before the first that was not."""
        taken = 0
        for entries in _calls([self._entry(event) for event in events]):
            try:
                done = self._put(entries)
            except TryLater:
                if taken:
                    return taken
                raise
            taken += done
            if done < len(entries):
                break
        return taken

    def _put(self, entries: list[Entry]) -> int:
        """Make one call, and again for what was refused; return how many were taken before the first that was not."""
        left = list(range(len(entries)))
        for turn in range(_ROUNDS):
            if turn:
                pause(turn)
            with translated(f"event bus {self._name}"):
                answer = self._client.put_events(Entries=[entries[number] for number in left])
            left = [number for number, one in zip(left, answer["Entries"], strict=True) if one.get("ErrorCode")]
            if not left:
                return len(entries)
        return left[0]

    def _entry(self, event: CrmEvent) -> Entry:
        return {
            "Source": SOURCE,
            "DetailType": event.type.value,
            "Detail": fitting(event.detail),
            "EventBusName": self._name,
            "Time": event.at,
        }


class SqsSetAside:
    """A queue that a person looks into: each message is an event of Lambda, by which the function may be called once more."""

    def __init__(self, client: SQSClient, queue_url: str) -> None:
        self._client = client
        self._queue = queue_url

    def keep(self, change: Change, why: str) -> None:
        """Keep the change with its row; one too large for a message without what the row was before, or with its keys alone."""
        record = change.record
        told = record.get("dynamodb", {})
        smaller = [
            record,
            {**record, "dynamodb": {name: one for name, one in told.items() if name != "OldImage"}},
            {**record, "dynamodb": {"Keys": told.get("Keys"), "SequenceNumber": change.sequence}},
        ]
        bodies = (json.dumps({"Records": [one], "why": why}, default=str) for one in smaller)
        body = next((one for one in bodies if len(one.encode()) <= _MESSAGE), json.dumps({"why": why}))
        with translated(f"queue {self._queue}"):
            self._client.send_message(QueueUrl=self._queue, MessageBody=body)


def _calls(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    """Cut the entries into calls of at most ten, and of no more bytes than one alone may have."""
    return groups_within(entries, lambda one: (1, len(one.get("Detail", "").encode())), (_ENTRIES, MOST_BYTES))
