"""The ports: what the flows ask of the world.  An adapter inherits nothing; the contract tests say whether it fits.

Errors that every port may raise: TryLater with `shared` when its foreign system is away or throttles, MailboxBlocked when it refuses this
mailbox, ConfigurationError when what was configured cannot be right.  Methods that take a Lease raise StaleWorker once its token is old.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from email_router.core.activity import About, EmailActivity, EmailStatus, NewPerson, Note, Record
from email_router.core.alerts import Alert
from email_router.core.crm_rulings import Offer, Ruling
from email_router.core.fetched import Fetched, Inventoried, Listed, Page, Position
from email_router.core.ledger import (
    Claim,
    Counted,
    Delivered,
    Delivery,
    Found,
    KnownEmail,
    Link,
    Quarantined,
    Receipt,
    Retry,
    Trace,
    Wanted,
)
from email_router.core.mailbox import AfterDelivery
from email_router.core.mailbox_state import Lease, MailboxState, PassRecord
from email_router.core.outgoing_states import OutgoingStates as OutgoingStates  # noqa: PLC0414 - a port like the others, handed on
from email_router.core.sending import Envelope, SendResult
from email_router.core.settings import Configuration
from email_router.core.work import MailboxWork, OutgoingWork, ScheduledMailbox
from email_router.core.write_back import WriteBack


@dataclass(frozen=True, slots=True)
class Reach:
    """Which addresses the router may connect to.

    Loopback only in local runs, private networks (CIDR) only those of the stage; link-local and metadata addresses never.
    """

    loopback: bool = False
    private: tuple[str, ...] = ()


class Clock(Protocol):
    """The time, in UTC."""

    def now(self) -> datetime:
        """Return the instant, timezone-aware."""


class Meters(Protocol):
    """The counters of docs/counters.md."""

    def count(self, name: str, value: int = 1) -> None:
        """Add `value` to the counter of this name (IncomingMessagesDelivered, ...)."""


class MailSource(Protocol):
    """One mailbox, opened for reading.  A source yields raw RFC 5322 bytes and knows nothing of what becomes of them."""

    kind: str

    def has_news(self, position: Position) -> bool:
        """Tell whether the mailbox may hold messages beyond `position`: one exchange with the server, the cursor not needed."""

    def pages(self, position: Position, page_size: int) -> Iterator[Page]:
        """List the messages beyond `position`, oldest first, at most `page_size` a page (a server may choose its own size)."""

    def fetch(self, listed: Sequence[Listed], limit: int) -> Iterator[Fetched]:
        """Yield each listed message in order; one over `limit` bytes comes as its header block only (complete=False)."""

    def stream(self, source_id: str) -> Iterator[bytes]:
        """Yield the whole message in pieces, whatever its size."""

    def dispose(self, source_ids: Sequence[str], how: AfterDelivery) -> None:
        """Mark, move or delete these messages; one that is gone already is no error.  Repeatable.

        A source may collect them; once a page's messages have all been fetched, a call (also with none) leaves nothing uncommitted.
        """

    def inventory(self, page_size: int) -> Iterator[Sequence[Inventoried]]:
        """List every message that lies in the mailbox's folders now, whatever the position, `page_size` or so at a time."""

    def set_aside(self, source_ids: Sequence[str]) -> None:
        """Move these messages to the folder "Undeliverable", made when missing; nothing where the server has no folders.

        One that is gone is no error.  Repeatable.
        """

    def suspects(self) -> bool:
        """Tell whether the listing of this session gave reason to doubt that it told everything: then the mailbox is reconciled."""

    def position(self) -> Position | None:
        """Return a newer position that was learned while nothing was new (a changed delta link), or None."""

    def close(self) -> None:
        """End the session politely; never raises."""


class MailSender(Protocol):
    """One way out for mail.  A sender takes composed bytes; it never changes or retries them."""

    kind: str

    def send(self, envelope: Envelope, composed: bytes) -> SendResult:
        """Hand the mail over once.  Raises TryLater or MailboxBlocked only when it is certain that nothing was handed over.

        A TryLater that is `shared` keeps this way's other e-mails back, too.
        """

    def close(self) -> None:
        """End the session politely; never raises."""


