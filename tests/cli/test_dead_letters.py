"""What the functions of a stack have given up is counted by its queues, and a person is told what to do."""

from __future__ import annotations

from collections.abc import Iterator

import boto3
import pytest
from botocore.config import Config
from moto import mock_aws

from email_router.cli.dead_letters import dead_letters
from email_router.cli.status import _for_a_person
from tests.cli.standing import ACCOUNT


@pytest.fixture(autouse=True)
def memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in ACCOUNT.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        yield


def test_only_dead_letters_of_this_stack_are_counted_and_empty_queues_are_not_named() -> None:
    sqs = boto3.client("sqs")
    for name, messages in {
        "mine-MailboxDeadLetters-1A2B": 2,
        "mine-OutgoingDeadLetters-3C": 0,
        "mine-MailboxWorkQueue-4D": 3,
        "mine2-TickDeadLetters-5E": 1,
        "mine-CrmEventDeadLetters-6F": 1,
    }.items():
        url = sqs.create_queue(QueueName=name)["QueueUrl"]
        for number in range(messages):
            sqs.send_message(QueueUrl=url, MessageBody=str(number))

    assert dead_letters(sqs, "mine") == {"CrmEventDeadLetters": 1, "MailboxDeadLetters": 2}


def test_what_may_not_be_asked_is_not_known() -> None:
    away = boto3.client("sqs", endpoint_url="http://127.0.0.1:1", config=Config(retries={"total_max_attempts": 1}))

    assert dead_letters(away, "mine") is None
    assert [row[1] for row in _for_a_person(0, None)] == ["not known"]


def test_a_person_is_told_what_to_do_about_each_and_of_nothing_that_is_well() -> None:
    assert _for_a_person(0, {}) == []
    told = _for_a_person(3, {"MailboxDeadLetters": 2})
    assert [row[:2] for row in told] == [("undeliverable messages", 3), ("orders in MailboxDeadLetters", 2)]
    assert all(row[2] for row in told)
