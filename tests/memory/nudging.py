"""Remember nudges for e-mails to be sent, and the pace of collects, in memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from email_router.core.collect_pace import Pace
from email_router.core.subscriptions import NUDGE_SECONDS


class MemoryOutgoingNudges:
    """The nudge of one organisation, `standing` since when."""

    def __init__(self) -> None:
        self.standing: datetime | None = None

    def nudge(self, now: datetime) -> bool:
        """Put the nudge unless a young one stands."""
        if self.standing is not None and self.standing > now - timedelta(seconds=NUDGE_SECONDS):
            return False
        self.standing = now
        return True

    def clear(self) -> None:
        """Remove the nudge."""
        self.standing = None


class MemoryCollects:
    """The collects that were started, by organisation."""

    def __init__(self) -> None:
        self.started: list[str] = []

    def start(self, organisation: str) -> None:
        """Note it."""
        self.started.append(organisation)


class MemoryCollectPace:
    """The pace of one organisation."""

    def __init__(self) -> None:
        self.kept = Pace()

    def read(self) -> Pace:
        """Return it."""
        return self.kept

    def save(self, pace: Pace) -> bool:
        """Keep it unless another was faster."""
        if pace.version != self.kept.version:
            return False
        self.kept = replace(pace, version=pace.version + 1)
        return True
