"""Queues: encrypted, reached over TLS only, and each with a place for what it gives up."""

from __future__ import annotations

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra_cdk.resources import keep_logical_id

DEAD_LETTER_DAYS = 14


def dead_letter_queue(scope: Construct, name: str, key: kms.IKey) -> sqs.Queue:
    """Make a queue that holds for two weeks (the longest that SQS knows) what could not be handled."""
    return _queue(scope, name, key, retention=Duration.days(DEAD_LETTER_DAYS))


def work_queue(
    scope: Construct,
    name: str,
    key: kms.IKey,
    *,
    visibility: Duration,
    retention: Duration,
    attempts: int,
    dead_letters: sqs.IQueue,
) -> sqs.Queue:
    """Make a queue of orders; one that failed `attempts` times goes to `dead_letters`."""
    return _queue(
        scope,
        name,
        key,
        retention=retention,
        visibility=visibility,
        dead_letters=sqs.DeadLetterQueue(queue=dead_letters, max_receive_count=attempts),
    )


def _queue(
    scope: Construct,
    name: str,
    key: kms.IKey,
    *,
    retention: Duration,
    visibility: Duration | None = None,
    dead_letters: sqs.DeadLetterQueue | None = None,
) -> sqs.Queue:
    queue = sqs.Queue(
        scope,
        name,
        encryption=sqs.QueueEncryption.KMS,
        encryption_master_key=key,
        enforce_ssl=True,
        retention_period=retention,
        visibility_timeout=visibility,
        dead_letter_queue=dead_letters,
        removal_policy=RemovalPolicy.DESTROY,
    )
    keep_logical_id(queue, name)
    return queue
