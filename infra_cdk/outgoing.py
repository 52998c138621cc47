"""The outgoing road: a tick a minute, the queue of senders, the function that sends, and what SES reports afterwards."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_ses as ses
from constructs import Construct

from infra_cdk import permissions as may
from infra_cdk.delivery_topic import DeliveryTopic
from infra_cdk.foundation import Foundation
from infra_cdk.function import FunctionPlan, RouterFunction, make_function
from infra_cdk.queues import dead_letter_queue, work_queue
from infra_cdk.ses_identities import SesIdentities
from infra_cdk.triggers import consume, every, on_event

SEND_TIMEOUT = Duration.seconds(300)
WORK_VISIBILITY = Duration.seconds(6 * 300)
WORK_RETENTION = Duration.days(4)
WORK_ATTEMPTS = 5
DRILL = "email-router.drill"
"""Nobody may put events in the name of aws.ses; under this one an operator tries the road of a bounce (PutEvents needs a permission)."""
REPORTED = [
    ses.EmailSendingEvent.SEND,
    ses.EmailSendingEvent.REJECT,
    ses.EmailSendingEvent.BOUNCE,
    ses.EmailSendingEvent.COMPLAINT,
    ses.EmailSendingEvent.DELIVERY,
    ses.EmailSendingEvent.DELIVERY_DELAY,
    ses.EmailSendingEvent.RENDERING_FAILURE,
]


class Outgoing(Construct):
    """collect_outgoing -> outgoing-work -> send_email; SES -> record_delivery."""

    def __init__(self, scope: Construct, construct_id: str, base: Foundation) -> None:
        super().__init__(scope, construct_id)
        self._base = base
        self.dead_letters = dead_letter_queue(self, "OutgoingDeadLetters", base.storage.key)
        self.queue = work_queue(
            self,
            "OutgoingWorkQueue",
            base.storage.key,
            visibility=WORK_VISIBILITY,
            retention=WORK_RETENTION,
            attempts=WORK_ATTEMPTS,
            dead_letters=self.dead_letters,
        )
        self.configuration_set = ses.ConfigurationSet(self, "configuration-set")
        SesIdentities(self, "identities", base.stage.ses.identities)
        self.collect_outgoing = self._collect_outgoing()
        self.send_email = self._send_email()
        self.report_dead_letters = dead_letter_queue(self, "DeliveryReportDeadLetters", base.storage.key)
        self.bus = events.EventBus.from_event_bus_name(self, "default-bus", "default")
        self.record_delivery = self._record_delivery()

    def _collect_outgoing(self) -> RouterFunction:
        storage, dead_letters = self._base.storage, self._base.tick_dead_letters
        plan = FunctionPlan(
            name="collect_outgoing",
            timeout=Duration.seconds(55),
            memory=512,
            connects=True,
            environment={"OUTGOING_QUEUE_URL": self.queue.queue_url},
            permissions=[
                may.items(
                    [*may.CONFIGURATION, "dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"],
                    storage.router,
                ),
                may.items(["dynamodb:BatchGetItem", "dynamodb:UpdateItem"], storage.crm),
                may.index(storage.crm, "pending"),
                may.index(storage.router, "schedule"),
                may.secrets(),
                may.send_to(self.queue, dead_letters),
                may.use_key(self, storage.key, "dynamodb", "secretsmanager", "sqs"),
                may.put_events(self._base.alerts),
            ],
            dead_letters=dead_letters,
        )
        function = make_function(self, plan, self._base)
        period = Duration.minutes(self._base.stage.schedules.collect_outgoing)
        every(self, "collect-outgoing-tick", function, period, dead_letters)
        return function

    def _send_email(self) -> RouterFunction:
        storage = self._base.storage
        plan = FunctionPlan(
            name="send_email",
            timeout=SEND_TIMEOUT,
            memory=1024,
            opens_mailboxes=True,
            connects=True,
            environment={
                "OUTGOING_QUEUE_URL": self.queue.queue_url,
                "SES_CONFIGURATION_SET": self.configuration_set.configuration_set_name,
            },
            permissions=[
                may.items(may.READ + may.WRITE + may.REMOVE, storage.router),
                may.items(may.ACTIVITIES, storage.crm),
                may.blobs(storage.bucket, "s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"),
                may.tell_missing_blobs(storage.bucket),
                may.secrets(),
                may.send_mail(self, self.configuration_set.configuration_set_name, self._base.stage.ses.identities),
                may.ask_of_the_ses_account(),
                may.receive_from(self.queue),
                may.use_key(self, storage.key, "dynamodb", "s3", "secretsmanager", "sqs"),
                may.open_passwords(storage.key),
                may.put_events(self._base.alerts),
            ],
        )
        function = make_function(self, plan, self._base)
        consume(function, "outgoing-work", self.queue, self._base.parameters.outgoing_concurrency)
        return function

    def _record_delivery(self) -> RouterFunction:
        storage, dead_letters = self._base.storage, self.report_dead_letters
        plan = FunctionPlan(
            name="record_delivery",
            timeout=Duration.seconds(60),
            memory=512,
            connects=True,
            environment={"DELIVERY_TOPIC": self._base.parameters.delivery_topic},
            permissions=[
                may.items(may.READ + may.WRITE, storage.router),
                may.items(may.ACTIVITIES, storage.crm),
                may.secrets(),
                may.send_to(dead_letters),
                may.use_key(self, storage.key, "dynamodb", "secretsmanager", "sqs"),
                may.put_events(self._base.alerts),
            ],
            dead_letters=dead_letters,
        )
        function = make_function(self, plan, self._base)
        self.configuration_set.add_event_destination(
            "default-bus", destination=ses.EventDestination.event_bus(self.bus), events=REPORTED
        )
        on_event(self, "delivery-reports", function, self._reports(), dead_letters)
        DeliveryTopic(self, "delivery-topic", topic=self._base.parameters.delivery_topic, function=function.entry)
        return function

    def _reports(self) -> events.EventPattern:
        """Match what SES tells of our configuration set: the default bus carries everybody's events.

        The shape: docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-eventbridge-examples.html
        """
        ours = {"ses:configuration-set": [self.configuration_set.configuration_set_name]}
        return events.EventPattern(source=["aws.ses", DRILL], detail={"mail": {"tags": ours}})
