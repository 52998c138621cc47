"""Tell which mailboxes should have a subscription, and what is to be done about each now.  Decides only; keep_subscription.py acts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import quote

from email_router.core.mailbox import Direction, Mailbox, Profile
from email_router.core.settings import Configuration
from email_router.core.subscriptions import (
    DEFAULT_MINUTES,
    MOST_MINUTES,
    REAUTHORISE,
    REMOVED,
    Subscription,
    SubscriptionWork,
    Watched,
    client_state,
    fingerprint,
)

MOST_AT_ONCE = 5000
"""How many are queued by one tick for an organisation: about what five workers do until the next one."""


class Step(StrEnum):
    """What is to be done about a mailbox's subscription now."""

    LEAVE = "leave"
    MAKE = "make"
    RENEW = "renew"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Stage:
    """What the stack gives to push: the address that Graph posts to (empty: none, no push), and the secret that proves a notification."""

    address: str
    secret: str = field(repr=False)
    minutes: int = DEFAULT_MINUTES

    @property
    def lifetime(self) -> timedelta:
        """How long a subscription is asked for."""
        return timedelta(minutes=min(self.minutes, MOST_MINUTES))

    @property
    def has_push(self) -> bool:
        """Tell whether Graph can reach this stack: it posts to https addresses only."""
        return self.address.startswith("https://")


def resource_of(profile: Profile, mailbox: Mailbox) -> str:
    """Return what is subscribed to: the inbox, or the whole mailbox where other folders are read (Graph lets nobody watch several)."""
    user = f"users/{quote(mailbox.address, safe='@')}"
    return f"{user}/messages" if profile.folders else f"{user}/mailFolders('inbox')/messages"


def standing(state: str, profile: Profile) -> str:
    """Return what is kept of a clientState and of who subscribed: a subscription belongs to one application in one tenant and cloud."""
    parts = [state, profile.tenant_id, profile.client_id, profile.cloud, profile.endpoint]
    return fingerprint("\0".join(parts))


def wants_push(profile: Profile | None) -> bool:
    """Tell whether the mailboxes of a profile are to be subscribed to: Exchange Online by Graph, unless push is switched off.

    The cloud of 21Vianet tells of no mail (learn.microsoft.com/graph/deployments).
    """
    if profile is None or profile.server != "exchange-online" or profile.protocol == "ews":
        return False
    return profile.push and profile.cloud != "china"


def pushed(configuration: Configuration, mailbox: Mailbox | None) -> Profile | None:
    """Return the profile by which a mailbox is subscribed to, or None where it is not to be."""
    profile = configuration.profile(mailbox.incoming, Direction.INCOMING) if mailbox else None
    return profile if wants_push(profile) else None


def left_behind(
    configuration: Configuration, earlier: Iterable[Configuration]
) -> Mapping[str, tuple[Mailbox, Profile]]:
    """Return by key the mailboxes that earlier configurations subscribed to and this one does not, as the first of them that did had them."""
    still = {box.key for box in configuration.mailboxes if pushed(configuration, box)}
    found: dict[str, tuple[Mailbox, Profile]] = {}
    for one in earlier:
        for box in one.mailboxes:
            profile = pushed(one, box) if box.key not in still else None
            if profile is not None:
                found.setdefault(box.key, (box, profile))
    return found


def next_step(row: Subscription, wanted: Subscription | None, now: datetime, event: str = "") -> Step:
    """Return what is to be done: `row` is what stands, `wanted` what should (its resource, address and state), or None."""
    if wanted is None:
        return Step.REMOVE if row.version else Step.LEAVE
    if row.retry_at is not None and row.retry_at > now and not event:
        return Step.LEAVE
    as_wanted = (row.resource, row.address, row.state) == (wanted.resource, wanted.address, wanted.state)
    if not (as_wanted and row.lives(now)) or event == REMOVED:
        return Step.MAKE
    return Step.RENEW if event == REAUTHORISE or row.half_over(now) else Step.LEAVE


def wanted_row(configuration: Configuration, mailbox: str, row: Subscription, stage: Stage) -> Subscription | None:
    """Return the row as it should be with the key that it has, or None where the mailbox is not to be subscribed to."""
    box = configuration.mailbox(mailbox)
    profile = pushed(configuration, box)
    if box is None or box.key != mailbox or profile is None or not stage.has_push:
        return None
    watched = Watched(configuration.organisation, box.key, row.key)
    state = standing(client_state(stage.secret, watched), profile)
    return replace(row, resource=resource_of(profile, box), address=stage.address, state=state)


def due(
    configuration: Configuration, rows: Mapping[str, Subscription], stage: Stage, now: datetime
) -> Iterator[SubscriptionWork]:
    """Yield work for each mailbox whose subscription needs something, those that lack one or end first in front, MOST_AT_ONCE at most.

    `rows` may hold mailboxes that the configuration has no more: what is left of them is to be ended.
    """
    waiting = []
    for key in dict.fromkeys((*(box.key for box in configuration.mailboxes), *rows)):
        row = rows.get(key, Subscription(mailbox=key))
        if next_step(row, wanted_row(configuration, key, row, stage), now) is not Step.LEAVE:
            waiting.append((row.expires or now, key))
    for _, mailbox in sorted(waiting)[:MOST_AT_ONCE]:
        yield SubscriptionWork(configuration.organisation, mailbox)


def watchable(configuration: Configuration) -> Iterable[str]:
    """Return the mailboxes that have or had a subscription: all that are read by Graph, push or not."""
    profiles = ((box.key, configuration.profile(box.incoming, Direction.INCOMING)) for box in configuration.mailboxes)
    return [key for key, profile in profiles if profile is not None and profile.server == "exchange-online"]
