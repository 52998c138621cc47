"""Tell a person of e-mails that did not leave, or of which nobody knows whether they have: as alerts and notes, never by mail.

A failure notice by mail could reach a stranger, or answer a notice; an alert is told once for each owner and names his e-mails.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TypeGuard

from email_router.core.activity import EmailStatus, Note
from email_router.core.alerts import Alert
from email_router.core.errors import ConfigurationError, RouterError
from email_router.core.flows.outgoing import Outgoing
from email_router.core.outgoing_states import OutgoingStates
from email_router.core.ports import Crm, NotingCrm
from email_router.core.recipients import told
from email_router.core.sending import OutgoingState, RecipientResult, SendOutcome
from email_router.core.settings import Configuration

UNKNOWN_RESULT, NOT_SENT, COMPLAINT = "unknown_result", "not_sent", "complaint"
SENDER_BLOCKED = "sender_blocked"


def came_to_rest(out: Outgoing, state: OutgoingState) -> None:
    """Raise what a person is to know of the state; take off the list what it has settled."""
    unknown = _unknown(out, state)
    if state.status is EmailStatus.UNKNOWN:
        out.alerts.raise_alert(unknown)
        return
    if any(one.status is EmailStatus.UNKNOWN for one in state.history):
        out.alerts.settle(unknown.id)
    if state.status is EmailStatus.FAILED:
        tell_the_owner(out, state)


def tell_the_owner(out: Outgoing, state: OutgoingState) -> None:
    """Raise the alert of an e-mail that did not reach everybody, and leave a note on it where the CRM has notes."""
    owner = owner_of(out.configuration, state.sender)
    out.alerts.raise_alert(not_sent(state.activity, owner, out))
    leave_note(out.crm, state, owner)


def leave_note(crm: Crm, state: OutgoingState, owner: str) -> None:
    """Leave a note on the e-mail for its owner: one for each attempt that ended so, however often it is told."""
    if _takes_notes(crm):
        failed = ", ".join(one.address for one in told(state) if one.outcome is SendOutcome.REFUSED)
        text = f"Not delivered to {failed}: {state.reason}" if failed else f"Not delivered: {state.reason}"
        crm.note(state.activity, f"{state.status.value}-{state.token}", Note(state.changed, owner, text))


def leave_complaint(crm: Crm, state: OutgoingState, owner: str, complaining: Sequence[RecipientResult]) -> None:
    """Leave a note on the e-mail that these recipients called it spam."""
    if _takes_notes(crm):
        who = ", ".join(one.address for one in complaining)
        text = f"Called spam by {who}: do not write to them again unless they ask for it."
        crm.note(state.activity, f"complaint-{state.token}", Note(state.changed, owner, text))


def leave_refusal(crm: Crm, activity: str, at: datetime, owner: str, reason: str) -> None:
    """Leave a note on an e-mail that was never made ready to be sent."""
    if _takes_notes(crm):
        crm.note(activity, "failed-0", Note(at, owner, f"Not sent: {reason}"))


def not_sent(activity: str, owner: str, out: Outgoing) -> Alert:
    """Return the alert of an e-mail that failed, for its owner."""
    return Alert(
        kind=NOT_SENT,
        about=owner,
        text=f"{owner}: an e-mail was not sent, or not to everybody",
        mend=f"`email-router outgoing show {activity}` tells why; mend it, then `email-router outgoing retry {activity}`.",
        at=out.clock.now(),
        messages=(activity,),
    )


def sender_blocked(address: str, trouble: RouterError | ConfigurationError | None, now: datetime) -> Alert:
    """Return the alert of a sender of which no e-mail leaves until somebody mends it; it ends with the next one that does."""
    return _blocked(address, f"its e-mails wait, none is lost: {trouble}", trouble, now)


def host_refuses(place: str, trouble: RouterError | ConfigurationError | None, now: datetime) -> Alert:
    """Return the alert of a host that refuses several senders; it ends with the next e-mail of one of them that leaves."""
    text = f"several senders are refused, their e-mails wait, none is lost; the last one so: {trouble}"
    return _blocked(place, text, trouble, now)


def _blocked(about: str, text: str, trouble: RouterError | ConfigurationError | None, now: datetime) -> Alert:
    mend = trouble.mend if isinstance(trouble, RouterError) else ""
    mend = mend or "Mend the configuration and publish it."
    return Alert(kind=SENDER_BLOCKED, about=about, text=f"{about}: {text}", mend=mend, at=now)


def still_open(alerts: Sequence[Alert], outgoing: OutgoingStates, now: datetime) -> list[Alert]:
    """Return the alerts without senders that were refused once, and without unknown results that a report may settle yet, or has settled."""
    alerts = [one for one in alerts if one.kind != SENDER_BLOCKED or not one.quiet]
    unknown = [one.about for one in alerts if one.kind == UNKNOWN_RESULT and one.at <= now]
    found = outgoing.several(unknown) if unknown else {}
    stand = {name for name, state in found.items() if state.status is EmailStatus.UNKNOWN}
    return [one for one in alerts if one.kind != UNKNOWN_RESULT or one.about in stand]


def owner_of(configuration: Configuration, sender: str) -> str:
    """Return who is told of the sender's e-mails: its owner, else the sender itself."""
    mailbox = configuration.mailbox(sender)
    return (mailbox.owner if mailbox else "") or sender


def _takes_notes(crm: object) -> TypeGuard[NotingCrm]:
    return hasattr(crm, "note")


def _unknown(out: Outgoing, state: OutgoingState) -> Alert:
    """Return the alert of an unknown result: open only after the time in which a report may still settle it."""
    name = state.activity
    return Alert(
        kind=UNKNOWN_RESULT,
        about=name,
        text=f"e-mail {name} of {state.sender}: nobody knows whether it has left; it is not sent again by itself",
        mend=f"Ask the server's log for its Message-ID (`email-router outgoing show {name}`), then "
        f"`email-router outgoing settle {name} --sent` or `--resend`.",
        at=out.clock.now() + timedelta(seconds=out.delays.unknown_alert),
    )
