"""Write what is reported of an e-mail's recipients to its state, tell the owner of who has not got it, and tell the CRM.

Reports come late, twice and in any order, and several at the same time: the end is the same.  Each step may be repeated, so a report that
comes again makes good what the worker before left undone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce

from email_router.core import counters
from email_router.core.activity import EmailStatus
from email_router.core.alerts import Alert
from email_router.core.errors import TryLater
from email_router.core.flows.outgoing_alerts import COMPLAINT, NOT_SENT, leave_complaint, leave_note, owner_of
from email_router.core.ports import Alerts, Clock, Crm, Meters, OutgoingStates
from email_router.core.recipients import Results, named, refusals, reported, standing
from email_router.core.reports import Report
from email_router.core.sending import OutgoingState, RecipientResult, Reported, SendOutcome
from email_router.core.settings import Configuration
from email_router.core.write_back import WriteBack

_ROUNDS = 8
_TAKEN = "taken: a report of it came"
_NOBODY = RecipientResult("somebody", SendOutcome.UNKNOWN)
_TOLD = frozenset({EmailStatus.SENT, EmailStatus.FAILED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporting:
    """Takes in reports for one organisation.  `request` is the id of the invocation, kept with the transition."""

    configuration: Configuration
    clock: Clock
    meters: Meters
    alerts: Alerts
    crm: Crm
    outgoing: OutgoingStates
    request: str = ""

    def take_in(self, state: OutgoingState, reports: Sequence[Report], evidence: str) -> OutgoingState:
        """Write the reports to the e-mail, with their words as evidence; return what stands then.

        Raises TryLater where too many write to it at once, and what the stores raise.
        """
        stands = (
            self._noted(state, reports, evidence) if state.recipients else self._of_nobody(state, reports, evidence)
        )
        self._tell_the_owner(stands, reports)
        if stands.status in _TOLD:
            self._write_back(stands)
        return stands

    def _noted(self, state: OutgoingState, reports: Sequence[Report], evidence: str) -> OutgoingState:
        """Write to the state, however many others write to it at the same time."""
        for _ in range(_ROUNDS):
            results = reduce(self._with, reports, state).results
            status = standing(state, results)
            if (status, results) == (state.status, state.results):
                return state
            now, reason = self.clock.now(), _reason(state, status, results)
            if self.outgoing.note(
                state, status, now, evidence=evidence, reason=reason, results=results, request=self.request
            ):
                self._count(state, status)
                return self.outgoing.get(state.activity) or state
            state = self.outgoing.get(state.activity) or state
        raise TryLater(f"e-mail {state.activity}: many reports at once; this one comes again", kind="aws_busy")

    def _with(self, state: OutgoingState, report: Report) -> OutgoingState:
        return replace(state, results=reported(state, report.addresses, report.what, report.evidence))

    def _of_nobody(self, state: OutgoingState, reports: Sequence[Report], evidence: str) -> OutgoingState:
        """Write to an e-mail of which nobody knows to whom it went."""
        failed = any(one.what is Reported.BOUNCED for one in reports)
        status, now = EmailStatus.FAILED if failed else EmailStatus.SENT, self.clock.now()
        if self.outgoing.report(state.activity, status, now, evidence=evidence, request=self.request):
            self._count(state, status)
        return self.outgoing.get(state.activity) or state

    def _count(self, before: OutgoingState, status: EmailStatus) -> None:
        if status is EmailStatus.FAILED is not before.status:
            self.meters.count(counters.OUTGOING_UNDELIVERED)

    def _tell_the_owner(self, state: OutgoingState, reports: Sequence[Report]) -> None:
        """Tell of those who have not got it, and of those who called it spam; a note stays on the e-mail where the CRM has notes."""
        owner = owner_of(self.configuration, state.sender)
        if _stand(state, reports, Reported.BOUNCED):
            self._raise(NOT_SENT, f"{owner}: an e-mail was not delivered, or not to everybody", owner, state)
            leave_note(self.crm, state, owner)
        if complaining := _stand(state, reports, Reported.COMPLAINED):
            self._raise(COMPLAINT, f"{owner}: a recipient called an e-mail spam", owner, state)
            leave_complaint(self.crm, state, owner, complaining)

    def _raise(self, kind: str, text: str, owner: str, state: OutgoingState) -> None:
        mend = f"`email-router outgoing show {state.activity}` tells who and why."
        alert = Alert(kind=kind, about=owner, text=text, mend=mend, at=self.clock.now(), messages=(state.activity,))
        self.alerts.raise_alert(alert)

    def _write_back(self, state: OutgoingState) -> None:
        trouble = state.status is EmailStatus.FAILED or refusals(state.results)
        self.crm.write_back(
            WriteBack(
                activity=state.activity,
                status=state.status,
                reason=state.reason if trouble else None,
                subject=state.subject or None,
                message_id=state.message_id or None,
                tracking_token=state.tracking_token,
                attempts=state.attempts,
            )
        )


def _reason(state: OutgoingState, status: EmailStatus, results: Results) -> str:
    """Return what the e-mail says of itself then: who has not got it, the same in whatever order it was learned."""
    settled = status is EmailStatus.SENT is not state.status
    return refusals(results) or (_TAKEN if settled else state.reason or "")


def _stand(state: OutgoingState, reports: Sequence[Report], what: Reported) -> tuple[RecipientResult, ...]:
    """Return those of whom the reports tell this, and of whom it stands; of an e-mail to nobody knows whom, nobody in particular."""
    addresses = [address for one in reports if one.what is what for address in one.addresses]
    found = tuple(one for one in named(state, addresses) if one.reported is what)
    if not state.recipients and any(one.what is what for one in reports):
        return tuple(RecipientResult(address, SendOutcome.UNKNOWN) for address in addresses) or (_NOBODY,)
    return found
