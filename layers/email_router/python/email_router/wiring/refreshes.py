"""Read the published configuration, and count what a new version changes."""

from __future__ import annotations

from email_router.core import counters
from email_router.core.ports import Meters
from email_router.core.settings import Configuration
from email_router.wiring.observe import EmfMeters
from email_router.wiring.services import Services


class Refreshes:
    """Counts what changes when a new version of the configuration is read."""

    def __init__(self, services: Services, counted: EmfMeters) -> None:
        self._services = services
        self._meters = counted
        self._last: dict[str, Configuration] = {}

    def configuration(self, organisation: str) -> Configuration:
        """Return the published configuration."""
        now = self._services.configurations.current(organisation)
        before = self._last.get(organisation)
        if now is not before:
            self._last[organisation] = now
            self._count(self._meters.of(organisation), before, now)
        return now

    def _count(self, counted: Meters, before: Configuration | None, now: Configuration) -> None:
        counted.count(counters.CONFIGURATION_REFRESHES)
        old = {(one.direction, one.name): one for one in before.profiles} if before else {}
        new = {(one.direction, one.name): one for one in now.profiles}
        started, removed = len(new.keys() - old.keys()), len(old.keys() - new.keys())
        changed = sum(1 for name in new.keys() & old.keys() if new[name] != old[name])
        for name, value in (
            (counters.PROVIDERS_STARTED, started),
            (counters.PROVIDERS_REMOVED, removed),
            (counters.PROVIDERS_REFRESHED, changed),
        ):
            if value:
                counted.count(name, value)
