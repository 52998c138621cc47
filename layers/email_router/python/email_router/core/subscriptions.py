"""What a subscription to a mailbox's news is, how a notification proves itself, and the ports of both.

Graph posts to an address of ours whenever mail arrives (learn.microsoft.com/graph/change-notifications-delivery-webhooks).  Which mailbox is
meant stands in that address, and that it is ours is proved by the subscription's clientState: neither takes a read.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

DEFAULT_MINUTES = 4200
"""How long a subscription is asked for; every tenant takes as much (Graph's limit was 4,230 minutes for years)."""

MOST_MINUTES = 10_070
"""The longest that Graph gives to mail; it names its limit in the error when more is asked for."""

LONGEST_STATE = 128
"""Characters of a clientState (learn.microsoft.com/graph/api/resources/subscription)."""

REMOVED, REAUTHORISE, MISSED = "subscriptionRemoved", "reauthorizationRequired", "missed"
"""Lifecycle events (learn.microsoft.com/graph/change-notifications-lifecycle-events)."""

NUDGE_SECONDS = 60
"""A nudge older than this counts as lost, and the next notification asks for a pass again."""

_LONGEST_TOKEN = 2000


@dataclass(frozen=True, slots=True)
class Watched:
    """The mailbox (its key) that a subscription is about; `key` is random and makes the subscription's proof its own."""

    organisation: str
    mailbox: str
    key: str

    @property
    def token(self) -> str:
        """The text that stands for this in the address that Graph posts to."""
        text = json.dumps([self.organisation, self.mailbox, self.key], separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def of(cls, token: str) -> Watched | None:
        """Read a token; None for any other text."""
        if not token.isascii() or len(token) > _LONGEST_TOKEN:
            return None
        try:
            found = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        except (ValueError, binascii.Error, RecursionError):
            return None
        parts = found if isinstance(found, list) else []
        if [type(part) for part in parts] != [str, str, str]:
            return None
        return cls(*parts)


def client_state(secret: str, watched: Watched) -> str:
    """Return the clientState of a subscription: 43 characters that only the holder of the stack's secret can make."""
    said = f"subscription\0{watched.organisation}\0{watched.mailbox}\0{watched.key}"
    made = hmac.new(secret.encode(), said.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(made).decode().rstrip("=")


def proves(state: str, given: object) -> bool:
    """Tell in constant time whether the clientState that came is `state`, that of the subscription."""
    if not isinstance(given, str) or len(given) > LONGEST_STATE:
        return False
    return hmac.compare_digest(state.encode(), given.encode("utf-8", "surrogatepass"))


def fingerprint(state: str) -> str:
    """Return what is kept of a clientState, to see later whether the stack's secret has changed."""
    return hashlib.sha256(state.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Granted:
    """A subscription as Graph granted it."""

    id: str
    expires: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """What is remembered of a mailbox's subscription.  `id` is empty while there is none; `since` is when it was made or renewed last.

    `state` is the clientState's fingerprint.  After a failure nothing is tried before `retry_at`.  `version` is the store's, counted up by
    each save.
    """

    mailbox: str
    id: str = ""
    key: str = ""
    resource: str = ""
    address: str = ""
    state: str = ""
    since: datetime | None = None
    expires: datetime | None = None
    failures: int = 0
    retry_at: datetime | None = None
    version: int = 0

    def lives(self, now: datetime) -> bool:
        """Tell whether Graph posts for it now, as far as we know."""
        return bool(self.id) and self.expires is not None and self.expires > now

    def half_over(self, now: datetime) -> bool:
        """Tell whether half of its lifetime has passed: then it is renewed."""
        if self.since is None or self.expires is None:
            return True
        return now - self.since >= (self.expires - self.since) / 2


@dataclass(frozen=True, slots=True)
class SubscriptionWork:
    """Look after the subscription of this mailbox; `event` is the lifecycle event that Graph told of `subscription`, or empty."""

    organisation: str
    mailbox: str
    event: str = ""
    subscription: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a subscription is asked for: the news of `resource`, posted to `url` with `state`, for `lifetime` at the most."""

    resource: str
    url: str
    state: str
    lifetime: timedelta


class SubscriptionService(Protocol):
    """Who makes subscriptions of one mailbox: Graph.

    Raises TryLater, and MailboxBlocked for what a person must mend ("access_denied", "notification_address", "too_many_subscriptions").
    """

    def make(self, terms: Terms, now: datetime) -> Granted:
        """Make a subscription; Graph calls the address before it answers.  A lifetime that is refused is asked for once more, shorter."""

    def renew(self, subscription_id: str, lifetime: timedelta, now: datetime) -> Granted | None:
        """Let it live on from now, authorised anew; None when it is gone.  Repeatable."""

    def remove(self, subscription_id: str) -> None:
        """End it; one that is gone is no error.  Repeatable."""


class Subscriptions(Protocol):
    """What is remembered of the subscriptions of one organisation: one row a mailbox."""

    def read(self, mailbox: str) -> Subscription:
        """Return the row (an empty one for a mailbox without), strongly consistent."""

    def read_all(self, mailboxes: Iterable[str]) -> Mapping[str, Subscription]:
        """Return the rows of these mailboxes by their keys, a hundred a call; those without one are absent."""

    def save(self, subscription: Subscription) -> bool:
        """Write the row on condition that its version is still the one that was read; False when another was faster."""

    def forget(self, mailbox: str) -> None:
        """Remove the row.  Repeatable."""

    def rely_until(self, mailbox: str, until: datetime | None) -> None:
        """Tell the scheduler that notifications come until then, or (None) that none come.  Repeatable."""


class Nudges(Protocol):
    """Which mailboxes of one organisation are asked for a pass already by a notification."""

    def nudge(self, mailbox: str, now: datetime) -> bool:
        """Put the nudge unless one stands that is younger than a minute; True tells the caller to queue the mailbox."""

    def clear(self, mailbox: str) -> None:
        """Remove the nudge: the pass is about to look, so what comes from now on asks anew.  Repeatable."""


class NoNudges:
    """The nudges of a road that nobody notifies: there are none."""

    def nudge(self, mailbox: str, now: datetime) -> bool:  # noqa: ARG002 - the port's names
        """Tell the caller to queue the mailbox."""
        return True

    def clear(self, mailbox: str) -> None:
        """Do nothing."""
