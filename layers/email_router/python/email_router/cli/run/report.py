"""Tell what a run did, from what stands in the stores: the object that `demo --json` and `local --once --json` print."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from email_router.cli.place import Place
from email_router.cli.shapes import Json, message_shape, outgoing_shape
from email_router.core.activity import EmailActivity, Role
from email_router.core.counters import COUNTERS
from email_router.core.ledger import Trace
from email_router.core.mailbox import Direction, Mailbox
from email_router.core.mailbox_state import MailboxState
from email_router.core.sending import OutgoingState
from email_router.core.settings import Configuration

if TYPE_CHECKING:
    from email_router.wiring.services import Services


@dataclass(frozen=True, slots=True)
class Cases:
    """What sample mails are there to show: by (mailbox, source id) of a message, by activity of an outgoing e-mail."""

    messages: Mapping[tuple[str, str], str] = field(default_factory=dict)
    outgoing: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Run:
    """What was run: the configuration, since when, and how it went so far as the stores cannot tell.

    `unserved` are mailboxes whose pass never ended; `counters` were moved by the run.
    """

    configuration: Configuration
    since: datetime
    seconds: float
    counters: Mapping[str, int]
    cases: Cases = field(default_factory=Cases)
    unserved: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Told:
    """What is told of a run: the documented object, and for people whose mail each activity is (a record in words)."""

    json: dict[str, Any]
    senders: Mapping[str, str]

    @property
    def in_error(self) -> bool:
        """Tell whether a mailbox of the run is in error."""
        return any(mailbox["status"] == "error" for mailbox in self.json["mailboxes"])


def report(services: Services, run: Run) -> Told:
    """Return what is told of the run, messages and e-mails oldest first."""
    place = Place(services, run.configuration)
    traces = sorted(place.ledger.traces_since(run.since), key=lambda one: (one.at, one.mailbox, one.source_id))
    states = {state.activity: state for state in place.outgoing.all()}
    moved = [activity for activity, state in states.items() if state.changed >= run.since]
    emails = place.emails_of([*(trace.activity for trace in traces if trace.activity), *moved])
    told = _told(services, run, traces, _outgoing(run, emails, states))
    return Told(told, {email.id: sender for email in emails if (sender := _sender(email))})


def _told(services: Services, run: Run, traces: Sequence[Trace], outgoing: list[Json]) -> dict[str, Any]:
    ledger = services.ledger(run.configuration.organisation)
    receipts = {key: [one.mailbox for one in ledger.receipts(key)] for key in {trace.key for trace in traces}}
    return {
        "messages": [message_shape(trace, receipts[trace.key], _case(trace, run.cases)) for trace in traces],
        "outgoing": outgoing,
        "mailboxes": [mailbox_shape(box, services, run, traces) for box in run.configuration.mailboxes if box.incoming],
        "counters": {name: run.counters.get(name, 0) for name in COUNTERS},
        "seconds": round(run.seconds, 1),
    }


def _case(trace: Trace, cases: Cases) -> str | None:
    return cases.messages.get((trace.mailbox, trace.source_id)) or cases.messages.get((trace.source, trace.source_id))


def _sender(email: EmailActivity) -> str:
    record = next((party.record for party in email.parties if party.role is Role.FROM and party.record), None)
    return f"{record.kind} {record.name}" if record else ""


def _outgoing(run: Run, emails: Sequence[EmailActivity], states: Mapping[str, OutgoingState]) -> list[Json]:
    """E-mails taken up in this run, or still waiting."""
    told = []
    for email in emails:
        state = states.get(email.id)
        waits = email.status.value in {"pending", "deferred"}
        if email.direction is Direction.OUTGOING and (waits or (state and state.changed >= run.since)):
            told.append(
                outgoing_shape(email, state, sender_kind(email, run.configuration), run.cases.outgoing.get(email.id))
            )
    return told


def sender_kind(email: EmailActivity, configuration: Configuration) -> str:
    """Return the kind of server that sends for the e-mail's From, or nothing."""
    mailbox = configuration.mailbox(next(iter(email.addresses(Role.FROM)), ""))
    profile = configuration.profile(mailbox.outgoing, Direction.OUTGOING) if mailbox else None
    return profile.server if profile else ""


def mailbox_shape(mailbox: Mailbox, services: Services, run: Run, traces: Sequence[Trace]) -> Json:
    """Return how one mailbox was served."""
    state = services.states(run.configuration.organisation).read(mailbox.key)
    fetched = _fetched(traces)[mailbox.key]
    error = _error(state, unserved=mailbox.key in run.unserved)
    status = "error" if error else "ok" if fetched else "idle"
    return {"address": mailbox.address, "status": status, "fetched": fetched, "error": error}


def _error(state: MailboxState, *, unserved: bool) -> Json | None:
    if state.error_kind:
        return {"kind": state.error_kind, "text": state.error_text, "mend": state.error_mend}
    if unserved:
        text = f"{state.mailbox}: expected its pass to end, but the worker died or is still at work"
        mend = "Run it again: the message that ended the worker is set aside at the third time and the mailbox goes on."
        return {"kind": "not_served", "text": text, "mend": mend}
    return None


def _fetched(traces: Sequence[Trace]) -> Counter[str]:
    """Count messages by the mailbox they were fetched from: those of a forward mailbox are told on behalf of their users."""
    return Counter(trace.receiving or trace.mailbox for trace in traces)
