"""Events for other CRMs: the tables' streams -> publish_events -> a bus of our own.  Nothing flows until PublishEvents says so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aws_cdk import Aws, CfnCondition, Duration, Fn
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from constructs import Construct

from infra_cdk import permissions as may
from infra_cdk.accepted import accept
from infra_cdk.foundation import Foundation
from infra_cdk.function import FunctionPlan, RouterFunction, make_function
from infra_cdk.queues import dead_letter_queue
from infra_cdk.resources import keep_logical_id, resource_of
from infra_cdk.tables import TableInUse

TIMEOUT = Duration.seconds(60)
BATCH = 100
WINDOW = Duration.seconds(1)
"""How long changes are collected for one call: a second's delay, and fewer calls."""
LONGEST = Duration.hours(12)
"""How long one part of a stream is tried again.  A stream keeps a change for 24 hours: what waits behind has as long again."""
ENDED = ["failed", "unknown", "cancelled"]
BY_HAND = "settled by a person"
"""The reason that a row of the table crm gives when a person says that an e-mail was sent (core/crm_events.py)."""

ROUTER_FILTERS = (
    {"Keys": {"sk": {"S": ["STATE"]}}, "NewImage": {"status": {"S": ["sent", *ENDED]}}},
    {"Keys": {"sk": {"S": [{"prefix": "RECEIPT#"}]}}, "NewImage": {"outcome": {"S": ["delivered"]}}},
)
"""What is told of the table router: results of outgoing e-mails, further receipts.  Leases, cursors, links and traces call nobody."""
CRM_FILTERS = (
    {"Keys": {"sk": {"S": ["EMAIL"]}}, "NewImage": {"status": {"S": ["received"]}}},
    {"Keys": {"sk": {"S": ["EMAIL", "OUTGOING"]}}, "NewImage": {"status": {"S": ENDED}}},
    {"Keys": {"sk": {"S": ["EMAIL", "OUTGOING"]}}, "NewImage": {"status": {"S": ["sent"]}, "reason": {"S": [BY_HAND]}}},
)
"""What is told of the table crm: activities, and e-mails that ended before the router took them up."""


class CrmEvents(Construct):
    """Bus and function always stand, so that rules can be made beforehand; the streams stand while events are switched on."""

    def __init__(self, scope: Construct, construct_id: str, base: Foundation) -> None:
        super().__init__(scope, construct_id)
        self._base = base
        self._on = CfnCondition(
            self, "switched-on", expression=Fn.condition_equals(base.parameters.publish_events, "true")
        )
        self.dead_letters = dead_letter_queue(self, "CrmEventDeadLetters", base.storage.key)
        accept(self.dead_letters, "SQS3", "it is the dead-letter queue of the bus, of the function and of both streams")
        self.bus = events.EventBus(
            self,
            "bus",
            event_bus_name=Fn.sub("${AWS::StackName}-crm-events"),
            description="CRM E-mail Router: activities and results, for other CRMs",
            kms_key=base.storage.key,
            dead_letter_queue=self.dead_letters,
        )
        keep_logical_id(self.bus, "CrmEventBus")
        self.dead_letters.add_to_resource_policy(self._keep_what_cannot_be_decrypted())
        self.publish_events = self._publish_events()
        self._consume("crm-changes", base.storage.crm, CRM_FILTERS)
        self._consume("router-changes", base.storage.router, ROUTER_FILTERS)

    def _keep_what_cannot_be_decrypted(self) -> iam.PolicyStatement:
        """Let the bus keep events that our key fails (docs.aws.amazon.com/eventbridge/latest/userguide/eb-encryption-event-bus-dlq.html)."""
        return iam.PolicyStatement(
            principals=[iam.ServicePrincipal("events.amazonaws.com")],
            actions=["sqs:SendMessage"],
            resources=[self.dead_letters.queue_arn],
            conditions={"ArnEquals": {"aws:SourceArn": self.bus.event_bus_arn}},
        )

    def _publish_events(self) -> RouterFunction:
        storage = self._base.storage
        plan = FunctionPlan(
            name="publish_events",
            timeout=TIMEOUT,
            memory=512,
            environment={
                "CRM_EVENT_BUS": self.bus.event_bus_name,
                "CRM_EVENT_DEAD_LETTERS_URL": self.dead_letters.queue_url,
            },
            permissions=[
                may.items(["dynamodb:GetItem"], storage.router, storage.crm),
                may.read_streams(storage.router, storage.crm),
                may.blobs(storage.bucket, "s3:GetObject", "s3:PutObject"),
                may.tell_missing_blobs(storage.bucket),
                may.put_events(self.bus),
                may.send_to(self.dead_letters),
                may.use_key(self, storage.key, "dynamodb", "s3", "sqs"),
            ],
        )
        return make_function(self, plan, self._base)

    def _consume(self, name: str, table: TableInUse, filters: Sequence[dict[str, Any]]) -> None:
        """Stream the table and let the function read of it what `filters` choose, from the first change on.

        A table that was named in place of the stack's own has a stream of its own, or none.
        """
        stream = {"StreamViewType": dynamodb.StreamViewType.NEW_AND_OLD_IMAGES.value}
        row = resource_of(table.own)
        row.add_property_override("StreamSpecification", Fn.condition_if(self._on.logical_id, stream, Aws.NO_VALUE))
        mapping = lambda_.EventSourceMapping(
            self.publish_events,
            name,
            target=self.publish_events.entry,
            event_source_arn=table.stream_arn,
            starting_position=lambda_.StartingPosition.TRIM_HORIZON,
            batch_size=BATCH,
            max_batching_window=WINDOW,
            bisect_batch_on_error=True,
            report_batch_item_failures=True,
            max_record_age=LONGEST,
            filters=[lambda_.FilterCriteria.filter({"dynamodb": one}) for one in filters],
            on_failure=sources.SqsDlq(self.dead_letters),
        )
        told = Fn.condition_and(self._on, table.streams)
        resource_of(mapping).cfn_options.condition = CfnCondition(self, f"{name}-told", expression=told)
