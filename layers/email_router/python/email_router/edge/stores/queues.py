"""Put work on the SQS queues, ten orders and 256 KB a call, several calls at a time where there are many.

An order to send that is longer than a message may be goes as several, each with a part of its e-mails.

Standard queues with message groups (fair queues): one organisation's flood does not hold up the others, nor one sender's.
A repeated call queues an order twice, which the lease and the claim bear.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from email_router.core.errors import TryLater
from email_router.core.grouping import groups, groups_within
from email_router.core.subscriptions import SubscriptionWork
from email_router.core.work import MailboxWork, OutgoingWork
from email_router.edge.connect.aws import translated
from email_router.edge.connect.transactions import pause

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient
    from types_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef as Entry

_BATCH = 10
_BYTES = 256 * 1024
"""What one message may hold, and all of a call together: queues that were made before August 2025 take no more (SQS Developer Guide,
"Amazon SQS message quotas").  The orders are ASCII, so a character is a byte."""

_ROUNDS = 5
_ALONE = 4
"""Calls that are made one after the other before threads are worth their cost."""

_AT_ONCE = 16
"""As many as the client has lines (connect/aws.py)."""

_AHEAD = 8
_GROUP = re.compile(r"[!-~]{1,128}")


class SqsWorkQueues:
    """The queues mailbox-work, outgoing-work and subscription-work."""

    def __init__(
        self, client: SQSClient, mailbox_queue_url: str, outgoing_queue_url: str, subscription_queue_url: str = ""
    ) -> None:
        self._client = client
        self._mailboxes = mailbox_queue_url
        self._outgoing = outgoing_queue_url
        self._subscriptions = subscription_queue_url

    def put_mailboxes(self, work: Iterable[MailboxWork]) -> int:
        """Queue passes over mailboxes, grouped by organisation; return how many."""
        return self._put(
            self._mailboxes,
            ((one.organisation, _order(one)) for one in work),
        )

    def put_outgoing(self, work: Iterable[OutgoingWork]) -> int:
        """Queue e-mails to send, grouped by sender; return how many orders."""
        return self._put(
            self._outgoing,
            ((part.sender.casefold(), _sending(part)) for one in work for part in _fitting(one)),
        )

    def put_subscriptions(self, work: Iterable[SubscriptionWork]) -> int:
        """Queue looks after subscriptions, grouped by organisation; return how many."""
        return self._put(self._subscriptions, ((one.organisation, asdict(one)) for one in work))

    def _put(self, queue: str, orders: Iterable[tuple[str, dict[str, object]]]) -> int:
        """Send batch by batch; where there are many, as many at a time as the client has lines, none of them far ahead of the others.

        A batch that fails ends it: those under way are sent all the same, the others are not.
        """
        batches = _batches(orders)
        first = list(islice(batches, _ALONE))
        for batch in first:
            self._send(queue, batch)
        count = sum(map(len, first))
        if len(first) < _ALONE:
            return count
        with ThreadPoolExecutor(_AT_ONCE) as senders:
            for group in groups(batches, _AT_ONCE * _AHEAD):
                for _ in senders.map(partial(self._send, queue), group):
                    pass
                count += sum(map(len, group))
        return count

    def _send(self, queue: str, entries: list[Entry]) -> None:
        """Send a batch; entries that SQS refuses for now are sent again, a few times."""
        for turn in range(_ROUNDS):
            with translated(f"queue {queue}"):
                answer = self._client.send_message_batch(QueueUrl=queue, Entries=entries)
            refused = {failure["Id"] for failure in answer.get("Failed", [])}
            entries = [entry for entry in entries if entry["Id"] in refused]
            if not entries:
                return
            pause(turn)
        raise TryLater(f"queue {queue}: {len(entries)} orders refused {_ROUNDS} times", kind="aws_busy", shared=True)


def _order(work: MailboxWork) -> dict[str, object]:
    order: dict[str, object] = {"organisation": work.organisation, "mailbox": work.mailbox, "reason": work.reason}
    return order | ({"after": work.after} if work.after else {})


def _sending(work: OutgoingWork) -> dict[str, object]:
    order: dict[str, object] = {"organisation": work.organisation, "profile": work.profile, "sender": work.sender}
    return order | {"activities": list(work.activities)} | ({"probe": True} if work.probe else {})


def _fitting(work: OutgoingWork) -> Iterator[OutgoingWork]:
    """Cut an order in halves until each fits a message; of one e-mail's nothing can be cut."""
    if len(work.activities) < 2 or len(_written(_sending(work))) <= _BYTES:  # noqa: PLR2004 - two can be parted
        yield work
        return
    half = len(work.activities) // 2
    for part in (work.activities[:half], work.activities[half:]):
        yield from _fitting(replace(work, activities=part))


def _batches(orders: Iterable[tuple[str, dict[str, object]]]) -> Iterator[list[Entry]]:
    """Cut the orders into calls of at most ten and 256 KB."""
    written = ((_group(name), _written(body)) for name, body in orders)
    for group in groups_within(written, lambda one: (1, len(one[1])), (_BATCH, _BYTES)):
        yield [
            {"Id": str(number), "MessageBody": text, "MessageGroupId": name}
            for number, (name, text) in enumerate(group)
        ]


def _written(body: dict[str, object]) -> str:
    return json.dumps(body, separators=(",", ":"))


def _group(name: str) -> str:
    """Return the name where SQS takes it as a group (1 to 128 printable ASCII characters), else its digest."""
    return name if _GROUP.fullmatch(name) else hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
