"""One organisation as a command works on it: its configuration, stores and CRM."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Protocol, cast

from email_router.cli.dynamics import DynamicsCrm, DynamicsRecords
from email_router.core.activity import EmailActivity, Record, Role
from email_router.core.dedupe import collision_key, message_key
from email_router.core.flows import undeliverable
from email_router.core.flows.incoming import activity_id
from email_router.core.followed import Followed
from email_router.core.ledger import Quarantined, Receipt, Trace
from email_router.core.mailbox import Direction
from email_router.core.message import Address, Message
from email_router.core.ports import Alerts, BlobStore, Ledger, MailboxStates, OutgoingStates, Quarantine
from email_router.core.settings import Configuration
from email_router.edge.crm.builtin_records import AddressedRecord, record_of_row
from email_router.wiring.clock import CLOCK
from email_router.wiring.services import Services

Row = tuple[str, str, str, str] | tuple[str, str, str, str, str]
"""A line of the CSV of `crm import`: kind, address, name, owner's address, and where it has one the record's id."""

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class Records(Protocol):
    """What commands ask of a CRM beyond what the functions do; raises ConfigurationError for what is not done from here."""

    def email(self, activity: str) -> EmailActivity | None:
        """Return one e-mail activity with its bodies, or None."""

    def emails(self) -> Iterator[EmailActivity]:
        """Yield all e-mail activities that the router knows, oldest first."""

    def create_outgoing(self, activity: EmailActivity) -> None:
        """Keep an e-mail that waits to be sent.  Repeatable: an activity's id makes one e-mail."""

    def cancel(self, activity: str) -> bool:
        """Cancel an e-mail that waits to be sent; False when it does not wait any more."""

    def import_records(self, rows: Iterable[AddressedRecord]) -> int:
        """Create or change records; return how many."""

    def resolve(self, addresses: Sequence[str]) -> Mapping[str, tuple[Record, ...]]:
        """Return the records of each address (case folded)."""

    def merge(self, loser: str, winner: str) -> tuple[Record, Record]:
        """Merge a record into another, each named by id or kind:address; return both.  Repeatable."""

    def deactivate(self, record: str) -> Record:
        """Let a record answer for no address any more; return it.  Repeatable."""

    def activate(self, record: str) -> Record:
        """Let a record answer for its addresses again; return it.  Repeatable."""


@dataclass(frozen=True)
class Place:
    """What the commands ask of one organisation."""

    services: Services
    configuration: Configuration

    @property
    def name(self) -> str:
        """The organisation."""
        return self.configuration.organisation

    @cached_property
    def crm(self) -> Records:
        """The CRM: the built-in one, or Dynamics 365, where records are its own users' to make and change."""
        crm: object = self.services.crm(self.configuration)
        if self.configuration.crm.kind == "builtin":
            return cast("Records", crm)
        return DynamicsRecords(cast("DynamicsCrm", crm), self.outgoing)

    @cached_property
    def ledger(self) -> Ledger:
        """What is remembered of messages."""
        return self.services.ledger(self.name)

    @cached_property
    def outgoing(self) -> OutgoingStates:
        """Where outgoing e-mails stand."""
        return self.services.outgoing(self.name)

    @cached_property
    def quarantine(self) -> Quarantine:
        """Messages that a person must look at."""
        return self.services.quarantine(self.name)

    @cached_property
    def alerts(self) -> Alerts:
        """What was raised for a person."""
        return self.services.alerts(self.name)

    @cached_property
    def states(self) -> MailboxStates:
        """How mailboxes stand."""
        return self.services.states(self.name)

    @cached_property
    def blobs(self) -> BlobStore:
        """Bytes too large for a row."""
        return self.services.blobs(self.name)

    @cached_property
    def followed(self) -> Followed | None:
        """What is known of the CRM's settings; None where nothing was followed yet."""
        return self.services.followed(self.name).read()

    def emails_of(self, activities: Iterable[str]) -> list[EmailActivity]:
        """Return these e-mails and those that wait to be sent, oldest first; of the built-in CRM all, which is read as a whole."""
        crm = self.crm
        return list(crm.emails_of(activities) if isinstance(crm, DynamicsRecords) else crm.emails())

    def emails(self) -> list[EmailActivity]:
        """Return all e-mail activities, oldest first; those of one moment in the order of their own dates."""
        return sorted(
            self.crm.emails(), key=lambda one: (one.created or _LONG_AGO, one.date or one.created or _LONG_AGO)
        )

    def import_records(self, rows: Iterable[Row]) -> int:
        """Create or change records; return how many."""
        return self.crm.import_records([record_of_row(self.name, *row) for row in rows])

    def copies(self, email: EmailActivity) -> list[Receipt]:
        """Return the receipts of an incoming e-mail, the first mailbox's first."""
        if email.direction is not Direction.INCOMING:
            return []
        found = (receipt for key in self._keys(email) for receipt in self.ledger.receipts(key))
        return sorted(found, key=lambda one: (one.mailbox != email.mailbox, one.mailbox))

    def traces(self, wanted: str, *, everywhere: bool) -> Sequence[Trace]:
        """Return the traces of a message, known by Message-ID (with or without <>) or activity id.

        `everywhere` also reads the whole table, where nothing leads to it: for a source's id, or an activity that is gone.
        """
        bare = wanted.strip().strip("<>")
        known = message_key(Message(size=0, message_id=f"<{bare}>"), "incoming")
        found = list(self.ledger.traces(known.key)) if known.has_id else []
        email = self.crm.email(bare) if not found else None
        if email is not None:
            found = [one for key in self._keys(email) for one in self.ledger.traces(key)]
        if found or not everywhere:
            return found
        names = {wanted, f"<{bare}>"}
        return [one for one in self.all_traces if names & {one.message_id, one.activity, one.source_id}]

    def retry(self, entry: Quarantined) -> str:
        """Make a quarantined message due again; return the mailbox whose next pass tries it."""
        return undeliverable.retry(entry, self.states, self.quarantine, CLOCK)

    def _keys(self, email: EmailActivity) -> list[str]:
        """The message key of an activity: computed again from what it keeps and proven by the activity's id, else read from the traces."""
        key = message_key(_message_of(email), "incoming")
        candidates = [key.key, collision_key(key)]
        proven = [one for one in candidates if activity_id(self.name, one) == email.id]
        return proven or [one.key for one in self.all_traces if one.activity == email.id]

    @cached_property
    def all_traces(self) -> Sequence[Trace]:
        """All traces that are kept, read once: the whole table."""
        return self.ledger.traces_since(_LONG_AGO)


def _message_of(email: EmailActivity) -> Message:
    author = next((Address(party.name, party.address) for party in email.parties if party.role is Role.FROM), None)
    to = tuple(dict.fromkeys(Address("", party.address) for party in email.parties if party.role is Role.TO))
    return Message(
        size=0,
        message_id=email.message_id,
        author=author,
        date=email.date,
        subject=email.subject,
        to=to,
        text=email.text,
    )


def new_activity_id() -> str:
    """Return the id of an e-mail that somebody writes now."""
    return str(uuid.uuid4())
