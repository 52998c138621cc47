"""What a CRM says of its settings, what is known of them, how both are reached, and how they are laid over a configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

from email_router.core import earlier_prefixes
from email_router.core.mailbox import Accept, Mailbox
from email_router.core.settings import Configuration


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxReading:
    """What the CRM says of a mailbox; None is what it does not say.  `served` names the directions that it serves itself."""

    accept: int | None = None
    approved: bool | None = None
    served: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the CRM says now, not judged yet: values by the field of Tracking, prefixes newest first, mailboxes by address (case folded)."""

    tracking: Mapping[str, object] = field(default_factory=dict)
    prefixes: tuple[str, ...] = ()
    mailboxes: Mapping[str, MailboxReading] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowedMailbox:
    """What is known of a mailbox, by key; a mailbox that the CRM does not have has neither value."""

    key: str
    accept: Accept | None = None
    approved: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """What is known of the CRM's settings since `at`; `problems` says what of them cannot be followed, and why."""

    at: datetime
    tracking: Mapping[str, Any] = field(default_factory=dict)
    earlier_prefixes: tuple[str, ...] = ()
    mailboxes: tuple[FollowedMailbox, ...] = ()
    problems: tuple[str, ...] = ()

    def same_values(self, other: Followed | None) -> bool:
        """Tell whether both say the same, whenever they were read."""
        return other is not None and replace(other, at=self.at) == self


class FollowedSettings(Protocol):
    """What is known of the settings of one organisation's CRM, for all functions."""

    def read(self) -> Followed | None:
        """Return what is known, or None."""

    def claim(self, now: datetime, before: datetime | None) -> str:
        """Take the next reading unless somebody took one since `before`; None takes it whoever did.  Returns its name, or an empty text."""

    def keep(self, found: Followed, claim: str) -> bool:
        """Write what was read; False, and nothing written, when another reading was taken after this one."""


class CrmSettingsReader(Protocol):
    """A CRM that tells its settings."""

    def settings(self, addresses: Sequence[str]) -> Reading:
        """Return the organisation's settings and those of the mailboxes with these addresses, in few requests whatever their number."""


def applied(configuration: Configuration, known: Followed | None) -> Configuration:
    """Return the configuration with what is known of the settings that it follows; the version's own number stays."""
    if known is None:
        return configuration
    follows = configuration.follows
    values = {name: value for name, value in known.tracking.items() if name in follows.tracking}
    tracking = replace(configuration.tracking, **values)
    if "prefix" in follows.tracking:
        before = replace(configuration.tracking, earlier_prefixes=known.earlier_prefixes)
        tracking, _ = earlier_prefixes.keeping(tracking, before)
    boxes = {box.key: box for box in known.mailboxes}
    return replace(
        configuration,
        tracking=tracking,
        mailboxes=tuple(_with(box, boxes.get(box.key), configuration) for box in configuration.mailboxes),
    )


def as_published(configuration: Configuration, known: Followed | None) -> Configuration:
    """Return what a version that is published now says: what is known stands in it, should the row be lost."""
    prefix = known.tracking.get("prefix") if known and "prefix" in configuration.follows.tracking else None
    if prefix:  # what stands in a file's place was never written in a token
        configuration = replace(configuration, tracking=replace(configuration.tracking, prefix=prefix))
    return applied(configuration, known)


def _with(box: Mailbox, known: FollowedMailbox | None, configuration: Configuration) -> Mailbox:
    if known is None:
        return box
    follows = configuration.follows
    accept = known.accept if box.key in follows.accept else None
    approved = known.approved if box.key in follows.approved else None
    return replace(
        box,
        accept=box.accept if accept is None else accept,
        approved=box.approved if approved is None else approved,
    )
