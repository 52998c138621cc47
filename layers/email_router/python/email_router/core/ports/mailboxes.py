"""The ports of the incoming road: mailboxes, where each of them stands, and what is remembered of their messages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Protocol

from email_router.core.fetched import Fetched, Inventoried, Listed, Page, Position
from email_router.core.ledger import (
    Claim,
    Counted,
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
from email_router.core.work import ScheduledMailbox


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
