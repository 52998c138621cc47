"""What starts a function: a queue's message, or the minute."""

from __future__ import annotations

from aws_cdk import CfnParameter, Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra_cdk.function import RouterFunction

TICK_AGE = Duration.minutes(1)
EVENT_AGE = Duration.hours(6)


def consume(function: RouterFunction, name: str, queue: sqs.IQueue, concurrency: CfnParameter) -> None:
    """Let the function take orders one by one, at most `concurrency` at a time, and answer for each alone.

    EventSourceMapping instead of SqsEventSource: the latter grants more than a role that names its actions has.
    """
    lambda_.EventSourceMapping(
        function,
        name,
        target=function.entry,
        event_source_arn=queue.queue_arn,
        batch_size=1,
        report_batch_item_failures=True,
        max_concurrency=concurrency.value_as_number,
    )


def every_minute(scope: Construct, name: str, function: RouterFunction, dead_letters: sqs.IQueue) -> None:
    """Start the function each minute."""
    every(scope, name, function, Duration.minutes(1), dead_letters)


def every(scope: Construct, name: str, function: RouterFunction, period: Duration, dead_letters: sqs.IQueue) -> None:
    """Start the function once in each period.  A tick that came too late is dropped: the next one does its work."""
    minutes = period.to_minutes()
    events.Rule(
        scope,
        name,
        description=f"CRM E-mail Router: one tick {'a minute' if minutes == 1 else f'in {minutes:g} minutes'}",
        schedule=events.Schedule.rate(period),
        targets=[
            targets.LambdaFunction(
                function.entry, dead_letter_queue=dead_letters, retry_attempts=0, max_event_age=TICK_AGE
            )
        ],
    )
    function.entry.configure_async_invoke(max_event_age=TICK_AGE, retry_attempts=0)


def on_event(
    scope: Construct, name: str, function: RouterFunction, pattern: events.EventPattern, dead_letters: sqs.IQueue
) -> None:
    """Start the function for each matching event of the default bus, again and again for some hours when it fails."""
    events.Rule(
        scope,
        name,
        description="CRM E-mail Router: what became of sent mail",
        event_pattern=pattern,
        targets=[
            targets.LambdaFunction(
                function.entry, dead_letter_queue=dead_letters, retry_attempts=20, max_event_age=EVENT_AGE
            )
        ],
    )
    function.entry.configure_async_invoke(max_event_age=EVENT_AGE, retry_attempts=2)
