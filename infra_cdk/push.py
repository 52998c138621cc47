"""The push road: Graph and CRMs post to a function's own address; subscriptions are made and renewed from a queue of their own."""

from __future__ import annotations

from aws_cdk import CfnCondition, Duration, Fn, Token
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra_cdk import permissions as may
from infra_cdk.accepted import accept
from infra_cdk.foundation import Foundation
from infra_cdk.function import FunctionPlan, RouterFunction, make_function
from infra_cdk.queues import dead_letter_queue, work_queue
from infra_cdk.triggers import consume, every

ANSWER_TIMEOUT = Duration.seconds(10)
RENEWAL_TIMEOUT = Duration.seconds(120)
WORK_RETENTION = Duration.hours(1)
"""What a stale order was for is found by a later tick."""
WORK_ATTEMPTS = 3
SECRET_LENGTH = 64


class Push(Construct):
    """Graph -> receive_notification -> mailbox-work; CRM -> receive_notification -> collect_outgoing; tick -> renew_subscriptions ->
    subscription-work -> renew_subscriptions.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        base: Foundation,
        mailbox_work: sqs.IQueue,
        collect_outgoing: lambda_.IFunction,
    ) -> None:
        super().__init__(scope, construct_id)
        self._base = base
        self._mailbox_work = mailbox_work
        self._collect_outgoing = collect_outgoing
        self.secret = secretsmanager.Secret(
            self,
            "notification-secret",
            description="CRM E-mail Router: proves that a notification belongs to a subscription of this stack",
            encryption_key=base.storage.key,
            generate_secret_string=secretsmanager.SecretStringGenerator(
                password_length=SECRET_LENGTH, exclude_punctuation=True
            ),
        )
        accept(
            self.secret,
            "SMG4",
            "each live subscription carries a proof made with it: another secret makes them all anew, on purpose",
        )
        self.dead_letters = dead_letter_queue(self, "SubscriptionDeadLetters", base.storage.key)
        self.queue = work_queue(
            self,
            "SubscriptionWorkQueue",
            base.storage.key,
            visibility=Duration.seconds(6 * RENEWAL_TIMEOUT.to_seconds()),
            retention=WORK_RETENTION,
            attempts=WORK_ATTEMPTS,
            dead_letters=self.dead_letters,
        )
        self.receive_notification = self._receive_notification()
        self.url = self.receive_notification.entry.add_function_url(auth_type=lambda_.FunctionUrlAuthType.NONE)
        self.public_address, self.address = self._addresses()
        self.renew_subscriptions = self._renew_subscriptions(base.tick_dead_letters)

    def _addresses(self) -> tuple[str, str]:
        """Return where a CRM posts to: the operator's own address, else the function's; and where Graph does: likewise, but none in a local
        run, which nobody reaches.
        """
        chosen = self._base.parameters
        given = CfnCondition(
            self, "own-address", expression=Fn.condition_not(Fn.condition_equals(chosen.notification_url, ""))
        )
        local = CfnCondition(self, "local-run", expression=Fn.condition_equals(chosen.allow_loopback, "true"))
        own = Fn.condition_if(local.logical_id, "", self.url.url)
        return (
            Token.as_string(Fn.condition_if(given.logical_id, chosen.notification_url, self.url.url)),
            Token.as_string(Fn.condition_if(given.logical_id, chosen.notification_url, own)),
        )

    def _receive_notification(self) -> RouterFunction:
        storage = self._base.storage
        plan = FunctionPlan(
            name="receive_notification",
            timeout=ANSWER_TIMEOUT,
            memory=1024,  # Graph waits three seconds, and imports take CPU, which comes with memory
            environment={
                "COLLECT_OUTGOING_FUNCTION": self._collect_outgoing.function_arn,
                "MAILBOX_QUEUE_URL": self._mailbox_work.queue_url,
                "NOTIFICATION_SECRET": self.secret.secret_arn,
                "SUBSCRIPTION_QUEUE_URL": self.queue.queue_url,
            },
            permissions=[
                may.items(["dynamodb:DeleteItem", "dynamodb:PutItem"], storage.router),
                may.allow(["secretsmanager:GetSecretValue"], self.secret.secret_arn),
                may.send_to(self._mailbox_work, self.queue),
                may.start(self._collect_outgoing),
                may.use_key(self, storage.key, "dynamodb", "secretsmanager", "sqs"),
            ],
        )
        return make_function(self, plan, self._base)

    def _renew_subscriptions(self, dead_letters: sqs.IQueue) -> RouterFunction:
        storage, chosen = self._base.storage, self._base.parameters
        plan = FunctionPlan(
            name="renew_subscriptions",
            timeout=RENEWAL_TIMEOUT,
            memory=512,
            connects=True,
            environment={
                "NOTIFICATION_SECRET": self.secret.secret_arn,
                "NOTIFICATION_URL": self.address,
                "SUBSCRIPTION_MINUTES": Token.as_string(chosen.subscription_minutes.value),
                "SUBSCRIPTION_QUEUE_URL": self.queue.queue_url,
            },
            permissions=[
                may.items(
                    [*may.READ, "dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"], storage.router
                ),
                may.secrets(),
                may.allow(["secretsmanager:GetSecretValue"], self.secret.secret_arn),
                may.send_to(self.queue),
                may.receive_from(self.queue),
                may.use_key(self, storage.key, "dynamodb", "secretsmanager", "sqs"),
                may.put_events(self._base.alerts),
            ],
        )
        function = make_function(self, plan, self._base)
        period = Duration.minutes(self._base.stage.schedules.renew_subscriptions)
        every(self, "renew-subscriptions-tick", function, period, dead_letters)
        consume(function, "subscription-work", self.queue, chosen.subscription_concurrency)
        return function
