"""Tell what stands in each organisation, from the scheduler's tick."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from email_router.core.errors import ConfigurationError, RouterError
from email_router.core.flows.gauges import Gauges
from email_router.core.work import ScheduledMailbox
from email_router.wiring.observe import log, meters
from email_router.wiring.services import Services


def tell_gauges(services: Services, organisations: Iterable[str], now: datetime) -> None:
    """Tell each organisation's gauges.  One whose stores are away tells none this time; no order is kept back for it."""
    scheduled: dict[str, list[ScheduledMailbox]] = defaultdict(list)
    try:
        for mailbox in services.schedule.mailboxes():
            scheduled[mailbox.organisation].append(mailbox)
        for organisation in organisations:
            _gauges(services, organisation, now).tell(scheduled[organisation])
    except (RouterError, ConfigurationError) as trouble:
        log.warning("what stands was not told", kind=getattr(trouble, "kind", "configuration"))


def _gauges(services: Services, organisation: str, now: datetime) -> Gauges:
    return Gauges(
        configuration=services.configurations.current(organisation),
        now=now,
        meters=meters.of(organisation),
        states=services.states(organisation),
        undeliverable=services.quarantine(organisation),
        alerts=services.alerts(organisation),
        circuits=services.circuits(organisation),
    )
