"""Where raised alerts go: a bus of our own, whose events the alarms' topic has as words and whoever else listens as they are."""

from __future__ import annotations

from aws_cdk import Aws, Fn
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra_cdk.resources import keep_logical_id

SOURCE = "email-router.alerts"
"""As edge/stores/alert_bus.py puts them."""


class AlertBus(Construct):
    """The bus; functions that raise alerts may put events on it."""

    def __init__(self, scope: Construct, construct_id: str, *, key: kms.IKey, dead_letters: sqs.IQueue) -> None:
        super().__init__(scope, construct_id)
        self._dead_letters = dead_letters
        self.bus = events.EventBus(
            self,
            "bus",
            event_bus_name=Fn.sub("${AWS::StackName}-alerts"),
            description="CRM E-mail Router: what needs a person",
            kms_key=key,
        )
        keep_logical_id(self.bus, "AlertBus")

    def tell(self, topic: sns.ITopic) -> None:
        """Send each alert to the topic, in words."""
        detail = {name: events.EventField.from_path(f"$.detail.{name}") for name in ("organisation", "text", "mend")}
        words = (
            f"E-mail Router {Aws.STACK_NAME}, {detail['organisation']}: {detail['text']} What to do: {detail['mend']}"
        )
        target = targets.SnsTopic(
            topic, message=events.RuleTargetInput.from_text(words), dead_letter_queue=self._dead_letters
        )
        events.Rule(
            self,
            "to-topic",
            description="CRM E-mail Router: alerts to the topic of the alarms",
            event_bus=self.bus,
            event_pattern=events.EventPattern(source=[SOURCE]),
            targets=[target],
        )
