"""Remember in memory what needs a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from email_router.core.alerts import MOST_MESSAGES, Alert


class MemoryAlerts:
    """The open alerts."""

    def __init__(self) -> None:
        self._open: dict[str, Alert] = {}

    def raise_alert(self, alert: Alert) -> bool:
        """Keep the alert unless it is open already; that one takes over the messages."""
        new = alert.id not in self._open
        before = self._open.setdefault(alert.id, replace(alert, messages=()))
        if len(before.messages) < MOST_MESSAGES:
            named = tuple(sorted({*before.messages, *alert.messages}))
            self._open[alert.id] = replace(before, messages=named)
        return new

    def all(self) -> Sequence[Alert]:
        """Return the open alerts, newest first."""
        return sorted(self._open.values(), key=lambda alert: alert.at, reverse=True)

    def settle(self, alert_id: str) -> bool:
        """Remove the alert."""
        return self._open.pop(alert_id, None) is not None
