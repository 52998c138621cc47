"""Collect the CRM's pending e-mails and queue them by sender.

An e-mail that was queued is not collected again before PendingStatusDelay has passed: a lost order comes again, a slow one does not double.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from email_router.core.activity import EmailStatus
from email_router.core.flows.outgoing import Delays
from email_router.core.mailbox import Direction
from email_router.core.ports import Clock, Crm, Meters, WorkQueues
from email_router.core.settings import Configuration
from email_router.core.work import OutgoingWork

_ORDER = 200
_ORDER_EXCHANGE_ONLINE = 30  # Exchange Online takes 30 messages a minute of one mailbox
_COLLECTED = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectOutgoing:
    """Collects for one organisation."""

    configuration: Configuration
    clock: Clock
    meters: Meters
    crm: Crm
    queues: WorkQueues
    delays: Delays

    def collect(self) -> int:
        """Queue what is due; return the number of e-mails."""
        now = self.clock.now()
        by_sender: dict[str, list[str]] = defaultdict(list)
        for activity, sender in self.crm.pending(now, _COLLECTED):
            by_sender[sender.casefold()].append(activity)
        again = now + timedelta(seconds=self.delays.pending_status)
        count = 0
        for sender, activities in by_sender.items():
            profile = self._profile(sender)
            if profile is None:
                self._explain(sender, activities, again)
                continue
            orders = list(self._orders(sender, profile, activities))
            paced = self._is_paced(profile)
            self.queues.put_outgoing(orders[:1] if paced else orders)
            for number, order in enumerate(orders):
                later = paced and number > 0
                self.crm.postpone(order.activities, now + timedelta(minutes=number) if later else again)
                count += 0 if later else len(order.activities)
        return count

    def _is_paced(self, profile: str) -> bool:
        """Tell whether one order a minute is all that the provider takes of one mailbox: the others wait their turn."""
        found = self.configuration.profile(profile, Direction.OUTGOING)
        return bool(found and found.server == "exchange-online")

    def _profile(self, sender: str) -> str | None:
        mailbox = self.configuration.mailbox(sender)
        profile = self.configuration.profile(mailbox.outgoing, Direction.OUTGOING) if mailbox else None
        return profile.name if profile and mailbox and mailbox.approved else None

    def _orders(self, sender: str, profile: str, activities: list[str]) -> Iterator[OutgoingWork]:
        size = _ORDER_EXCHANGE_ONLINE if self._is_paced(profile) else _ORDER
        for start in range(0, len(activities), size):
            chunk = tuple(activities[start : start + size])
            yield OutgoingWork(self.configuration.organisation, profile, sender, chunk)

    def _explain(self, sender: str, activities: list[str], again: datetime) -> None:
        """Leave e-mails pending whose sender cannot send, and say why on each."""
        reason = f"{sender} has no outgoing profile or is not approved: give it one in the configuration and publish"
        for activity in activities:
            self.crm.write_back(activity, EmailStatus.PENDING, reason=reason, due=again)