class PacedSender(MailSender, Protocol):
    """A way out whose provider allows so many e-mails a second and a day: it is asked before each e-mail is taken up."""

    def hold(self) -> float:
        """Wait for the next moment that is free and return 0, or the seconds after which to come again; nothing of it is an attempt."""


class AnnouncedSender(MailSender, Protocol):
    """A way out that is quicker where it knows ahead which mail follows."""

    def announce(self, envelope: Envelope, composed: bytes) -> None:
        """Say which mail is sent after the one that is sent next.

        It promises nothing: another mail may follow, or none.  Nothing of it is handed over before it is sent itself, and nothing raised.
        """


class DraftingSender(MailSender, Protocol):
    """A way out where the mail lies as a draft before it is sent: one draft for each e-mail for ever, so that it leaves once.

    Sending a draft again finds what became of it: it has left, or it still lies there and is sent.
    """

    def draft(self, envelope: Envelope, composed: bytes) -> str:
        """Make the draft and return its id, to be kept before it is sent; drafts of earlier attempts that nobody kept are removed.

        Nothing is sent.  Raises MessageRefused where the provider takes no such mail, TryLater, MailboxBlocked.
        """

    def withdraw(self, envelope: Envelope) -> SendResult | None:
        """Remove the draft of an e-mail that is not to be sent any more; None when it has not left and cannot leave any more.

        Else what is known: ACCEPTED when it had left, UNKNOWN when nobody can tell.  Without an id in the envelope it is a draft whose
        id was lost, and which was therefore never sent.  Repeatable.  Raises TryLater, MailboxBlocked.
        """


class MailboxStates(Protocol):
    """The state of each mailbox of one organisation, written by one worker at a time."""

    def read(self, mailbox: str) -> MailboxState:
        """Return the state (an empty one for a mailbox never seen), strongly consistent; the cursor is read only when `load` asks."""

    def load(self, state: MailboxState) -> MailboxState:
        """Return the state with its whole cursor (which may lie in the blob store)."""

    def lease(self, mailbox: str, now: datetime, until: datetime) -> Lease | None:
        """Take the lease and raise the fencing token by one, or return None while another worker holds it."""

    def ask_again(self, mailbox: str, token: int) -> bool:
        """Ask the holder with this token to serve the mailbox once more; False when the token has moved on or nobody holds it."""

    def release(self, lease: Lease, record: PassRecord) -> bool:
        """Give the lease back and forget the attempts; False, with the lease kept, when somebody asked for another round."""

    def advance(self, lease: Lease, position: Position, at: datetime) -> None:
        """Save the position."""

    def touch(self, mailbox: str, token: int, position: Position, at: datetime) -> None:
        """Save a position that nothing new led to, without a lease; silently not, when a worker holds one or the token moved on."""

    def begin(self, lease: Lease, source_id: str, finished: Sequence[str] = ()) -> int:
        """Mark that this message is about to be handled, forget the finished ones; return how often it was begun (1 = first)."""

    def schedule(self, mailbox: str, minimum_interval: int, maximum_interval: int) -> None:
        """Make the mailbox known to the scheduler, or change its bounds; a block is lifted, everything else of the state stays."""

    def unschedule(self, mailbox: str) -> None:
        """Take the mailbox off the schedule; its state stays."""

    def add_retry(self, lease: Lease, retry: Retry) -> None:
        """Write the row of a message that failed, replacing the one of its earlier attempt."""

    def retries(self, mailbox: str, due_by: datetime | None, limit: int) -> Sequence[Retry]:
        """Return the retries due by then (None: all), soonest first."""

    def drop_retry(self, lease: Lease, retry: Retry) -> None:
        """Remove the row of a retry that is settled."""


class Schedule(Protocol):
    """All mailboxes of all organisations that are polled."""

    def mailboxes(self) -> Iterator[ScheduledMailbox]:
        """Yield every scheduled mailbox, read from the scheduler's index."""


