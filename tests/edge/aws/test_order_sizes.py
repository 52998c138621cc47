"""No order is lost for its length: SQS takes 256 KB a message, and as much of all messages of a call together."""

from __future__ import annotations

import json
from typing import Any

import pytest

from email_router.core.subscriptions import SubscriptionWork
from email_router.core.work import MailboxWork, OutgoingWork
from email_router.edge.stores.queues import SqsWorkQueues

MOST = 256 * 1024


class Sqs:
    """Takes what SQS takes, and keeps the bodies; what is too long it refuses."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []

    def send_message_batch(self, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - as boto3 has it
        bodies = [one["MessageBody"] for one in Entries]
        assert sum(len(one.encode()) for one in bodies) <= MOST, "AWS.SimpleQueueService.BatchRequestTooLong"
        assert len({one["Id"] for one in Entries}) == len(Entries) <= 10
        self.calls.append(bodies)
        return {"Successful": [{"Id": one["Id"]} for one in Entries]}

    def orders(self) -> list[dict[str, Any]]:
        return [json.loads(body) for bodies in self.calls for body in bodies]


def queues(sqs: Sqs) -> SqsWorkQueues:
    return SqsWorkQueues(sqs, "mailboxes", "outgoing", "subscriptions")  # type: ignore[arg-type]  # the one call that is made


def work(size: int) -> OutgoingWork:
    """Return an order of two hundred e-mails, of exactly so many bytes."""
    names = [f"{number:04d}" + "y" * (size // 200 - 20) for number in range(200)]
    body = {"organisation": "contoso", "profile": "out", "sender": "sales@contoso.example", "activities": names}
    names[-1] += "x" * (size - len(json.dumps(body, separators=(",", ":"))))
    return OutgoingWork("contoso", "out", "sales@contoso.example", tuple(names))


@pytest.mark.parametrize(("size", "messages"), [(255 * 1024, 1), (MOST, 1), (MOST + 1, 2), (257 * 1024, 2)])
def test_an_order_longer_than_a_message_goes_as_several(size: int, messages: int) -> None:
    sqs, one = Sqs(), work(size)

    assert queues(sqs).put_outgoing([one]) == messages

    assert tuple(name for order in sqs.orders() for name in order["activities"]) == one.activities
    assert {order["sender"] for order in sqs.orders()} == {one.sender}


@pytest.mark.parametrize(("size", "calls"), [(MOST // 2, 1), (MOST // 2 + 1, 2)])
def test_all_messages_of_a_call_together_are_as_long_as_one_may_be(size: int, calls: int) -> None:
    sqs = Sqs()

    assert queues(sqs).put_outgoing([work(size), work(size)]) == 2

    assert len(sqs.calls) == calls


def test_two_hundred_long_ids_of_a_sender_in_letters_of_four_bytes_all_arrive() -> None:
    sqs = Sqs()
    sender = "\U0001f4e7" * 240 + "@contoso.example"
    given = [
        OutgoingWork("contoso", "out", sender, tuple(f"{order}-{number}-" + "é" * 400 for number in range(200)))
        for order in range(12)
    ]

    queues(sqs).put_outgoing(given)

    sent = [name for order in sqs.orders() for name in order["activities"]]
    assert sent == [name for one in given for name in one.activities]
    assert {order["sender"] for order in sqs.orders()} == {sender}


def test_what_one_e_mail_is_tried_for_stays_one_order() -> None:
    sqs = Sqs()

    queues(sqs).put_outgoing([OutgoingWork("contoso", "out", "a@x", ("e1",), probe=True)])

    assert sqs.orders() == [
        {"organisation": "contoso", "profile": "out", "sender": "a@x", "activities": ["e1"], "probe": True}
    ]


def test_mailboxes_with_the_longest_names_and_marks_fit_however_many_there_are() -> None:
    sqs = Sqs()
    longest = "ü" * 238 + "@contoso.example"
    boxes = [MailboxWork("c" * 200, f"{number}{longest}", "reconcile", "\U0001f4e7" * 3_000) for number in range(45)]

    assert queues(sqs).put_mailboxes(boxes) == 45
    assert queues(sqs).put_subscriptions(SubscriptionWork("c" * 200, one.mailbox) for one in boxes) == 45

    arrived = [order["mailbox"] for order in sqs.orders()]
    assert arrived == [one.mailbox for one in boxes] * 2
