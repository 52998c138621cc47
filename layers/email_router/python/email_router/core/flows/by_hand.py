"""What a person does to an outgoing e-mail: settle an unknown result, try again what failed, cancel what waits.

Every transition is conditional: where a worker has moved the e-mail on meanwhile nothing is changed, and the person is told what stands.
The state is changed before the CRM; a command that died in between is simply given again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from email_router.core.activity import EmailStatus
from email_router.core.alerts import Alert
from email_router.core.errors import ConfigurationError
from email_router.core.flows.outgoing_alerts import UNKNOWN_RESULT
from email_router.core.ports import Alerts, Clock, Crm, OutgoingStates
from email_router.core.recipients import reopened, told
from email_router.core.sending import OutgoingState, SendOutcome
from email_router.core.write_back import WriteBack

_BEGUN = frozenset({EmailStatus.SENT, EmailStatus.UNKNOWN})
_SETTLED = frozenset({EmailStatus.SENT, EmailStatus.FAILED, EmailStatus.UNKNOWN})
_TO_ALL_OR_NOBODY = frozenset({"exchange-online", "exchange"})  # they take the recipients from the mail's header
_WAITS = frozenset({EmailStatus.PENDING, EmailStatus.DEFERRED})


class CancellingCrm(Crm, Protocol):
    """A CRM whose e-mails can be cancelled from here."""

    def cancel(self, activity: str) -> bool:
        """Cancel an e-mail that waits to be sent; False when it does not wait any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ByHand:
    """Acts on one organisation's e-mails; `who` is kept in the history.  Raises ConfigurationError where a command does not fit."""

    clock: Clock
    crm: CancellingCrm
    outgoing: OutgoingStates
    alerts: Alerts
    who: str

    def sent(self, activity: str) -> None:
        """Settle an unknown result: it has left.  Repeatable."""
        if self._never_prepared(activity, EmailStatus.UNKNOWN, EmailStatus.SENT):
            return
        state = self._known(activity)
        if state.status is not EmailStatus.SENT:
            self._must_be(state, EmailStatus.UNKNOWN)
            results = tuple(
                replace(one, outcome=SendOutcome.ACCEPTED) if one.outcome is SendOutcome.UNKNOWN else one
                for one in told(state)
            )
            kept = results if state.results else ()
            evidence, now = "settled by a person: it has left", self.clock.now()
            if not self.outgoing.settle(
                state, EmailStatus.SENT, now, evidence=evidence, results=kept, request=self.who
            ):
                raise self._moved_on(activity)
        self._tell(activity)

    def resend(self, activity: str) -> None:
        """Settle an unknown result: it has not left, and is to be sent again to those of whom it was unknown."""
        if self._never_prepared(activity, EmailStatus.UNKNOWN, EmailStatus.PENDING):
            return
        state = self._known(activity)
        if state.status is not EmailStatus.PENDING:
            self._must_be(state, EmailStatus.UNKNOWN)
            again = [one.address for one in told(state) if one.outcome is SendOutcome.UNKNOWN]
            self._reopen(state, again, "settled by a person: it has not left, and is sent again")
        self._tell(activity)

    def retry(self, activity: str, addresses: Sequence[str] = ()) -> None:
        """Send again to those who were refused (or these addresses among the recipients); what waits for its time is tried at once."""
        if self._never_prepared(activity, EmailStatus.FAILED, EmailStatus.PENDING):
            return
        state = self._known(activity)
        if state.status in _WAITS:
            self._at_once(state)
            return
        if state.status not in {EmailStatus.FAILED, EmailStatus.SENT}:
            raise ConfigurationError(f"{activity} is {state.status.value}: {_MEND[state.status]}")
        again = [one.address for one in told(state) if one.outcome is SendOutcome.REFUSED]
        if addresses:
            again = _among(state, addresses)
        elif (
            state.status is EmailStatus.FAILED
            and not state.results
            and any(one.status in _BEGUN for one in state.history)
        ):
            raise ConfigurationError(
                f"{activity} had left before it failed, and who of its recipients has it is not known: name those who have not, by --to"
            )
        if not again:
            raise ConfigurationError(
                f"{activity}: nobody of its recipients was refused; name one by --to to send it to him again"
            )
        self._reopen(state, again, "tried again by a person")
        self._tell(activity)

    def cancel(self, activity: str) -> None:
        """Cancel an e-mail that waits, of which nobody has anything yet.  Repeatable.

        The CRM decides: a worker tells it before it claims the attempt, and claims nothing that is cancelled there.  So an e-mail that
        could still be cancelled in the CRM has not left, and never will.
        """
        email = self.crm.email(activity)
        if email is None:
            raise ConfigurationError(
                f"{activity}: no such e-mail; expected an activity of `email-router outgoing list`"
            )
        before = self.outgoing.get(activity)  # the CRM may be behind it
        status = before.status if before and before.status in _SETTLED else email.status
        if status is not EmailStatus.CANCELLED and (status in _SETTLED or not self.crm.cancel(activity)):
            now = self.crm.email(activity)
            word = status.value if status in _SETTLED or now is None else now.status.value
            raise ConfigurationError(f"{activity} is {word} and cannot be cancelled any more: some may have it")
        state = self.outgoing.get(activity)
        if state is not None and state.status in _WAITS | {EmailStatus.SENDING}:
            evidence = "cancelled by a person"
            self.outgoing.settle(state, EmailStatus.CANCELLED, self.clock.now(), evidence=evidence, request=self.who)

    def _known(self, activity: str) -> OutgoingState:
        state = self.outgoing.get(activity)
        if state is None:
            raise ConfigurationError(
                f"{activity}: nothing was tried of it yet; expected an activity of `email-router outgoing list`"
            )
        return state

    def _must_be(self, state: OutgoingState, status: EmailStatus) -> None:
        if state.status is not status:
            raise ConfigurationError(
                f"{state.activity} is {state.status.value}, not {status.value}: {_MEND[state.status]}"
            )

    def _reopen(self, state: OutgoingState, again: Sequence[str], evidence: str) -> None:
        if state.kind in _TO_ALL_OR_NOBODY and {*again} != {*state.recipients}:
            raise ConfigurationError(
                f"{state.activity}: Exchange sends an e-mail to all whom it names, so not to {', '.join(again)} alone: write it anew"
            )
        results = reopened(state, again)
        if not self.outgoing.reopen(state, self.clock.now(), evidence=evidence, results=results, request=self.who):
            raise self._moved_on(state.activity)

    def _at_once(self, state: OutgoingState) -> None:
        evidence = "tried at once by a person"
        if not self.outgoing.settle(state, state.status, self.clock.now(), evidence=evidence, request=self.who):
            raise self._moved_on(state.activity)
        self._tell(state.activity)

    def _moved_on(self, activity: str) -> ConfigurationError:
        stands = self.outgoing.get(activity)
        status = stands.status.value if stands else "gone"
        return ConfigurationError(f"{activity} has moved on meanwhile and is {status}: nothing was changed; look again")

    def _never_prepared(self, activity: str, now_is: EmailStatus, becomes: EmailStatus) -> bool:
        """Turn an e-mail of which only the CRM knows; False when there is more to it."""
        if self.outgoing.get(activity) is not None:
            return False
        email = self.crm.email(activity)
        if email is None or email.status is not now_is:
            return False
        due = self.clock.now() if becomes is EmailStatus.PENDING else None
        return self.crm.write_back(WriteBack(activity=activity, status=becomes, reason="settled by a person", due=due))

    def _tell(self, activity: str) -> None:
        """Tell the CRM what stands, and take the alert off the list."""
        state = self._known(activity)
        waits = state.status in _WAITS
        begun = waits and bool(state.results or state.draft)
        self.crm.write_back(
            WriteBack(
                activity=activity,
                status=EmailStatus.SENDING if begun else state.status,
                reason=state.reason,
                attempts=state.attempts,
                due=self.clock.now() if waits else None,
                sent=state.changed if state.status is EmailStatus.SENT else None,
            )
        )
        self.alerts.settle(Alert(kind=UNKNOWN_RESULT, about=activity, text="", mend="", at=state.changed).id)


_MEND = {
    EmailStatus.PENDING: "it is sent with the next tick",
    EmailStatus.DEFERRED: "`outgoing retry` tries it at once",
    EmailStatus.SENDING: "a worker has it; look again in half an hour",
    EmailStatus.SENT: "`outgoing retry` sends it again to those who were refused",
    EmailStatus.FAILED: "`outgoing retry` tries it again",
    EmailStatus.UNKNOWN: "`outgoing settle` it with --sent or --resend first",
    EmailStatus.CANCELLED: "write it anew",
}


def _among(state: OutgoingState, addresses: Sequence[str]) -> list[str]:
    known = {one.casefold(): one for one in state.recipients}
    strangers = [one for one in addresses if one.strip().casefold() not in known]
    if strangers:
        raise ConfigurationError(f"{state.activity} is not addressed to {', '.join(strangers)}")
    return [known[one.strip().casefold()] for one in addresses]
