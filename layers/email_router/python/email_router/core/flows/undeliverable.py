"""Let a quarantined message be tried again, now that its cause is mended."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from email_router.core.errors import StaleWorker, TryLater
from email_router.core.flows.give_back import give_back
from email_router.core.flows.retrying import retry_key
from email_router.core.ledger import Quarantined, Retry
from email_router.core.mailbox_state import MailboxState, PassRecord
from email_router.core.ports import Clock, MailboxStates, Quarantine

_LEASE = timedelta(seconds=30)
_LATER = timedelta(hours=1)
_BUSY = "Try again in a minute."


def retry(entry: Quarantined, states: MailboxStates, quarantine: Quarantine, clock: Clock) -> str:
    """Turn the entry into a retry that is due now; return the mailbox whose next pass tries it.

    An untrusted wrapper is trusted by this: whoever retries it vouches for it.  The retry is due only later until the entry is removed, so
    that no pass sets the message aside again in between.  If the worker dies there, it is both quarantined and due in an hour: the pass
    that settles it removes the entry.  Raises TryLater while the mailbox is served.
    """
    mailbox = entry.receiving or entry.mailbox
    now = clock.now()
    lease = states.lease(mailbox, now, now + _LEASE)
    if lease is None:
        raise TryLater(f"{mailbox} is being served", kind="busy", mend=_BUSY, after=60)
    row = _row(entry, now + _LATER)
    try:
        states.add_retry(lease, row)
    except StaleWorker as overtaken:
        raise TryLater(f"{mailbox} is being served", kind="busy", mend=_BUSY, after=60) from overtaken
    quarantine.remove(entry.id)
    with suppress(StaleWorker):  # then it is tried within the hour
        states.add_retry(lease, replace(row, due=now))
        give_back(states, lease, _record(lease.state, now))
    return mailbox


def _row(entry: Quarantined, due: datetime) -> Retry:
    behalf = entry.behalf or entry.mailbox
    return Retry(
        key=retry_key(entry.key, behalf, entry.source_id),
        mailbox=behalf,
        source_id=entry.source_id,
        blob=entry.blob,
        size=entry.size,
        attempts=0,
        due=due,
        error="tried again by hand",
        source=entry.source,
    )


def _record(state: MailboxState, now: datetime) -> PassRecord:
    """What the state says already, but that a retry is due and nothing blocks the mailbox."""
    return PassRecord(
        at=now,
        last_mail=state.last_mail,
        next_retry=now,
        failures=state.failures,
        error_kind=state.error_kind,
        error_text=state.error_text,
        error_mend=state.error_mend,
    )
