"""Publish a configuration: its secrets, its users and queues, the version itself, and the schedule."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Protocol

from email_router.core import earlier_prefixes
from email_router.core.errors import ConfigurationError
from email_router.core.followed import Followed, as_published
from email_router.core.mailbox import Direction, Mailbox, MailboxKind, Profile
from email_router.core.settings import Configuration
from email_router.edge.crm.builtin_records import AddressedRecord, record_of_row
from email_router.wiring.configuration import Loaded


class PublishedConfigurations(Protocol):
    """Where versions are kept."""

    def current(self, organisation: str) -> Configuration:
        """Return the published version.  Raises ConfigurationError when nothing is published."""

    def publish(self, configuration: Configuration) -> int:
        """Keep the configuration as the next version, make it the published one and return its number."""


class WritableSecrets(Protocol):
    """Where secrets are kept."""

    def put(self, name: str, text: str) -> None:
        """Write a secret."""


class MailboxSchedule(Protocol):
    """Which mailboxes are polled."""

    def schedule(self, mailbox: str, minimum_interval: int, maximum_interval: int) -> None:
        """Make the mailbox known to the scheduler, or change its bounds."""

    def unschedule(self, mailbox: str) -> None:
        """Take the mailbox off the schedule."""


class RecordKeeper(Protocol):
    """A CRM whose records the router may create: the built-in one."""

    def import_records(self, rows: Iterable[AddressedRecord]) -> int:
        """Create or change records; return how many."""


@dataclass(frozen=True, slots=True)
class PublishedVersion:
    """What was published: the version's number, what is in force, and the mailboxes that are polled from now on."""

    organisation: str
    version: int
    scheduled: tuple[str, ...]
    unscheduled: tuple[str, ...]
    warnings: tuple[str, ...]
    configuration: Configuration


def publish(
    loaded: Loaded,
    configurations: PublishedConfigurations,
    secrets: WritableSecrets,
    states: MailboxSchedule,
    crm: RecordKeeper | None,
    followed: Followed | None = None,
) -> PublishedVersion:
    """Publish a loaded configuration; `crm` is None for a CRM that has its own users and queues.

    `followed` is what is known of the CRM's settings, should the configuration follow them.

    Repeatable.  Secrets come first, so that no published version lacks them; mailboxes are scheduled last, so that none is polled before
    its configuration stands.  If this dies between, running it once more completes it.  Prefixes of tokens that were in force before are
    kept with the configuration, and a warning says so.
    """
    before = _in_force(configurations, loaded.configuration.organisation)
    configuration, notes = continuing(loaded.configuration, before, followed)
    for name, value in loaded.secrets.items():
        secrets.put(name, value)
    if crm is not None:
        _import_records(configuration, crm)
    polled = {box.key: profile for box in configuration.mailboxes if (profile := _read_by(box, configuration))}
    gone = tuple(sorted({box.key for box in before.mailboxes} - polled.keys())) if before else ()
    for mailbox in gone:
        states.unschedule(mailbox)
    same = before is not None and replace(before, version=0) == replace(configuration, version=0)
    version = before.version if before and same else configurations.publish(configuration)
    for mailbox, profile in polled.items():
        states.schedule(mailbox, profile.minimum_polling_interval, profile.maximum_polling_interval)
    warnings, in_force = (*loaded.warnings, *notes), replace(configuration, version=version)
    return PublishedVersion(configuration.organisation, version, tuple(polled), gone, warnings, in_force)


def continuing(
    configuration: Configuration, before: Configuration | None, followed: Followed | None = None
) -> tuple[Configuration, tuple[str, ...]]:
    """Return the configuration as it is in force after the one before, which may be none, and what its publisher should know."""
    configuration = as_published(configuration, followed)
    old = before.tracking if before else None
    tracking, lost = earlier_prefixes.keeping(configuration.tracking, old)
    return replace(configuration, tracking=tracking), earlier_prefixes.told(tracking, old, lost)


def _read_by(mailbox: Mailbox, configuration: Configuration) -> Profile | None:
    return configuration.profile(mailbox.incoming, Direction.INCOMING)


def _in_force(configurations: PublishedConfigurations, organisation: str) -> Configuration | None:
    try:
        return configurations.current(organisation)
    except ConfigurationError:
        return None  # the first version of this organisation


def _import_records(configuration: Configuration, crm: RecordKeeper) -> None:
    """Make users and queues; each alias, in an import of its own, leads to the same record, whose address is the mailbox's."""
    named = [
        (box, _record(configuration.organisation, box))
        for box in configuration.mailboxes
        if box.kind is not MailboxKind.FORWARD
    ]
    for box, row in named:
        for alias in box.aliases:
            crm.import_records([replace(row, address=alias)])
    crm.import_records([row for _, row in named])


def _record(organisation: str, mailbox: Mailbox) -> AddressedRecord:
    name = mailbox.name or mailbox.address.partition("@")[0]
    return record_of_row(organisation, mailbox.kind.value, mailbox.address, name, mailbox.owner)
