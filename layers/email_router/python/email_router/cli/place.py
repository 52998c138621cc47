"""One organisation as a command works on it: its configuration, stores and CRM."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Protocol, cast

from email_router.core.activity import EmailActivity, Record, Role
from email_router.core.dedupe import collision_key, message_key
from email_router.core.errors import TryLater
from email_router.core.flows.incoming import activity_id
from email_router.core.ledger import Quarantined, Retry, Trace
from email_router.core.mailbox import Direction, MailboxKind
from email_router.core.message import Address, Message
from email_router.core.ports import BlobStore, Ledger, MailboxStates, OutgoingStates, PassRecord, Quarantine
from email_router.core.settings import Configuration
from email_router.edge.crm.builtin_records import AddressedRecord, record_of_row
from email_router.wiring.build import crm_of
from email_router.wiring.services import Services

Row = tuple[str, str, str, str]
"""A line of the CSV of `crm import`: kind, address, name, owner's address."""

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_LEASE = timedelta(seconds=30)


class BuiltinRecords(Protocol):
    """What the built-in CRM can do beyond what every CRM can."""

    def email(self, activity: str) -> EmailActivity | None:
        """Return one e-mail activity with its bodies, or None."""

    def emails(self) -> Iterator[EmailActivity]:
        """Yield all e-mail activities, oldest first."""

    def create_outgoing(self, activity: EmailActivity) -> None:
        """Keep an e-mail that waits to be sent.  Repeatable: an activity's id makes one e-mail."""

    def import_records(self, rows: Iterable[AddressedRecord]) -> int:
        """Create or change records; return how many."""

    def resolve(self, addresses: Sequence[str]) -> Mapping[str, tuple[Record, ...]]:
        """Return the records of each address (case folded)."""


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
    def crm(self) -> BuiltinRecords:
        """The built-in CRM; the configuration admits no other that a command could write to."""
        return cast("BuiltinRecords", crm_of(self.services, self.configuration))

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
    def states(self) -> MailboxStates:
        """How mailboxes stand."""
        return self.services.states(self.name)

    @cached_property
    def blobs(self) -> BlobStore:
        """Bytes too large for a row."""
        return self.services.blobs(self.name)

    def emails(self) -> list[EmailActivity]:
        """Return all e-mail activities, oldest first; those of one moment in the order of their own dates."""
        return sorted(self.crm.emails(), key=lambda one: (one.created or _LONG_AGO, one.date or one.created or _LONG_AGO))

    def import_records(self, rows: Iterable[Row]) -> int:
        """Create or change records; return how many."""
        return self.crm.import_records([record_of_row(self.name, *row) for row in rows])

    def receipts(self, email: EmailActivity) -> list[str]:
        """Return the mailboxes that hold a copy of an incoming e-mail, the first one's first."""
        if email.direction is not Direction.INCOMING:
            return []
        found = [receipt.mailbox for key in self._keys(email) for receipt in self.ledger.receipts(key)]
        return sorted(dict.fromkeys(found), key=lambda mailbox: (mailbox != email.mailbox, mailbox))

    def traces(self, wanted: str) -> Sequence[Trace]:
        """Return the traces of a message, known by Message-ID (with or without <>), activity id or the source's id."""
        bare = wanted.strip().strip("<>")
        known = message_key(Message(size=0, message_id=f"<{bare}>"), "incoming")
        found = list(self.ledger.traces(known.key)) if known.has_id else []
        if found:
            return found
        names = {wanted, f"<{bare}>"}
        return [
            one for one in self.ledger.traces_since(_LONG_AGO) if names & {one.message_id, one.activity, one.source_id}
        ]

    def retry(self, entry: Quarantined) -> None:
        """Make a quarantined message due again, then forget the entry.  If this dies between, the message is both: it is tried once more."""
        mailbox = self._receiving(entry)
        now = datetime.now(UTC)
        lease = self.states.lease(mailbox, now, now + _LEASE)
        if lease is None:
            text = f"{mailbox}: a worker serves this mailbox right now"
            raise TryLater(text, kind="busy", mend="Try again in a minute.")
        before = lease.state
        try:
            self.states.add_retry(lease, _again(entry, now))
        finally:
            record = PassRecord(
                at=before.last_pass or now,
                last_mail=before.last_mail,
                next_retry=now,
                failures=before.failures,
                blocked_until=before.blocked_until,
                error_kind=before.error_kind,
                error_text=before.error_text,
                error_mend=before.error_mend,
            )
            while not self.states.release(lease, record):
                continue
        self.quarantine.remove(entry.id)

    def _receiving(self, entry: Quarantined) -> str:
        """The mailbox that was fetched from: mail of a forward mailbox is kept under its user's name."""
        box = self.configuration.mailbox(entry.mailbox)
        if entry.source != "forward" and box and box.incoming:
            return entry.mailbox
        forward = next((one.key for one in self.configuration.mailboxes if one.kind is MailboxKind.FORWARD), None)
        return forward or entry.mailbox

    def _keys(self, email: EmailActivity) -> list[str]:
        """The message key of an activity: computed again from what it keeps and proven by the activity's id, else read from the traces."""
        key = message_key(_message_of(email), "incoming")
        candidates = [key.key, collision_key(key)]
        proven = [one for one in candidates if activity_id(self.name, one) == email.id]
        return proven or [one.key for one in self._traces if one.activity == email.id]

    @cached_property
    def _traces(self) -> Sequence[Trace]:
        return self.ledger.traces_since(_LONG_AGO)


def _again(entry: Quarantined, now: datetime) -> Retry:
    return Retry(
        key=entry.key,
        mailbox=entry.mailbox,
        source_id=entry.source_id,
        blob=entry.blob,
        size=entry.size,
        attempts=0,
        due=now,
        error="an operator asked for another try",
        source=entry.source,
    )


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
