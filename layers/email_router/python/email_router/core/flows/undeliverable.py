"""Let a quarantined message be tried again, now that its cause is mended."""

from __future__ import annotations

from datetime import timedelta

from email_router.core.errors import TryLater
from email_router.core.ledger import Quarantined, Retry
from email_router.core.ports import Clock, MailboxStates, PassRecord, Quarantine

_LEASE = timedelta(seconds=30)


def retry(entry: Quarantined, states: MailboxStates, quarantine: Quarantine, clock: Clock) -> str:
    """Turn the entry into a retry that is due now; return the mailbox whose next pass tries it.

    An untrusted wrapper is trusted by this: whoever retries it vouches for it.  If the worker dies in between, the message is both
    quarantined and due: the pass settles it, and the entry stays until somebody removes it.  Raises TryLater while the mailbox is served.
    """
    mailbox = entry.receiving or entry.mailbox
    now = clock.now()
    lease = states.lease(mailbox, now, now + _LEASE)
    if lease is None:
        raise TryLater(f"{mailbox} is being served", kind="busy", mend="Try again in a minute.", after=60)
    row = Retry(
        key=entry.key,
        mailbox=entry.behalf or entry.mailbox,
        source_id=entry.source_id,
        blob=entry.blob,
        size=entry.size,
        attempts=0,
        due=now,
        error="tried again by hand",
        source=entry.source,
    )
    states.add_retry(lease, row)
    state = lease.state
    record = PassRecord(
        at=now,
        last_mail=state.last_mail,
        next_retry=now,
        failures=state.failures,
        error_kind=state.error_kind,
        error_text=state.error_text,
        error_mend=state.error_mend,
    )
    while not states.release(lease, record):
        pass
    quarantine.remove(entry.id)
    return mailbox