class Ledger(Protocol):
    """What one organisation remembers of messages: claims, receipts, traces, and the ways back to a conversation."""

    def find(self, wanted: Wanted) -> Found:
        """Answer all questions of a page in batches, strongly consistent.  Every key is asked with every mailbox of `wanted`."""

    def by_subject(self, subject_hash: str, since: datetime, limit: int = 100) -> Sequence[KnownEmail]:
        """Return the e-mails whose subject words hash to this, newest first."""

    def record(self, receipts: Sequence[tuple[Receipt, Trace]], lease: Lease) -> None:
        """Write receipts and traces of messages that made no activity of their own."""

    def link(self, links: Sequence[Link]) -> None:
        """Write ways back to an outgoing e-mail."""

    def reserve_token(self, token: str, email: KnownEmail, live_since: datetime) -> bool:
        """Write the token's row unless a conversation that is live (newer than `live_since`) has it; False when it has."""

    def reserve_tokens(self, emails: Sequence[KnownEmail], live_since: datetime) -> Sequence[bool]:
        """Reserve the token of each of these e-mails, together; tell of each, in order, whether it has it.

        Of two that want the same one the first has it.  Asked again for the same e-mails, the answer is the same.
        """

    def user_number(self, user: str) -> int:
        """Return the user's number, allocating the next one at first use (1, 2, ...)."""

    def next_counts(self, user: str, count: int) -> Counted:
        """Add `count` to the user's message counter; return its value before, and its digits."""

    def grow_digits(self, user: str, digits: int) -> None:
        """Let the user's counter have so many digits from now on; never fewer than it has grown to.  Repeatable."""

    def claim(self, key: str) -> Claim | None:
        """Return the claim of a message key, or None."""

    def receipts(self, key: str) -> Sequence[Receipt]:
        """Return the receipts of a message key, one a mailbox, the first mailbox's included; further copies in a mailbox are traces only."""

    def traces(self, key: str) -> Sequence[Trace]:
        """Return the traces of a message key."""

    def traces_since(self, at: datetime) -> Sequence[Trace]:
        """Return all traces written since then, oldest first.  Reads everything: for the embedded cloud and small stores only."""


class NotingCrm(Protocol):
    """A CRM that keeps notes on e-mails.  One that has none tells all in the e-mail's reason."""

    def note(self, activity: str, key: str, note: Note) -> None:
        """Keep the note on the e-mail; one of the same key is written over.  Repeatable."""

    def notes(self, activity: str) -> Sequence[Note]:
        """Return the notes of an e-mail, oldest first."""


class TokenGivingCrm(Protocol):
    """A CRM that gives tracking tokens of its own."""

    def new_tokens(self, subjects: Sequence[str]) -> Sequence[str]:
        """Return a new token for each subject, in order; an empty one where the CRM uses none.  Each is given once, used or not."""


class DecidingCrm(Protocol):
    """A CRM that decides by itself which mail it wants, matches it by itself, and gives its e-mails ids of its own.

    The activities of the deliveries that it gets bear provisional ids; its answers name the real ones.
    """

    def rule_on(self, offers: Sequence[Offer]) -> Sequence[Ruling]:
        """Say of each offer, in order, whether it is wanted; only reads.  One that cannot be asked about is wanted, reason "unknown"."""


class Quarantine(Protocol):
    """Messages of one organisation that a person must look at."""

    def add(self, message: Quarantined, lease: Lease | None) -> None:
        """Write the row; the raw bytes lie in the blob store already.  Repeatable: one row per id."""

    def entries(self) -> Sequence[Quarantined]:
        """Return all, newest first."""

    def get(self, entry_id: str) -> Quarantined | None:
        """Return one, or None."""

    def remove(self, entry_id: str) -> None:
        """Remove one, once it is settled."""


class Alerts(Protocol):
    """What was raised in one organisation for a person to see to, and is not settled yet."""

    def raise_alert(self, alert: Alert) -> bool:
        """Keep the alert; one of the same kind about the same that is open already stays as it is, and names its messages too.  Repeatable.

        An open alert that names MOST_MESSAGES takes no more.  True when none was open.
        """

    def all(self) -> Sequence[Alert]:
        """Return the open alerts, newest first, the messages of each in the order of their names."""

    def settle(self, alert_id: str) -> bool:
        """Remove the alert; False when none of this id is open."""


