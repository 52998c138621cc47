"""Remember subscriptions and nudges in memory, and speak for Graph without a network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from email_router.core.subscriptions import NUDGE_SECONDS, Granted, Subscription, Terms
from tests.memory.states import MemoryStates


class MemoryNudges:
    """Nudges as times, `nudges.standing`."""

    def __init__(self) -> None:
        self.standing: dict[str, datetime] = {}

    def nudge(self, mailbox: str, now: datetime) -> bool:
        """Put the nudge unless a young one stands."""
        at = self.standing.get(mailbox.casefold())
        if at is not None and at > now - timedelta(seconds=NUDGE_SECONDS):
            return False
        self.standing[mailbox.casefold()] = now
        return True

    def clear(self, mailbox: str) -> None:
        """Remove the nudge."""
        self.standing.pop(mailbox.casefold(), None)


class MemorySubscriptions:
    """Subscriptions in a dictionary, beside the states that the scheduler reads."""

    def __init__(self, states: MemoryStates) -> None:
        self._states = states
        self._rows: dict[str, Subscription] = {}

    def read(self, mailbox: str) -> Subscription:
        """Return the row, or an empty one."""
        return self._rows.get(mailbox.casefold(), Subscription(mailbox=mailbox))

    def read_all(self, mailboxes: Iterable[str]) -> Mapping[str, Subscription]:
        """Return the rows that exist."""
        found = (self._rows.get(mailbox.casefold()) for mailbox in mailboxes)
        return {row.mailbox: row for row in found if row is not None}

    def save(self, subscription: Subscription) -> bool:
        """Write the row where the version that was read still stands."""
        if self.read(subscription.mailbox).version != subscription.version:
            return False
        self._rows[subscription.mailbox.casefold()] = replace(subscription, version=subscription.version + 1)
        return True

    def forget(self, mailbox: str) -> None:
        """Remove the row."""
        self._rows.pop(mailbox.casefold(), None)

    def rely_until(self, mailbox: str, until: datetime | None) -> None:
        """Tell the scheduler until when notifications come."""
        self._states.rely_until(mailbox, until)


class MemoryService:
    """Graph's subscriptions in a dictionary, `service.made`; `longest` is what it grants."""

    def __init__(self, longest: timedelta = timedelta(minutes=10_070)) -> None:
        self.longest = longest
        self.made: dict[str, Terms] = {}
        self.ends: dict[str, datetime] = {}
        self.calls: list[str] = []

    def make(self, terms: Terms, now: datetime) -> Granted:
        """Make a subscription."""
        self.calls.append("make")
        name = f"s{len(self.calls)}"
        self.made[name] = terms
        self.ends[name] = now + min(terms.lifetime, self.longest)
        return Granted(name, self.ends[name])

    def renew(self, subscription_id: str, lifetime: timedelta, now: datetime) -> Granted | None:
        """Move its end."""
        self.calls.append("renew")
        if self.ends.get(subscription_id, now) <= now:
            return None
        self.ends[subscription_id] = now + min(lifetime, self.longest)
        return Granted(subscription_id, self.ends[subscription_id])

    def remove(self, subscription_id: str) -> None:
        """End it."""
        self.calls.append("remove")
        self.made.pop(subscription_id, None)
        self.ends.pop(subscription_id, None)
