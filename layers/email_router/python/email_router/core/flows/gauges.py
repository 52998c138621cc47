"""Tell what stands: who fails, which circuits are open, what waits for a person, how long credentials live.  Reads only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from email_router.core import counters
from email_router.core.circuits import Circuits
from email_router.core.flows.outgoing_alerts import UNKNOWN_RESULT
from email_router.core.mailbox import Direction
from email_router.core.ports import Alerts, MailboxStates, Meters, Quarantine
from email_router.core.settings import Configuration
from email_router.core.work import ScheduledMailbox

EVERY = 5
"""Minutes between two tellings."""

_MOST_READ = 100
"""Mailboxes whose retries are looked at, and retries of each, for the oldest one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauges:
    """What stands in one organisation."""

    configuration: Configuration
    now: datetime
    meters: Meters
    states: MailboxStates
    undeliverable: Quarantine
    alerts: Alerts
    circuits: Circuits

    def tell(self, scheduled: Iterable[ScheduledMailbox]) -> None:
        """Tell each gauge once; `scheduled` are the organisation's mailboxes.  Raises TryLater when a store is away."""
        boxes = list(scheduled)
        failing = {one.mailbox for one in boxes if one.failing}
        aside = self.undeliverable.entries()
        unknown = [one for one in self.alerts.all() if one.kind == UNKNOWN_RESULT and one.at <= self.now]
        opened = [one for one in self.circuits.all_open() if one.is_open(self.now)]
        waiting = [*(one.at for one in aside), *self._kept_for_another_try(boxes)]
        found = {
            counters.FAILING_MAILBOXES: len(failing),
            counters.FAILING_PERCENT: self._worst_profile(failing),
            counters.OPEN_CIRCUITS: len(opened),
            counters.UNDELIVERABLE_MESSAGES: len(aside),
            counters.OLDEST_UNDELIVERED: int((self.now - min(waiting, default=self.now)).total_seconds()),
            counters.UNKNOWN_RESULTS: len(unknown),
        }
        known = [self.configuration.crm.credentials_expire]
        known += [one.credentials_expire for one in self.configuration.profiles]
        if ends := [end for end in known if end]:
            found[counters.SECRET_DAYS_LEFT] = (min(ends) - self.now) // timedelta(days=1)
        for name, value in found.items():
            self.meters.count(name, value)

    def _worst_profile(self, failing: set[str]) -> int:
        """Return the highest share of a profile's mailboxes whose last pass has failed, in percent, rounded up."""
        everybody: Counter[str] = Counter()
        failed: Counter[str] = Counter()
        for box in self.configuration.mailboxes:
            if box.incoming and box.approved and self.configuration.profile(box.incoming, Direction.INCOMING):
                everybody[box.incoming] += 1
                failed[box.incoming] += box.key in failing
        return max((-(-100 * failed[name] // count) for name, count in everybody.items()), default=0)

    def _kept_for_another_try(self, boxes: Sequence[ScheduledMailbox]) -> list[datetime]:
        """Return when the messages came that wait for another try, so far as it is known; else when they are due."""
        some = [one.mailbox for one in boxes if one.next_retry][:_MOST_READ]
        retries = (one for box in some for one in self.states.retries(box, None, _MOST_READ))
        return [min(one.received or one.due, self.now) for one in retries]
