"""Record what a provider reports of an e-mail after it accepted it.

Events come late, twice and in any order: a bounce for good wins over sent, any of them settles what was unknown, nothing goes back.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from email_router.core.activity import EmailStatus
from email_router.core.flows.outgoing import provider_link
from email_router.core.flows.reporting import Reporting
from email_router.core.ledger import Wanted
from email_router.core.ports import Alerts, Clock, Crm, Ledger, Meters, OutgoingStates
from email_router.core.recipients import reported, standing
from email_router.core.reports import Report, of_event
from email_router.core.sending import OutgoingState, Reported
from email_router.core.settings import Configuration
from email_router.core.work import DeliveryEvent


class Suppressed(Protocol):
    """Who remembers which addresses the provider may hold back from now on."""

    def learn(self, addresses: Iterable[str]) -> None:
        """Remember these; repeatable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordDelivery:
    """Records events for one organisation.  `request` is the id of the invocation, kept with the transition."""

    configuration: Configuration
    clock: Clock
    meters: Meters
    ledger: Ledger
    alerts: Alerts
    crm: Crm
    outgoing: OutgoingStates
    suppressed: Suppressed | None = None
    request: str = ""

    def record(self, event: DeliveryEvent) -> str | None:
        """Write the event to the e-mail it is about; return the activity, or None when no e-mail of ours is meant."""
        activity = event.activity or self._by_ids(event)
        before = self.outgoing.get(activity) if activity else None
        if not activity or before is None:
            return None
        report = of_event(event, before.recipients)
        if _told_before_it_was_sent_anew(before, event, report):
            return activity
        if event.provider_id and _turns(before, report):  # its worker may have died before it could
            link = provider_link(before, event.provider_id, self.clock.now(), self.configuration.tracking)
            self.ledger.link([link])
        self._reporting.take_in(before, [report], _evidence(event, report))
        if self.suppressed and event.recipients and _suppresses(event):
            self.suppressed.learn(event.recipients)
        return activity

    @property
    def _reporting(self) -> Reporting:
        return Reporting(
            configuration=self.configuration,
            clock=self.clock,
            meters=self.meters,
            alerts=self.alerts,
            crm=self.crm,
            outgoing=self.outgoing,
            request=self.request,
        )

    def _by_ids(self, event: DeliveryEvent) -> str | None:
        """Find the e-mail by the provider's id, else by our own: the provider's may not have been written down yet, or never."""
        ids = tuple(one for one in (event.provider_id, event.message_id) if one)
        found = self.ledger.find(Wanted(message_ids=ids)).message_ids
        return next((found[one].activity for one in ids if one in found), None)


def _suppresses(event: DeliveryEvent) -> bool:
    """Tell whether SES may have put the recipients on its suppression list: after a hard bounce or a complaint."""
    return event.kind == "complaint" or (event.kind == "bounce" and event.permanent)


def _told_before_it_was_sent_anew(state: OutgoingState, event: DeliveryEvent, report: Report) -> bool:
    """Tell whether a bad report is one of before, come again: it was noted, then a person had the e-mail sent anew.

    It is about the mail that the provider took before, and says nothing of the new one.
    """
    if event.taken is None or report.what not in {Reported.BOUNCED, Reported.DELAYED}:
        return False
    evidence = _evidence(event, report)
    anew = [number for number, one in enumerate(state.history) if number and one.status is EmailStatus.PENDING]
    if not anew or state.history[anew[-1]].at <= event.taken:
        return False
    earlier = state.history[: anew[-1]]
    return any(one.evidence and evidence.startswith(one.evidence) for one in earlier)  # a long one was cut


def _turns(state: OutgoingState, report: Report) -> bool:
    """Tell whether the report turns the e-mail's status."""
    return standing(state, reported(state, report.addresses, report.what, report.evidence)) is not state.status


def _evidence(event: DeliveryEvent, report: Report) -> str:
    """Return the provider's words, naming whom they are about."""
    return f"{report.evidence} ({', '.join(event.recipients)})" if event.recipients else report.evidence
