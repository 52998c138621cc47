"""Put together what records the reports of a provider: by EventBridge, or by SNS with its signature proven."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from email_router.core.flows.record_delivery import RecordDelivery
from email_router.core.work import DeliveryEvent
from email_router.wiring import events
from email_router.wiring.clock import CLOCK
from email_router.wiring.environment import Environment
from email_router.wiring.observe import log, meters
from email_router.wiring.services import Services
from email_router.wiring.sns import SnsNotices


def record_delivery(environment: Environment) -> Callable[[dict[str, Any], str], str | None]:
    """Return the function that writes an event of SES to the e-mail it is about: its answer names the last of several."""
    services = Services(environment)
    notices = SnsNotices(environment.reach, environment.delivery_topic)

    def run(event: dict[str, Any], request: str) -> str | None:
        activity = None
        for told in notices.opened(event):
            activity = one(events.delivery_event(told), request)
        return activity

    def one(said: DeliveryEvent, request: str) -> str | None:
        known = services.configurations.organisations()
        for organisation in [said.organisation] if said.organisation in known else known:
            configuration = services.configurations.current(organisation)
            activity = RecordDelivery(
                configuration=configuration,
                clock=CLOCK,
                meters=meters.of(organisation),
                ledger=services.ledger(organisation),
                crm=services.crm(configuration),
                outgoing=services.outgoing(organisation),
                alerts=services.alerts(organisation),
                suppressed=services.suppressed,
                request=request,
            ).record(said)
            if activity:
                log.info("delivery event recorded", activity=activity, kind=said.kind)
                return activity
        log.warning("delivery event of an unknown e-mail", kind=said.kind)
        return None

    return run