class Crm(Protocol):
    """Where one organisation keeps its e-mail activities and the records they are about."""

    def resolve(self, addresses: Sequence[str]) -> Mapping[str, tuple[Record, ...]]:
        """Return the active records of each address (case folded), in the documented order; unknown addresses are absent.

        Records that were deactivated or merged into others are not among them (ResolveForInactiveEntities is false).  Of an address that
        more than 100 have, at least 101 are returned: they stand for nobody.
        """

    def about(self, activities: Sequence[str]) -> Mapping[str, About]:
        """Return what each of these e-mails is about and who owns it; an e-mail that no longer exists is absent.

        A record that was merged into another is answered by that one; one that is inactive is answered and said to be so.
        """

    def create_people(self, people: Sequence[NewPerson]) -> Mapping[str, tuple[Record, ...]]:
        """Make a record for each address (case folded) that no record has, active or not; return the active records of all of them.

        Exactly once however often and by however many it is called: the first makes the record, the others find it, also within one
        call.  An address is absent when it has inactive records only, or when the CRM makes none.  Raises TryLater (shared) when the
        store is away.
        """

    def deliver(self, deliveries: Sequence[Delivery], lease: Lease) -> Sequence[Delivered]:
        """Create the activities, each exactly once with its claim, receipt, links and trace; answer in the same order.

        A delivery whose claim stands already leaves a receipt and the trace instead.  Raises TryLater (shared) when the store is away;
        what was written before stays written, and the same call may simply be made again.
        """

    def email(self, activity: str) -> EmailActivity | None:
        """Return one e-mail activity with its bodies, or None."""

    def several(self, activities: Sequence[str]) -> Mapping[str, EmailActivity]:
        """Return these e-mail activities with their bodies, read together; one that is gone is absent.

        Of those whose attachments must be fetched first some may be absent, too, so that it takes no longer than what leaves is worth: the
        first of those that are there never is.  Raises MessageRefused when one of them cannot be read as it is: `email` tells which.
        """

    def pending(self, now: datetime, limit: int) -> Iterator[tuple[str, str]]:
        """Yield (activity, sender address) of e-mails that are due: pending, deferred, or sending for too long."""

    def postpone(self, activities: Sequence[str], until: datetime) -> None:
        """Keep these pending e-mails from being collected again before then."""

    def write_back(
        self,
        activity: str,
        status: EmailStatus,
        *,
        reason: str | None = None,
        subject: str | None = None,
        message_id: str | None = None,
        tracking_token: str | None = None,
        attempts: int | None = None,
        due: datetime | None = None,
        sent: datetime | None = None,
    ) -> bool:
        """Tell the CRM where an outgoing e-mail stands; False when it is cancelled or gone.  Fields that are None stay."""

    def write_back_all(self, told: Sequence[WriteBack]) -> Mapping[str, EmailStatus | None]:
        """Tell the CRM where several e-mails stand, together; each replaces only what REPLACED allows (core/write_back.py).

        Returns those that were not written, with what the CRM says of them; None: gone.  Repeatable: what was written before an error
        stays written.
        """


class BlobStore(Protocol):
    """Bytes too large for a row.  Keys are paths below the organisation."""

    def put(self, key: str, data: bytes) -> None:
        """Store the bytes; repeatable."""

    def put_stream(self, key: str, pieces: Iterable[bytes]) -> int:
        """Store the pieces as one blob without holding all of them in memory; return the size in bytes."""

    def get(self, key: str) -> bytes:
        """Return the bytes; KeyError when there are none."""

    def delete(self, key: str) -> None:
        """Remove the bytes; repeatable."""


class Secrets(Protocol):
    """Passwords, client secrets and certificates by name."""

    def get(self, name: str) -> str:
        """Return the secret's text.  Raises ConfigurationError when there is no such secret."""


class Configurations(Protocol):
    """The published configuration."""

    def organisations(self) -> Sequence[str]:
        """Return the names of all organisations."""

    def current(self, organisation: str) -> Configuration:
        """Return the published version.  Raises ConfigurationError when nothing is published."""


class WorkQueues(Protocol):
    """The queues between the functions."""

    def put_mailboxes(self, work: Iterable[MailboxWork]) -> int:
        """Queue passes over mailboxes, in batches; return how many."""

    def put_outgoing(self, work: Iterable[OutgoingWork]) -> int:
        """Queue e-mails to send; return how many orders."""
