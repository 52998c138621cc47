"""What may be changed without a new synthesis: the stack's CloudFormation parameters.  A stage's file may give them other defaults."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import CfnParameter
from constructs import Construct

from infra_cdk.parameter_values import Choice, Span, unknown
from infra_cdk.stage import ParameterValue
from infra_cdk.tables import STREAM, TABLE, Named

CIDRS = r"^([0-9A-Fa-f.:]+/[0-9]{1,3}(,[0-9A-Fa-f.:]+/[0-9]{1,3})*)?$"
HTTPS = r"^(https://[^?#\s]+)?$"
TOPIC = r"^(arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256})?$"
ADDRESS = r"^([^@\s]+@[^@\s]+)?$"


class Parameters(Construct):
    """Every parameter, by the name that it has in the template.  README and docs/deploying.md explain them."""

    def __init__(self, scope: Construct, construct_id: str, chosen: Mapping[str, ParameterValue]) -> None:
        """Make them.  Raises SystemExit where the stage chose what a parameter does not take, or a parameter that there is not."""
        super().__init__(scope, construct_id)
        self._chosen = chosen
        self.allow_loopback = self._text(
            "AllowLoopback",
            "false",
            "Whether mail servers on this machine may be reached: in local runs only.",
            allowed_values=["false", "true"],
        )
        self.allowed_networks = self._text(
            "AllowedNetworks",
            "",
            "Private networks of mail servers, as CIDRs with commas between.",
            allowed_pattern=CIDRS,
        )
        self.alarm_address = self._text(
            "AlarmAddress", "", "Who is told of alarms; empty: nobody, the topic stands alone.", allowed_pattern=ADDRESS
        )
        self.log_level = self._text(
            "LogLevel", "INFO", "How much the functions log.", allowed_values=["DEBUG", "INFO", "WARNING", "ERROR"]
        )
        self.lease_seconds = self._number("LeaseSeconds", 330, "How long a worker holds a mailbox.", 2, 3600)
        self.work_seconds = self._number("WorkSeconds", 240, "Work budget of one pass over a mailbox.", 1, 280)
        self.config_update_period = self._number(
            "ConfigUpdatePeriod", 300, "Seconds that a published configuration is cached.", 0, 86_400
        )
        self.pending_status_delay = self._number(
            "PendingStatusDelay", 300, "Seconds before a collected e-mail may be collected again.", 60, 86_400
        )
        # Not shorter than a worker may live (SEND_TIMEOUT and its margin): what a live one is sending is not left behind.
        self.sending_status_delay = self._number(
            "SendingStatusDelay", 1800, "Seconds after which an e-mail in sending counts as left behind.", 360, 86_400
        )
        self.maximum_delivery_attempts = self._number(
            "MaximumDeliveryAttempts", 10, "How often an e-mail is tried before it fails.", 1, 100
        )
        self.unknown_result_alert = self._number(
            "UnknownResultAlert", 3600, "Seconds before a person is told that a result is still unknown.", 0, 1_209_600
        )
        self.notification_url = self._text(
            "NotificationUrl",
            "",
            "An address of your own that leads to the function URL of receive_notification; empty: that one itself.",
            allowed_pattern=HTTPS,
        )
        self.publish_events = self._text(
            "PublishEvents",
            "false",
            "Whether activities and results are told to other CRMs as events (docs/other-crms.md).",
            allowed_values=["false", "true"],
        )
        self.delivery_topic = self._text(
            "DeliveryTopic",
            "",
            "ARN of an SNS topic of this region to which SES publishes what became of mail; empty: the event bus alone brings it.",
            allowed_pattern=TOPIC,
        )
        self.subscription_minutes = self._number(
            "SubscriptionMinutes", 4200, "How long a subscription to new mail is asked for.", 60, 10_070
        )
        self.subscription_concurrency = self._number(
            "SubscriptionConcurrency", 5, "Subscriptions made or renewed at the same time.", 2, 1000
        )
        self.mailbox_concurrency = self._number("MailboxConcurrency", 10, "Mailboxes served at the same time.", 2, 1000)
        self.outgoing_concurrency = self._number("OutgoingConcurrency", 5, "Senders served at the same time.", 2, 1000)
        self.router_table = self._existing("Router")
        self.crm_table = self._existing("Crm")
        unknown(chosen, [child.node.id for child in self.node.children])

    def _existing(self, which: str) -> Named:
        """Make the parameters of a table that stands already, as after a point-in-time recovery (docs/recovery.md)."""
        return Named(
            self._text(
                f"Existing{which}Table",
                "",
                "A table that stands already, used in place of the stack's own; empty: the stack's own.",
                allowed_pattern=TABLE,
            ),
            self._text(
                f"Existing{which}Stream",
                "",
                "The label of that table's stream, where changes are told to other CRMs; empty: those of that table are not.",
                allowed_pattern=STREAM,
            ),
        )

    def _text(
        self,
        name: str,
        default: str,
        description: str,
        *,
        allowed_values: list[str] | None = None,
        allowed_pattern: str | None = None,
    ) -> str:
        parameter = CfnParameter(
            self,
            name,
            default=Choice(name, allowed_values, allowed_pattern).taken(self._chosen.get(name, default)),
            description=description,
            allowed_values=allowed_values,
            allowed_pattern=allowed_pattern,
        )
        parameter.override_logical_id(name)
        value: str = parameter.value_as_string
        return value

    def _number(self, name: str, default: int, description: str, least: int, most: int) -> CfnParameter:
        value = Span(name, least, most).taken(self._chosen.get(name, default))
        parameter = CfnParameter(
            self, name, type="Number", default=value, description=description, min_value=least, max_value=most
        )
        parameter.override_logical_id(name)
        return parameter
