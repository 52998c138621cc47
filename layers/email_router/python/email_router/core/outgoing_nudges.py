"""Ask for the e-mails of an organisation to be collected at once: the ports, and the step that no flood makes twice."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Protocol

from email_router.core.errors import ConfigurationError, RouterError


class OutgoingNudges(Protocol):
    """Whether a collect was asked for, for one organisation, that has not begun yet."""

    def nudge(self, now: datetime) -> bool:
        """Put the nudge unless one stands that is younger than a minute; True tells the caller to start a collect."""

    def clear(self) -> None:
        """Remove the nudge: the collect is about to read, so what comes from now on asks anew.  Repeatable."""


class Collects(Protocol):
    """Who starts collect_outgoing."""

    def start(self, organisation: str) -> None:
        """Start a collect of the organisation's e-mails, without waiting for it.  A repeated one finds them collected.

        Raises TryLater and ConfigurationError.
        """


def ask_to_collect(nudges: OutgoingNudges, collects: Collects, organisation: str, now: datetime) -> bool:
    """Start a collect unless one was asked for just now; True when it was started.

    Where it cannot be started, the nudge is taken back, so that the next one passes.  If we die between the two, the minute's tick
    collects.
    """
    if not nudges.nudge(now):
        return False
    try:
        collects.start(organisation)
    except (RouterError, ConfigurationError):
        with suppress(RouterError, ConfigurationError):
            nudges.clear()
        raise
    return True
