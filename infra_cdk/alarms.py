"""Who is told when nothing moves: alarms on dead letters, on orders that wait, on a silent scheduler, and on our own counters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import CfnCondition, Duration, Fn
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from email_router.core import counters
from infra_cdk.resources import resource_of

FIVE_MINUTES = Duration.minutes(5)
QUARTER = Duration.minutes(15)
NAMESPACE = "EmailRouter"


@dataclass(frozen=True, slots=True)
class OnGauge:
    """An alarm on one of our own counters: what it is of any organisation at worst, over a quarter of an hour."""

    name: str
    counter: str
    threshold: float
    description: str
    falls: bool = False
    """Whether it rings below the threshold, not from it on."""


ON_GAUGES: Sequence[OnGauge] = (
    OnGauge(
        "most-of-a-profile-fails",
        counters.FAILING_PERCENT,
        51,
        "More than half of a profile's mailboxes failed within the last hour: `email-router status` says why.",
    ),
    OnGauge(
        "circuit-open",
        counters.OPEN_CIRCUITS,
        1,
        "Most mailboxes of a server or provider fail: `email-router alerts` names it and says what to do.",
    ),
    OnGauge(
        "undelivered-is-old",
        counters.OLDEST_UNDELIVERED,
        24 * 3600,
        "A message has waited for another try or for a person for a day: `email-router undeliverable list`.",
    ),
    OnGauge(
        "unknown-results",
        counters.UNKNOWN_RESULTS,
        1,
        "Nobody knows whether an e-mail has left: `email-router alerts` names it and says how to settle it.",
    ),
    OnGauge(
        "credentials-end-soon",
        counters.SECRET_DAYS_LEFT,
        30,
        "A profile's credentials end within 30 days: renew them, publish, and set credentials_expire anew.",
        falls=True,
    ),
)


class Alarms(Construct):
    """A topic and the alarms that speak through it.  docs/deploying.md says what to do about each."""

    def __init__(self, scope: Construct, construct_id: str, *, key: kms.IKey, address: str) -> None:
        super().__init__(scope, construct_id)
        self.topic = sns.Topic(self, "topic", master_key=key, enforce_ssl=True)
        self._subscribe(address)

    def on_dead_letters(self, name: str, queue: sqs.IQueue) -> None:
        """Alarm when anything lies in the dead-letter queue."""
        self._alarm(
            name,
            queue.metric_approximate_number_of_messages_visible(period=FIVE_MINUTES, statistic="Maximum"),
            threshold=1,
            description="Something was given up: look into the dead-letter queue.",
        )

    def on_waiting(self, name: str, queue: sqs.IQueue, longest: Duration) -> None:
        """Alarm when the oldest order waits longer than `longest`."""
        self._alarm(
            name,
            queue.metric_approximate_age_of_oldest_message(period=FIVE_MINUTES, statistic="Maximum"),
            threshold=longest.to_seconds(),
            description="Orders wait too long: raise the concurrency parameter, or look why the function is slow.",
        )

    def on_silence(self, name: str, function: lambda_.IFunction) -> None:
        """Alarm when the function was not started for a quarter of an hour, or started and failed each time."""
        self._alarm(
            name,
            function.metric_invocations(period=FIVE_MINUTES, statistic="Sum"),
            threshold=1,
            description="Nothing has started this function for a quarter of an hour: is its rule enabled?",
            below=True,
            missing_rings=True,
            periods=3,
        )

    def on_errors(self, name: str, function: lambda_.IFunction) -> None:
        """Alarm when the function failed in each of three periods of five minutes."""
        self._alarm(
            name,
            function.metric_errors(period=FIVE_MINUTES, statistic="Sum"),
            threshold=1,
            description="This function keeps failing: read its log.",
            periods=3,
        )

    def on_lag(self, name: str, function: lambda_.IFunction, longest: Duration) -> None:
        """Alarm when what the function reads of a stream is older than `longest`: after a day it is gone."""
        self._alarm(
            name,
            function.metric("IteratorAge", period=FIVE_MINUTES, statistic="Maximum"),
            threshold=longest.to_milliseconds(),
            description="Changes wait too long to be published: read the function's log.",
        )

    def on_counters(self) -> None:
        """Alarm on what the scheduler tells of every organisation without a dimension: the worst of them counts."""
        for one in ON_GAUGES:
            worst = "Minimum" if one.falls else "Maximum"
            metric = cloudwatch.Metric(namespace=NAMESPACE, metric_name=one.counter, statistic=worst, period=QUARTER)
            self._alarm(one.name, metric, threshold=one.threshold, description=one.description, below=one.falls)

    def _alarm(
        self,
        name: str,
        metric: cloudwatch.Metric,
        *,
        threshold: float,
        description: str,
        below: bool = False,
        missing_rings: bool = False,
        periods: int = 1,
    ) -> None:
        alarm = cloudwatch.Alarm(
            self,
            name,
            metric=metric,
            threshold=threshold,
            evaluation_periods=periods,
            comparison_operator=(
                cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD
                if below
                else cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
            ),
            treat_missing_data=(
                cloudwatch.TreatMissingData.BREACHING if missing_rings else cloudwatch.TreatMissingData.NOT_BREACHING
            ),
            alarm_description=description,
        )
        alarm.add_alarm_action(actions.SnsAction(self.topic))

    def _subscribe(self, address: str) -> None:
        given = CfnCondition(self, "address-given", expression=Fn.condition_not(Fn.condition_equals(address, "")))
        subscription = sns.Subscription(
            self, "address", topic=self.topic, protocol=sns.SubscriptionProtocol.EMAIL, endpoint=address
        )
        resource_of(subscription).cfn_options.condition = given
