"""Count how often in a row a conversation is answered faster than people write, so that two robots do not write for ever."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from email_router.core.ledger import KnownEmail

QUICK = timedelta(minutes=2)
"""An e-mail that follows another one sooner than this was hardly written by a person."""

MOST_QUICK = 10
"""So many quick answers in a row are left to a robot; what comes in then waits for a person."""


def quick_at(at: datetime, earlier: Iterable[KnownEmail | None]) -> int:
    """Return the count of an e-mail that comes in at this instant, behind these e-mails of its conversation.

    It carries on the highest count among those less than two minutes away (servers' clocks differ, so either way); after a rest it is 0.
    Only our own answers add to it (see `next_quick`): mail that comes in in a burst, or that waited while nobody fetched it, is no
    dialogue.
    """
    return max((one.quick for one in earlier if one and abs(at - one.at) <= QUICK), default=0)


def next_quick(at: datetime, came: datetime, earlier: Iterable[KnownEmail | None]) -> int:
    """Return the count of our answer, written at `at` to an e-mail that came in at `came`; one that took its time starts anew."""
    return quick_at(came, earlier) + 1 if abs(at - came) <= QUICK else 0
