"""One page for whoever looks after the router: what came in, what left, what waits, and what fails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aws_cdk import Aws, Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from email_router.core import counters

NAMESPACE = "EmailRouter"
DIMENSION = "organisation"
PERIOD = Duration.minutes(5)
WHOLE, HALF = 24, 12
SERVICE = tuple(name for name in counters.COUNTERS if name.startswith("Service"))


class Dashboard(Construct):
    """The stack's dashboard, named after it and its region.  Counters are searched for, so that each organisation has a line of its own."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        queues: Mapping[str, sqs.IQueue],
        dead_letters: Mapping[str, sqs.IQueue],
        functions: Sequence[lambda_.IFunction],
    ) -> None:
        super().__init__(scope, construct_id)
        self.page = cloudwatch.Dashboard(
            self,
            "page",
            dashboard_name=f"{Aws.STACK_NAME}-{Aws.REGION}",  # dashboards of all regions share their names
            default_interval=Duration.days(1),
            period_override=cloudwatch.PeriodOverride.AUTO,
        )
        self._incoming()
        self._outgoing()
        self._health()
        self._waiting(queues, dead_letters)
        self._functions(functions)
        self._service()

    def _incoming(self) -> None:
        self._title("Mail that comes in", "delivered, kept for another try or for a person, and how mailboxes answer")
        self.page.add_widgets(
            self._counted("Messages", counters.INCOMING_DELIVERED, counters.INCOMING_DISCARDED),
            self._counted("Messages in trouble", counters.INCOMING_UNDELIVERED, counters.INCOMING_CORRUPTED),
        )
        self.page.add_widgets(
            self._counted("Mailboxes", counters.MAILBOX_ACCESS_ATTEMPTS, counters.MAILBOX_ACCESS_FAILURES),
            self._speed("Messages a second", counters.INCOMING_PROCESSED),
        )

    def _outgoing(self) -> None:
        self._title(
            "Mail that leaves",
            "what servers took, and what failed, bounced or is unknown (`email-router outgoing list`)",
        )
        self.page.add_widgets(
            self._counted("E-mails", counters.OUTGOING_DELIVERED, counters.OUTGOING_UNDELIVERED),
            self._speed("E-mails a second", counters.OUTGOING_PROCESSED),
        )

    def _health(self) -> None:
        self._title("Health", "what stands, told every five minutes (`email-router status`, `email-router alerts`)")
        self.page.add_widgets(
            self._standing("Mailboxes", counters.FAILING_MAILBOXES, counters.FAILING_PERCENT, counters.OPEN_CIRCUITS),
            self._standing("Wants a person", counters.UNDELIVERABLE_MESSAGES, counters.UNKNOWN_RESULTS),
        )
        self.page.add_widgets(
            self._standing("Oldest undelivered message, seconds", counters.OLDEST_UNDELIVERED),
            self._standing("Days that credentials have left", counters.SECRET_DAYS_LEFT),
        )

    def _waiting(self, queues: Mapping[str, sqs.IQueue], dead_letters: Mapping[str, sqs.IQueue]) -> None:
        self._title("What waits", "a dead letter is work that was given up: it wants a person")
        ages = [
            queue.metric_approximate_age_of_oldest_message(label=name, period=PERIOD, statistic="Maximum")
            for name, queue in queues.items()
        ]
        dead = [
            queue.metric_approximate_number_of_messages_visible(label=name, period=PERIOD, statistic="Maximum")
            for name, queue in dead_letters.items()
        ]
        self.page.add_widgets(
            self._graph("Age of the oldest order", ages, "seconds"), self._graph("Dead letters", dead, "messages")
        )

    def _functions(self, functions: Sequence[lambda_.IFunction]) -> None:
        self._title("Functions", "each kind of failure has its line; the logs are named after the functions")
        names = {one: one.node.id.removeprefix("fn-").replace("-", "_") for one in functions}
        errors = [one.metric_errors(label=name, period=PERIOD, statistic="Sum") for one, name in names.items()]
        times = [one.metric_duration(label=name, period=PERIOD, statistic="p95") for one, name in names.items()]
        self.page.add_widgets(
            self._graph("Failures", errors, "invocations"), self._graph("Time, 95 of 100", times, "ms")
        )

    def _service(self) -> None:
        self._title("Service", "passes over mailboxes, and how often the configuration was read")
        self.page.add_widgets(self._counted("Passes and refreshes", *SERVICE, width=WHOLE))

    def _title(self, title: str, about: str) -> None:
        self.page.add_widgets(cloudwatch.TextWidget(markdown=f"## {title}\n{about}", width=WHOLE, height=2))

    def _counted(self, title: str, *names: str, width: int = HALF) -> cloudwatch.GraphWidget:
        return self._graph(title, [_search(name) for name in names], "a period", width)

    def _standing(self, title: str, *names: str) -> cloudwatch.GraphWidget:
        return self._graph(title, [_search(name, statistic="Maximum") for name in names], "now")

    def _speed(self, title: str, name: str) -> cloudwatch.GraphWidget:
        return self._graph(title, [_search(name, f"{{found}}/{PERIOD.to_seconds()}", "a second")], "a second")

    def _graph(
        self, title: str, metrics: Sequence[cloudwatch.IMetric], unit: str, width: int = HALF
    ) -> cloudwatch.GraphWidget:
        axis = cloudwatch.YAxisProps(label=unit, min=0, show_units=False)
        return cloudwatch.GraphWidget(
            title=title, left=list(metrics), left_y_axis=axis, width=width, height=6, period=PERIOD
        )


def _search(name: str, formula: str = "{found}", label: str = "", statistic: str = "Sum") -> cloudwatch.MathExpression:
    """Return a counter of every organisation: `formula` of what a search for it finds (CloudWatch, "search expressions")."""
    query = f'{{{NAMESPACE},{DIMENSION}}} MetricName="{name}"'
    found = f"SEARCH('{query}', '{statistic}', {PERIOD.to_seconds()})"
    return cloudwatch.MathExpression(
        expression=formula.format(found=found),
        label=f"{label or name} ${{PROP('Dim.{DIMENSION}')}}",
        using_metrics={},
        period=PERIOD,
    )
