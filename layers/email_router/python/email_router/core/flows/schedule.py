"""Tell which mailboxes are due now, without writing anything; behind an open circuit one mailbox a minute is tried, and no other."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from email_router.core.circuits import BEHIND
from email_router.core.work import PROBE, MailboxWork, ScheduledMailbox

_MINUTE = timedelta(minutes=1)
_QUIET_PART = 10
"""A mailbox is polled after a tenth of the time since its last mail, between its profile's bounds."""

KeptBack = Callable[[ScheduledMailbox], Sequence[str]]
"""Returns the places whose open circuits keep a mailbox back."""


def nothing_keeps_back(mailbox: ScheduledMailbox) -> Sequence[str]:  # noqa: ARG001 - a KeptBack
    """Return none: no circuit is open."""
    return ()


def due(
    mailboxes: Iterable[ScheduledMailbox], now: datetime, kept_back: KeptBack = nothing_keeps_back
) -> Iterator[MailboxWork]:
    """Yield work for each mailbox whose minute it is, whose retries are due, or whose block has ended; then the probes."""
    probes: dict[tuple[str, str], tuple[tuple[bool, bool, bytes], ScheduledMailbox]] = {}
    for mailbox in mailboxes:
        places = kept_back(mailbox)
        for place in places:
            rank = _rank(mailbox, place, now)
            before = probes.get((mailbox.organisation, place))
            if before is None or rank < before[0]:
                probes[mailbox.organisation, place] = (rank, mailbox)
        if not places and is_due(mailbox, now):
            yield MailboxWork(mailbox.organisation, mailbox.mailbox)
    chosen = {(one.organisation, one.mailbox): None for _, one in probes.values()}
    yield from (MailboxWork(organisation, mailbox, PROBE) for organisation, mailbox in chosen)


def requested(mailboxes: Iterable[ScheduledMailbox]) -> Iterator[MailboxWork]:
    """Yield work for every mailbox, due or not: somebody asked for it."""
    for mailbox in mailboxes:
        yield MailboxWork(mailbox.organisation, mailbox.mailbox, "requested")


def is_due(mailbox: ScheduledMailbox, now: datetime) -> bool:
    """Tell whether the mailbox is due in this minute.  A block that has ended stands until the pass that looks again.

    It is due where a new interval begins, and where the interval has another length than a minute ago: else one that grows would again and
    again be over only after it has grown once more.
    """
    if mailbox.blocked_until:
        return mailbox.blocked_until <= now
    if mailbox.next_retry and mailbox.next_retry <= now:
        return True
    minute = int(now.timestamp()) // 60 + _offset(mailbox)
    return minute // _minutes(mailbox, now) != (minute - 1) // _minutes(mailbox, now - _MINUTE)


def interval(mailbox: ScheduledMailbox, now: datetime) -> int:
    """Return the seconds between polls: a part of the time since the last mail, between the bounds.

    While notifications tell of mail the poll is only the safety net, for those that get lost, unless the last pass has failed.
    """
    pushed = mailbox.pushed_until is not None and mailbox.pushed_until > now and not mailbox.failing
    if mailbox.last_mail is None or pushed:
        return mailbox.maximum_interval
    quiet = int((now - mailbox.last_mail).total_seconds()) // _QUIET_PART
    return max(mailbox.minimum_interval, min(quiet, mailbox.maximum_interval))


def _rank(mailbox: ScheduledMailbox, place: str, now: datetime) -> tuple[bool, bool, bytes]:
    """Return what orders the candidates for a probe: whom nothing blocks, who can prove it, and each minute another.

    Of what lies behind the router only a mailbox that holds mail can tell: one that has failed.
    """
    blocked = mailbox.blocked_until is not None and mailbox.blocked_until > now
    silent = place == BEHIND and not mailbox.failing
    minute = int(now.timestamp()) // 60
    return blocked, silent, hashlib.sha256(f"{minute}/{mailbox.organisation}/{mailbox.mailbox}".encode()).digest()


def _minutes(mailbox: ScheduledMailbox, now: datetime) -> int:
    return max(1, interval(mailbox, now) // 60)


def _offset(mailbox: ScheduledMailbox) -> int:
    """Spread the mailboxes over the minutes, each always at the same offset."""
    digest = hashlib.sha256(f"{mailbox.organisation}/{mailbox.mailbox}".encode()).digest()
    return int.from_bytes(digest[:4], "big")
