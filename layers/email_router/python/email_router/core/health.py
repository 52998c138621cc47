"""Say what a failed pass leaves of a mailbox's standing, when a disabled mailbox is tested again, and what a person is told."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from email_router.core.alerts import Alert
from email_router.core.circuits import AFTERMATH, Circuit
from email_router.core.errors import MailboxBlocked, RouterError, TryLater, naming
from email_router.core.mailbox_state import MailboxState

DISABLED, CIRCUIT = "mailbox_disabled", "circuit_open"
_SPREAD = 0.2
"""Tests lie within a fifth of their interval, half of it before and half behind: a thousand mailboxes do not come at once."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What a failed pass leaves: failures of its own in a row, when it is served next at the earliest, since when it is disabled."""

    failures: int
    blocked_until: datetime | None
    disabled: datetime | None


@dataclass(frozen=True, slots=True)
class Rules:
    """After how many failures of its own in a row a mailbox is disabled, and after how many seconds it is tested again."""

    failures: int
    test: float


def after_failure(state: MailboxState, error: RouterError, now: datetime, rules: Rules, *, counts: bool) -> Standing:
    """Return what the error leaves.  Where it `counts`, a permanent one disables the mailbox, and so does the tenth of others in a row."""
    failures = state.failures + counts
    disabled = state.disabled
    if counts and (isinstance(error, MailboxBlocked) or failures >= rules.failures):
        disabled = disabled or now
    if disabled is not None:
        return Standing(failures, next_test(state.mailbox, now, rules.test), disabled)
    asked = error.after if isinstance(error, TryLater) else 0.0
    return Standing(failures, now + timedelta(seconds=asked) if asked else None, None)


def next_test(mailbox: str, now: datetime, seconds: float) -> datetime:
    """Return when a disabled mailbox is tested again: about so many seconds from now, each mailbox at a moment of its own."""
    place = zlib.crc32(f"{mailbox}/{now.timestamp():.0f}".encode("utf-8", "surrogatepass")) / 0xFFFFFFFF
    return now + timedelta(seconds=seconds * (1 - _SPREAD / 2 + _SPREAD * place))


def disabled_alert(mailbox: str, error: RouterError, now: datetime) -> Alert:
    """Return the alert of a mailbox that is disabled; it ends with the first test that passes."""
    mend = f"{error.mend} " if error.mend else ""
    return Alert(
        kind=DISABLED,
        about=mailbox.casefold(),
        text=f"{naming(mailbox, error).rstrip('.')}; the mailbox is disabled, its mail waits in it",
        mend=f"{mend}It is tested hourly and enabled again by itself; `email-router publish` has it tried at once.",
        at=now,
    )


def circuit_alert(circuit: Circuit, count: int, error: RouterError, now: datetime) -> Alert:
    """Return the alert of a circuit that opens; it ends when the circuit closes.

    One that opens again within the hour stands in the list and is not sent to anybody once more.
    """
    quiet = circuit.closed is not None and now - circuit.closed < AFTERMATH
    return Alert(
        kind=CIRCUIT,
        about=circuit.place,
        text=f"{circuit.place}: most of its {count} mailboxes fail, the last one so: {error}",
        mend=f"{error.mend or 'Look whether it is up and lets the router in.'} "
        "Nothing is disabled for this and no mail is lost: one mailbox a minute is tried, and all go on with the first that passes.",
        at=now,
        quiet=quiet,
    )
