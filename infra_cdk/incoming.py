"""The incoming road: a tick a minute, the queue of mailboxes, and the function that serves one mailbox."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra_cdk import permissions as may
from infra_cdk.foundation import Foundation
from infra_cdk.function import FunctionPlan, RouterFunction, make_function
from infra_cdk.queues import dead_letter_queue, work_queue
from infra_cdk.triggers import consume, every_minute

PASS_TIMEOUT = Duration.seconds(300)
WORK_VISIBILITY = Duration.seconds(6 * 300)
WORK_RETENTION = Duration.minutes(15)
"""A stale order to look into a mailbox is worth nothing: the next minute brings a fresh one."""
WORK_ATTEMPTS = 3


class Incoming(Construct):
    """schedule_mailboxes -> mailbox-work -> route_mailbox."""

    def __init__(self, scope: Construct, construct_id: str, base: Foundation) -> None:
        super().__init__(scope, construct_id)
        self._base = base
        self.dead_letters = dead_letter_queue(self, "MailboxDeadLetters", base.storage.key)
        self.queue = work_queue(
            self,
            "MailboxWorkQueue",
            base.storage.key,
            visibility=WORK_VISIBILITY,
            retention=WORK_RETENTION,
            attempts=WORK_ATTEMPTS,
            dead_letters=self.dead_letters,
        )
        self.schedule_mailboxes = self._schedule_mailboxes(base.tick_dead_letters)
        self.route_mailbox = self._route_mailbox()

    def _schedule_mailboxes(self, dead_letters: sqs.IQueue) -> RouterFunction:
        storage = self._base.storage
        plan = FunctionPlan(
            name="schedule_mailboxes",
            timeout=Duration.seconds(55),
            memory=512,
            environment={"MAILBOX_QUEUE_URL": self.queue.queue_url},
            permissions=[
                may.items(may.CONFIGURATION, storage.router),
                may.index(storage.router, "schedule"),
                may.send_to(self.queue, dead_letters),
                may.use_key(self, storage.key, "dynamodb", "sqs"),
            ],
            dead_letters=dead_letters,
        )
        function = make_function(self, plan, self._base)
        every_minute(self, "schedule-mailboxes-tick", function, dead_letters)
        return function

    def _route_mailbox(self) -> RouterFunction:
        storage = self._base.storage
        plan = FunctionPlan(
            name="route_mailbox",
            timeout=PASS_TIMEOUT,
            memory=512,  # it waits for servers most of the time, and every second of that is billed by the memory
            opens_mailboxes=True,
            connects=True,
            environment={"MAILBOX_QUEUE_URL": self.queue.queue_url},
            permissions=[
                may.items(may.READ + may.WRITE + may.CHECK + may.REMOVE, storage.router),
                may.items(may.ACTIVITIES, storage.crm),
                may.blobs(storage.bucket, "s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:PutObject"),
                may.tell_missing_blobs(storage.bucket),
                may.secrets(),
                may.send_to(self.queue),
                may.receive_from(self.queue),
                may.use_key(self, storage.key, "dynamodb", "s3", "secretsmanager", "sqs"),
                may.open_passwords(storage.key),
                may.put_events(self._base.alerts),
            ],
        )
        function = make_function(self, plan, self._base)
        consume(function, "mailbox-work", self.queue, self._base.parameters.mailbox_concurrency)
        return function
