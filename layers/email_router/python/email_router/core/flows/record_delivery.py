"""Record what a provider reports of an e-mail after it accepted it.

Events come late, twice and in any order: a bounce for good wins over sent, a delivery settles what was unknown, nothing goes back.
"""

from __future__ import annotations

from dataclasses import dataclass

from email_router.core import counters
from email_router.core.activity import EmailStatus
from email_router.core.flows.outgoing import provider_link
from email_router.core.ledger import Wanted
from email_router.core.ports import Clock, Crm, Ledger, Meters, OutgoingStates
from email_router.core.settings import Tracking
from email_router.core.work import DeliveryEvent

_FAILING = frozenset({"bounce", "reject", "rendering failure"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordDelivery:
    """Records events for one organisation."""

    clock: Clock
    meters: Meters
    ledger: Ledger
    crm: Crm
    outgoing: OutgoingStates
    tracking: Tracking

    def record(self, event: DeliveryEvent) -> str | None:
        """Write the event to the e-mail it is about; return the activity, or None when no e-mail of ours is meant."""
        activity = event.activity or self._by_provider_id(event.provider_id)
        before = self.outgoing.get(activity) if activity else None
        if not activity or before is None:
            return None
        status = self._status(event)
        if status is None:
            return activity
        if before.status is not status and event.provider_id:  # the worker that sent it may have died before it could
            self.ledger.link([provider_link(before, event.provider_id, self.clock.now(), self.tracking)])
        evidence = f"{event.kind}: {event.reason}"
        news = self.outgoing.report(activity, status, self.clock.now(), evidence=evidence)
        if news and status is EmailStatus.FAILED:
            self.meters.count(counters.OUTGOING_UNDELIVERED)
        state = self.outgoing.get(activity)
        # Also when it is not new: the worker before may have died here.
        if state is not None and state.status is status:
            self.crm.write_back(
                activity,
                status,
                reason=state.reason if status is EmailStatus.FAILED else None,
                subject=state.subject,
                message_id=state.message_id,
                tracking_token=state.tracking_token,
                attempts=state.attempts,
            )
        return activity

    def _status(self, event: DeliveryEvent) -> EmailStatus | None:
        if event.kind in _FAILING and (event.permanent or event.kind != "bounce"):
            return EmailStatus.FAILED
        if event.kind in {"delivery", "send"}:
            return EmailStatus.SENT
        return None

    def _by_provider_id(self, provider_id: str) -> str | None:
        found = self.ledger.find(Wanted(message_ids=(provider_id,))).message_ids.get(provider_id)
        return found.activity if found else None
