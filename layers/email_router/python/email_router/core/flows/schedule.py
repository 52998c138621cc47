"""Tell which mailboxes are due now, without writing anything."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from datetime import datetime

from email_router.core.work import MailboxWork, ScheduledMailbox

_QUIET_PART = 10
"""A mailbox is polled after a tenth of the time since its last mail, between its profile's bounds."""


def due(mailboxes: Iterable[ScheduledMailbox], now: datetime) -> Iterator[MailboxWork]:
    """Yield work for each mailbox whose minute it is, whose retries are due, or whose block has ended."""
    for mailbox in mailboxes:
        if is_due(mailbox, now):
            yield MailboxWork(mailbox.organisation, mailbox.mailbox)


def requested(mailboxes: Iterable[ScheduledMailbox]) -> Iterator[MailboxWork]:
    """Yield work for every mailbox, due or not: somebody asked for it."""
    for mailbox in mailboxes:
        yield MailboxWork(mailbox.organisation, mailbox.mailbox, "requested")


def is_due(mailbox: ScheduledMailbox, now: datetime) -> bool:
    """Tell whether the mailbox is due in this minute."""
    if mailbox.blocked_until and mailbox.blocked_until > now:
        return False
    if mailbox.next_retry and mailbox.next_retry <= now:
        return True
    minutes = max(1, interval(mailbox, now) // 60)
    minute = int(now.timestamp()) // 60
    return (minute + _offset(mailbox)) % minutes == 0


def interval(mailbox: ScheduledMailbox, now: datetime) -> int:
    """Return the seconds between polls: a part of the time since the last mail, between the bounds.

    While notifications tell of mail the poll is only the safety net, for those that get lost, unless the last pass has failed.
    """
    pushed = mailbox.pushed_until is not None and mailbox.pushed_until > now and not mailbox.failing
    if mailbox.last_mail is None or pushed:
        return mailbox.maximum_interval
    quiet = int((now - mailbox.last_mail).total_seconds()) // _QUIET_PART
    return max(mailbox.minimum_interval, min(quiet, mailbox.maximum_interval))


def _offset(mailbox: ScheduledMailbox) -> int:
    """Spread the mailboxes over the minutes, each always at the same offset."""
    digest = hashlib.sha256(f"{mailbox.organisation}/{mailbox.mailbox}".encode()).digest()
    return int.from_bytes(digest[:4], "big")
