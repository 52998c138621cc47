"""The machine's clock: what is wired takes the time from here and nowhere else."""

from __future__ import annotations

from datetime import UTC, datetime


class SystemClock:
    """The machine's clock, in UTC."""

    def now(self) -> datetime:
        """Return the instant."""
        return datetime.now(UTC)


CLOCK = SystemClock()
