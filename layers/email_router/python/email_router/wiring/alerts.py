"""Send each alert once, when it is raised, to the stack's bus of alerts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from email_router.core.alerts import Alert
from email_router.core.errors import ConfigurationError, RouterError
from email_router.core.ports import Alerts
from email_router.wiring.observe import log


class AlertBus(Protocol):
    """Where alerts are sent."""

    def tell(self, organisation: str, alert: Alert) -> None:
        """Send it.  Raises TryLater when it is not taken, ConfigurationError when there is no such bus."""


@dataclass(frozen=True, slots=True)
class SentAlerts:
    """The alerts of one organisation (port Alerts), each sent when it is raised and not while it stays open.

    One that is quiet, or that a report may still settle (its time is to come), stands in the list alone.  What cannot be sent is logged and
    stands in the list, too: raising an alert never fails for it.
    """

    kept: Alerts
    organisation: str
    bus: AlertBus
    now: Callable[[], datetime]

    def raise_alert(self, alert: Alert) -> bool:
        """Keep the alert, and send it where none was open."""
        new = self.kept.raise_alert(alert)
        if new and not alert.quiet and alert.at <= self.now():
            try:
                self.bus.tell(self.organisation, alert)
            except (RouterError, ConfigurationError) as trouble:
                kind = getattr(trouble, "kind", "configuration")
                log.error("alert not sent, it stands in the list", alert=alert.id, kind=kind)
        return new

    def all(self) -> Sequence[Alert]:
        """Return the open alerts."""
        return self.kept.all()

    def settle(self, alert_id: str) -> bool:
        """Remove the alert."""
        return self.kept.settle(alert_id)
