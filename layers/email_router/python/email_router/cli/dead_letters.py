"""Count what the functions of a stack have given up, in its dead-letter queues."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

_KIND = "DeadLetters"


def dead_letters(sqs: SQSClient, stack: str) -> dict[str, int] | None:
    """Return about how many orders lie in each dead-letter queue that holds any, by the queue's name in the template.

    Queues are found by their names, which CloudFormation begins with the stack's and the template's.  None where whoever asks may not list
    or read queues (sqs:ListQueues, sqs:GetQueueAttributes).
    """
    found: dict[str, int] = {}
    try:
        for page in sqs.get_paginator("list_queues").paginate(QueueNamePrefix=f"{stack}-"):
            for url in page.get("QueueUrls", []):
                kind = url.rpartition("/")[2].removeprefix(f"{stack}-").partition("-")[0]
                if kind.endswith(_KIND) and (count := _count(sqs, url)):
                    found[kind] = count
    except (BotoCoreError, ClientError):
        return None
    return dict(sorted(found.items()))


def _count(sqs: SQSClient, url: str) -> int:
    told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
    return int(told["Attributes"]["ApproximateNumberOfMessages"])
