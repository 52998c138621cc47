"""What every capability stands on: the stage, storage, layers, parameters, and the settings that all functions share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import Fn, Token
from aws_cdk import aws_events as events
from aws_cdk import aws_sqs as sqs

from infra_cdk.layer_versions import Layers
from infra_cdk.parameters import Parameters
from infra_cdk.permissions import SECRET_PREFIX
from infra_cdk.stage import Stage
from infra_cdk.storage import Storage
from infra_cdk.vpc import FunctionNetwork


@dataclass(frozen=True, slots=True, kw_only=True)
class Foundation:
    """Handed to each capability.

    `tick_dead_letters` takes the ticks that no function could handle; `network` is where functions stand that speak to servers, or None.
    `alerts` is the bus that takes what needs a person.
    """

    stage: Stage
    parameters: Parameters
    storage: Storage
    layers: Layers
    network: FunctionNetwork | None
    tick_dead_letters: sqs.IQueue
    alerts: events.IEventBus

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment variables of every function, as wiring reads them."""
        chosen = self.parameters
        return {
            "ALERT_BUS": self.alerts.event_bus_name,
            "ALLOW_LOOPBACK": chosen.allow_loopback,
            "ALLOWED_NETWORKS": chosen.allowed_networks,
            "CONFIG_UPDATE_PERIOD": Token.as_string(chosen.config_update_period.value),
            "CRM_TABLE": self.storage.crm.table_name,
            "DATA_BUCKET": self.storage.bucket.bucket_name,
            "LEASE_SECONDS": Token.as_string(chosen.lease_seconds.value),
            "MAXIMUM_DELIVERY_ATTEMPTS": Token.as_string(chosen.maximum_delivery_attempts.value),
            "UNKNOWN_RESULT_ALERT": Token.as_string(chosen.unknown_result_alert.value),
            "PENDING_STATUS_DELAY": Token.as_string(chosen.pending_status_delay.value),
            "POWERTOOLS_LOG_LEVEL": chosen.log_level,
            "POWERTOOLS_METRICS_NAMESPACE": "EmailRouter",
            "ROUTER_TABLE": self.storage.router.table_name,
            "SECRET_PREFIX": Fn.sub(SECRET_PREFIX),
            "SENDING_STATUS_DELAY": Token.as_string(chosen.sending_status_delay.value),
            "WORK_SECONDS": Token.as_string(chosen.work_seconds.value),
        }
