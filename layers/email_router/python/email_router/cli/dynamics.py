"""Dynamics 365 as the commands see it: e-mails as the router knows them; its records are made and changed there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NoReturn, Protocol

from email_router.core.activity import EmailActivity, Record
from email_router.core.errors import ConfigurationError
from email_router.core.ports import OutgoingStates
from email_router.edge.crm.builtin_records import AddressedRecord


class DynamicsCrm(Protocol):
    """What the adapter of Dynamics 365 offers to operators."""

    def email(self, activity: str) -> EmailActivity | None:
        """Return one e-mail activity with its bodies, or None."""

    def emails(self, sent: Iterable[str] = ()) -> list[EmailActivity]:
        """Return the e-mails that came by the router, that wait to be sent, and those of `sent`, oldest first."""

    def emails_of(self, activities: Iterable[str]) -> list[EmailActivity]:
        """Return these e-mails, and those that wait to be sent, oldest first."""

    def earlier(self, since: datetime) -> Iterator[Sequence[EmailActivity]]:
        """Yield, page by page and newest first, the e-mails made since then that came or left, by whomever; without bodies."""

    def create_outgoing(self, activity: EmailActivity) -> None:
        """Make an e-mail that waits to be sent."""

    def cancel(self, activity: str) -> bool:
        """Cancel an e-mail that waits to be sent; False when it does not wait any more."""

    def resolve(self, addresses: Sequence[str]) -> Mapping[str, tuple[Record, ...]]:
        """Return the records of each address (case folded)."""


class DynamicsRecords:
    """The CRM of an organisation of Dynamics 365.  What its users do there is refused in words (ConfigurationError)."""

    def __init__(self, crm: DynamicsCrm, outgoing: OutgoingStates) -> None:
        self._crm = crm
        self._outgoing = outgoing

    def email(self, activity: str) -> EmailActivity | None:
        """Return one e-mail activity with its bodies, or None."""
        return self._crm.email(activity)

    def emails(self) -> Iterator[EmailActivity]:
        """Yield the e-mails that came or left by the router, or wait for it, oldest first."""
        yield from self._crm.emails(state.activity for state in self._outgoing.all())

    def emails_of(self, activities: Iterable[str]) -> Iterator[EmailActivity]:
        """Yield these e-mails, and those that wait to be sent, oldest first."""
        yield from self._crm.emails_of(activities)

    def create_outgoing(self, activity: EmailActivity) -> None:
        """Make an e-mail that waits to be sent."""
        self._crm.create_outgoing(activity)

    def cancel(self, activity: str) -> bool:
        """Cancel an e-mail that waits to be sent; False when it does not wait any more."""
        return self._crm.cancel(activity)

    def resolve(self, addresses: Sequence[str]) -> Mapping[str, tuple[Record, ...]]:
        """Return the records of each address (case folded)."""
        return self._crm.resolve(addresses)

    def import_records(self, rows: Iterable[AddressedRecord]) -> int:
        """Refuse."""
        del rows
        _refuse("made", "import them there (Data management, Imports)")

    def merge(self, loser: str, winner: str) -> tuple[Record, Record]:
        """Refuse."""
        del loser, winner
        _refuse("merged", "merge them there (select two rows, Merge)")

    def deactivate(self, record: str) -> Record:
        """Refuse."""
        del record
        _refuse("deactivated", "do it there (Deactivate)")

    def activate(self, record: str) -> Record:
        """Refuse."""
        del record
        _refuse("activated", "do it there (Activate)")


def _refuse(done: str, way: str) -> NoReturn:
    raise ConfigurationError(
        f"the records of this organisation are those of Dynamics 365 and are {done} there: {way}; the router finds them by address at once"
    )
