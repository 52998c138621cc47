"""List what needs a person: alerts that were raised, messages set aside, mailboxes in error of which no alert tells.

Only what leaves no other trace is raised as an alert.  A quarantined message and a mailbox in error have rows of their own: read from
those, an alert ends with its cause, and raising it costs no write.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from email_router.core.alerts import Alert
from email_router.core.circuits import members
from email_router.core.health import CIRCUIT, DISABLED
from email_router.core.ports import Alerts, MailboxStates, Quarantine
from email_router.core.settings import Configuration

_UNKNOWN = datetime(1970, 1, 1, tzinfo=UTC)


def needs_a_person(
    alerts: Alerts, quarantine: Quarantine, states: MailboxStates, configuration: Configuration
) -> Sequence[Alert]:
    """Return everything that is open, newest first; one read a mailbox."""
    raised = alerts.all()
    found = [*raised, *_set_aside(quarantine), *_in_error(states, configuration, _told_of(raised, configuration))]
    return sorted(found, key=lambda alert: alert.at, reverse=True)


def _set_aside(quarantine: Quarantine) -> Iterator[Alert]:
    for entry in quarantine.entries():
        text = f"{entry.mailbox}: a message was set aside ({entry.reason})"
        mend = f"`email-router undeliverable show {entry.id}`. {entry.mend}"
        yield Alert(kind="quarantined", about=entry.id, text=text, mend=mend, at=entry.at)


def _told_of(raised: Sequence[Alert], configuration: Configuration) -> frozenset[str]:
    """Return the mailboxes of which an alert tells already: that they are disabled, or behind a circuit that is open."""
    disabled = {one.about for one in raised if one.kind == DISABLED}
    opened = [one.about for one in raised if one.kind == CIRCUIT]
    return frozenset(disabled | {one.mailbox for place in opened for one in members(configuration, place)})


def _in_error(states: MailboxStates, configuration: Configuration, told: frozenset[str]) -> Iterator[Alert]:
    for mailbox in configuration.mailboxes:
        wanted = mailbox.incoming and mailbox.key not in told
        state = states.read(mailbox.key) if wanted else None
        if state is not None and state.error_kind:
            at = state.last_pass or _UNKNOWN
            yield Alert(kind="mailbox", about=mailbox.key, text=state.error_text, mend=state.error_mend, at=at)
