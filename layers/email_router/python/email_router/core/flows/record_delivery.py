"""Record what a provider reports of an e-mail after it accepted it.

Events come late, twice and in any order: a bounce for good wins over sent, a delivery settles what was unknown, nothing goes back.
"""

from __future__ import annotations

from dataclasses import dataclass

from email_router.core import counters
from email_router.core.activity import EmailStatus
from email_router.core.alerts import Alert
from email_router.core.errors import TryLater
from email_router.core.flows.outgoing import provider_link
from email_router.core.flows.outgoing_alerts import COMPLAINT, NOT_SENT, leave_note, owner_of
from email_router.core.ledger import Wanted
from email_router.core.ports import Alerts, Clock, Crm, Ledger, Meters, OutgoingStates
from email_router.core.recipients import Results, reported
from email_router.core.sending import OutgoingState, Reported
from email_router.core.settings import Configuration
from email_router.core.work import DeliveryEvent

_FAILING = frozenset({"bounce", "reject", "rendering failure"})
_TELLING = {
    "delay": Reported.DELAYED,
    "delivery": Reported.DELIVERED,
    "complaint": Reported.COMPLAINED,
}
_OVER_FAILED = frozenset({EmailStatus.SENT, EmailStatus.UNKNOWN, EmailStatus.SENDING})
_OVER_SENT = frozenset({EmailStatus.UNKNOWN, EmailStatus.SENDING})
_ROUNDS = 8


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
    request: str = ""

    def record(self, event: DeliveryEvent) -> str | None:
        """Write the event to the e-mail it is about; return the activity, or None when no e-mail of ours is meant."""
        activity = event.activity or self._by_provider_id(event.provider_id)
        before = self.outgoing.get(activity) if activity else None
        if not activity or before is None:
            return None
        if event.provider_id and self._status(event, before) is not None:  # its worker may have died before it could
            link = provider_link(before, event.provider_id, self.clock.now(), self.configuration.tracking)
            self.ledger.link([link])
        state = self._noted(event, before)
        self._tell_the_owner(event, state)
        # Also when it is not new: the worker before may have died here.
        if state.status is (EmailStatus.FAILED if _fails(event) else EmailStatus.SENT) and _settles(event):
            self._write_back(state)
        return activity

    def _noted(self, event: DeliveryEvent, state: OutgoingState) -> OutgoingState:
        """Write the event to the state, however many others write to it at the same time; return what stands then."""
        for _ in range(_ROUNDS):
            status, results = self._status(event, state), _results(event, state)
            if status is None and results == state.results:
                return state
            turned = status or state.status
            evidence = _evidence(event) if status or turned is not EmailStatus.FAILED else state.reason or ""
            now = self.clock.now()
            if self.outgoing.note(state, turned, now, evidence=evidence, results=results, request=self.request):
                if status is EmailStatus.FAILED:
                    self.meters.count(counters.OUTGOING_UNDELIVERED)
                return self.outgoing.get(state.activity) or state
            state = self.outgoing.get(state.activity) or state
        raise TryLater(f"e-mail {state.activity}: many reports at once; this one comes again", kind="aws_busy")

    def _status(self, event: DeliveryEvent, state: OutgoingState) -> EmailStatus | None:
        """Return what the event turns the e-mail to, or None when it changes no status."""
        if _fails(event):
            return EmailStatus.FAILED if state.status in _OVER_FAILED else None
        return EmailStatus.SENT if _settles(event) and state.status in _OVER_SENT else None

    def _tell_the_owner(self, event: DeliveryEvent, state: OutgoingState) -> None:
        kind = NOT_SENT if _fails(event) else COMPLAINT if event.kind == "complaint" else ""
        if not kind:
            return
        owner = owner_of(self.configuration, state.sender)
        text = "an e-mail was not delivered" if kind == NOT_SENT else "a recipient called an e-mail spam"
        mend = f"`email-router outgoing show {state.activity}` tells who and why."
        alert = Alert(
            kind=kind, about=owner, text=f"{owner}: {text}", mend=mend, at=self.clock.now(), messages=(state.activity,)
        )
        self.alerts.raise_alert(alert)
        if kind == NOT_SENT:
            leave_note(self.crm, state, owner)

    def _write_back(self, state: OutgoingState) -> None:
        self.crm.write_back(
            state.activity,
            state.status,
            reason=state.reason if state.status is EmailStatus.FAILED else None,
            subject=state.subject,
            message_id=state.message_id,
            tracking_token=state.tracking_token,
            attempts=state.attempts,
        )

    def _by_provider_id(self, provider_id: str) -> str | None:
        found = self.ledger.find(Wanted(message_ids=(provider_id,))).message_ids.get(provider_id)
        return found.activity if found else None


def _fails(event: DeliveryEvent) -> bool:
    return event.kind in _FAILING and (event.permanent or event.kind != "bounce")


def _settles(event: DeliveryEvent) -> bool:
    return _fails(event) or event.kind in {"delivery", "send", "complaint"}


def _results(event: DeliveryEvent, state: OutgoingState) -> Results:
    """Return what the event says of the recipients it names; what it says of the whole e-mail stands in its status."""
    what = Reported.BOUNCED if _fails(event) else _TELLING.get(event.kind)
    if event.kind == "bounce" and not event.permanent:
        what = Reported.DELAYED
    return reported(state, event.recipients, what, _said(event)) if what else state.results


def _said(event: DeliveryEvent) -> str:
    return f"{event.kind}: {event.reason}"


def _evidence(event: DeliveryEvent) -> str:
    """Return the provider's words, naming whom they are about."""
    return f"{_said(event)} ({', '.join(event.recipients)})" if event.recipients else _said(event)
