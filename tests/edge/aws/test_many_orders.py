"""Many orders leave by several calls at a time, each once, and none far ahead of what was asked for."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from email_router.core.errors import ConfigurationError
from email_router.core.work import MailboxWork
from email_router.edge.stores.queues import SqsWorkQueues


class Sqs:
    """Takes batches; `refusing` is the number of the call that fails for good, `meeting` what its callers wait at."""

    def __init__(self, refusing: int = -1, meeting: threading.Barrier | None = None) -> None:
        self.taken: Counter[str] = Counter()
        self.sizes: list[int] = []
        self.threads: set[int] = set()
        self._refusing = refusing
        self._meeting = meeting
        self._lock = threading.Lock()

    def send_message_batch(self, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - as boto3 has it
        with self._lock:
            self.threads.add(threading.get_ident())
            self.sizes.append(len(Entries))
            number = len(self.sizes)
            self.taken.update(one["MessageBody"] for one in Entries)
        if self._meeting is not None:
            self._meeting.wait(20)
        if number == self._refusing:
            code = "AWS.SimpleQueueService.NonExistentQueue"
            raise ClientError({"Error": {"Code": code, "Message": "gone"}}, "SendMessageBatch")
        return {"Successful": [{"Id": one["Id"]} for one in Entries]}


def orders(count: int) -> Iterator[MailboxWork]:
    return (MailboxWork("contoso", f"box{number}@contoso.example") for number in range(count))


def queues(sqs: Sqs) -> SqsWorkQueues:
    return SqsWorkQueues(sqs, "mailboxes", "outgoing")  # type: ignore[arg-type]  # the one call that is made


@pytest.mark.parametrize("count", [0, 1, 10, 39, 40, 41, 2_345])
def test_every_order_is_sent_once_ten_a_call(count: int) -> None:
    sqs = Sqs()

    assert queues(sqs).put_mailboxes(orders(count)) == count

    assert len(sqs.taken) == count
    assert set(sqs.taken.values()) <= {1}
    assert len(sqs.sizes) == -(-count // 10)


def test_few_orders_start_no_thread() -> None:
    sqs = Sqs()

    queues(sqs).put_mailboxes(orders(30))

    assert sqs.threads == {threading.get_ident()}


def test_many_are_under_way_at_the_same_time() -> None:
    """Each call waits until sixteen are there: one after the other they would wait for ever."""
    sqs = Sqs(meeting=threading.Barrier(16))
    first = 4 * 10  # these go one by one
    sqs._meeting, meeting = None, sqs._meeting

    def asked() -> Iterator[MailboxWork]:
        for number, one in enumerate(orders(first + 32 * 10)):
            if number == first:
                sqs._meeting = meeting
            yield one

    assert queues(sqs).put_mailboxes(asked()) == first + 320
    assert len(sqs.threads) >= 16


def test_orders_are_asked_for_as_they_are_sent_and_not_all_before() -> None:
    sqs, ahead = Sqs(), []

    def asked() -> Iterator[MailboxWork]:
        for number, one in enumerate(orders(20_000)):
            ahead.append(number - sum(sqs.sizes))
            yield one

    queues(sqs).put_mailboxes(asked())

    assert max(ahead) <= 16 * 8 * 10


@pytest.mark.parametrize("refusing", [1, 5, 200])
def test_a_queue_that_is_gone_ends_it(refusing: int) -> None:
    sqs = Sqs(refusing=refusing)

    with pytest.raises(ConfigurationError, match="queue mailboxes"):
        queues(sqs).put_mailboxes(orders(20_000))

    assert len(sqs.sizes) <= refusing + 16 * 8
