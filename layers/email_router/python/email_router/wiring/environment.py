"""Read the functions' settings from the process environment (infra_cdk sets them; docs/deploying.md lists them)."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass

from email_router.core.errors import ConfigurationError
from email_router.core.flows.incoming import Timing
from email_router.core.flows.outgoing import Delays
from email_router.core.ports import Reach

_REQUIRED = {
    "router_table": "ROUTER_TABLE",
    "crm_table": "CRM_TABLE",
    "data_bucket": "DATA_BUCKET",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """What a function is told at its deployment.  Times are seconds, but those of subscriptions, which Graph counts in minutes.

    `data_key` is the ARN of the stack's key: commands that set a password know it, functions only open what it has closed.
    """

    router_table: str
    crm_table: str
    data_bucket: str
    mailbox_queue_url: str = ""
    outgoing_queue_url: str = ""
    subscription_queue_url: str = ""
    notification_url: str = ""
    notification_secret: str = ""
    subscription_minutes: float = 4200
    ses_configuration_set: str = ""
    delivery_topic: str = ""
    alert_bus: str = ""
    crm_event_bus: str = ""
    crm_event_dead_letters_url: str = ""
    data_key: str = ""
    secret_prefix: str = "email-router/"  # noqa: S105 - a prefix of names
    allow_loopback: bool = False
    allowed_networks: tuple[str, ...] = ()
    lease_seconds: float = 330
    work_seconds: float = 240
    config_update_period: float = 300
    pending_status_delay: float = 300
    sending_status_delay: float = 1800
    maximum_delivery_attempts: int = 10
    unknown_result_alert: float = 3600

    @classmethod
    def from_process(cls) -> Environment:
        """Read the process environment.  Raises ConfigurationError naming the variable that is missing or wrong."""
        return cls.from_mapping(os.environ)

    @classmethod
    def from_mapping(cls, values: Mapping[str, str]) -> Environment:
        """Read the settings from names and values."""
        required = {field: _text(values, name) for field, name in _REQUIRED.items()}
        return cls(
            **required,
            mailbox_queue_url=values.get("MAILBOX_QUEUE_URL", ""),
            outgoing_queue_url=values.get("OUTGOING_QUEUE_URL", ""),
            subscription_queue_url=values.get("SUBSCRIPTION_QUEUE_URL", ""),
            notification_url=values.get("NOTIFICATION_URL", ""),
            notification_secret=values.get("NOTIFICATION_SECRET", ""),
            subscription_minutes=_number(values, "SUBSCRIPTION_MINUTES", 4200),
            ses_configuration_set=values.get("SES_CONFIGURATION_SET", ""),
            alert_bus=values.get("ALERT_BUS", ""),
            crm_event_bus=values.get("CRM_EVENT_BUS", ""),
            crm_event_dead_letters_url=values.get("CRM_EVENT_DEAD_LETTERS_URL", ""),
            delivery_topic=values.get("DELIVERY_TOPIC", ""),
            secret_prefix=values.get("SECRET_PREFIX", "email-router/"),
            allow_loopback=values.get("ALLOW_LOOPBACK", "false").lower() == "true",
            allowed_networks=_networks(values),
            lease_seconds=_number(values, "LEASE_SECONDS", 330),
            work_seconds=_number(values, "WORK_SECONDS", 240),
            config_update_period=_number(values, "CONFIG_UPDATE_PERIOD", 300),
            pending_status_delay=_number(values, "PENDING_STATUS_DELAY", 300),
            sending_status_delay=_number(values, "SENDING_STATUS_DELAY", 1800),
            maximum_delivery_attempts=int(_number(values, "MAXIMUM_DELIVERY_ATTEMPTS", 10)),
            unknown_result_alert=_number(values, "UNKNOWN_RESULT_ALERT", 3600),
        )

    @property
    def reach(self) -> Reach:
        """Which addresses the functions may connect to."""
        return Reach(loopback=self.allow_loopback, private=self.allowed_networks)

    @property
    def timing(self) -> Timing:
        """The times of a pass."""
        return Timing(lease=self.lease_seconds)

    @property
    def delays(self) -> Delays:
        """The delays of the outgoing road."""
        return Delays(
            pending_status=self.pending_status_delay,
            sending_status=self.sending_status_delay,
            maximum_attempts=self.maximum_delivery_attempts,
            unknown_alert=self.unknown_result_alert,
        )


def _text(values: Mapping[str, str], name: str) -> str:
    value = values.get(name, "")
    if not value:
        text = f"environment variable {name} is missing: deploy the function with the stack's template, which sets it"
        raise ConfigurationError(text)
    return value


def _number(values: Mapping[str, str], name: str, default: float) -> float:
    text = values.get(name, "")
    try:
        number = float(text) if text else default
    except ValueError as wrong:
        raise ConfigurationError(f"environment variable {name}: expected a number of seconds, got {text!r}") from wrong
    if number < 0:
        raise ConfigurationError(f"environment variable {name}: expected no negative number, got {text!r}")
    return number


def _networks(values: Mapping[str, str]) -> tuple[str, ...]:
    names = tuple(part.strip() for part in values.get("ALLOWED_NETWORKS", "").split(",") if part.strip())
    for name in names:
        try:
            ipaddress.ip_network(name)
        except ValueError as wrong:
            raise ConfigurationError(
                f"environment variable ALLOWED_NETWORKS: {name!r} is no network like 10.0.0.0/8"
            ) from wrong
    return names
