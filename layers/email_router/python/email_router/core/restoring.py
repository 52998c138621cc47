"""Rule what a restore may change: from what a backup's file says of a row and what stands in the stores now.

What stands may be younger than the file, so a restore adds and raises; it overwrites only where the file is proven to be later.  Dedupe keys
are never removed nor changed, leases never restored, and nothing that may have left is sent again by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from email_router.core.activity import EmailStatus
from email_router.core.fetched import Position


class RowKind(StrEnum):
    """What a row is.

    PASSING ones hold for a while only (nudges, paces, circuits, subscriptions) and are in no file, UNKNOWN ones neither; a PASSWORD is
    in a file as a secret only, for its row is sealed for one key and one stack.
    """

    POINTER = "organisation"
    VERSION = "configuration"
    FOLLOWED = "followed settings"
    USER_NUMBER = "user number"
    COUNTER = "counter"
    MAILBOX = "mailbox"
    RETRY = "retry"
    CLAIM = "claim"
    RECEIPT = "receipt"
    TRACE = "trace"
    LINK = "conversation"
    SUBJECT = "subject"
    OUTGOING = "outgoing"
    COMPOSED = "composed"
    UNDELIVERABLE = "undeliverable"
    ALERT = "alert"
    EMAIL = "e-mail"
    SENDING = "sending"
    NOTE = "note"
    RECORD = "record"
    ADDRESS = "address"
    STATES = "record states"
    PERSON = "person"
    PASSWORD = "password"  # noqa: S105 - a kind of rows
    PASSING = "passing"
    UNKNOWN = "unknown"


class Manner(StrEnum):
    """How rows of a kind come back."""

    ADD = "add"
    """Only where none stands."""
    COMPLETE = "complete"
    """Where none stands; of one that stands what it lacks is filled in, and nothing of it is changed."""
    RAISE = "raise"
    """Numbers go up, never down."""
    LATER = "later"
    """Rows that bear a version: the higher one stands."""
    OUTGOING = "outgoing"
    EMAIL = "email"
    POINTER = "pointer"
    VERSION = "version"


MANNERS: Mapping[RowKind, Manner] = {
    RowKind.POINTER: Manner.POINTER,
    RowKind.VERSION: Manner.VERSION,
    RowKind.COUNTER: Manner.RAISE,
    RowKind.CLAIM: Manner.COMPLETE,
    RowKind.OUTGOING: Manner.OUTGOING,
    RowKind.EMAIL: Manner.EMAIL,
    RowKind.RECORD: Manner.LATER,
    RowKind.ADDRESS: Manner.LATER,
}
"""How each kind comes back; those that are not named are only added.  A mailbox and its retries have rulings of their own below."""

WAITING = frozenset({EmailStatus.PENDING, EmailStatus.DEFERRED})
_OPEN = WAITING | {EmailStatus.SENDING}


@dataclass(frozen=True, slots=True)
class Ruling:
    """Whether the file's row is taken, and whether it is held: as an e-mail of which nobody knows whether it has left."""

    take: bool
    held: bool = False


@dataclass(frozen=True, slots=True)
class Sending:
    """Where an outgoing e-mail stands, and since when."""

    status: EmailStatus
    changed: datetime


def outgoing(mine: Sending, stands: Sending | None, *, wait_on: bool) -> Ruling:
    """Rule on the state of an outgoing e-mail.

    One that was being sent when the file was made is held, and so is one that waited: it may have left since, and what stood then is lost.
    `wait_on` says that nothing was sent since, so that what waited waits on.  Where a state stands, the file's is taken only if it is later
    and tells of an end, or of an attempt, of which the one that stands knows nothing: tables of an earlier moment were put in its place.
    """
    held = mine.status is EmailStatus.SENDING or (mine.status in WAITING and not wait_on)
    if stands is None:
        return Ruling(take=True, held=held)
    if mine.changed <= stands.changed or mine.status in WAITING:
        return Ruling(take=False)
    open_end = mine.status in {EmailStatus.SENDING, EmailStatus.UNKNOWN}
    take = stands.status in _OPEN or (stands.status is EmailStatus.UNKNOWN and not open_end)
    return Ruling(take=take, held=take and held)


def email(mine: EmailStatus, stands: EmailStatus | None, *, wait_on: bool) -> Ruling:
    """Rule on an e-mail activity of the built-in CRM, which does not tell since when it stands so: only a cancellation, which is for ever,
    replaces one that waits.
    """
    if stands is None:
        return Ruling(take=True, held=mine is EmailStatus.SENDING or (mine in WAITING and not wait_on))
    return Ruling(take=mine is EmailStatus.CANCELLED and stands in WAITING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How far a mailbox was read: the position, when it was saved, the fencing token then, and until when somebody is at it."""

    position: Position
    token: int = 0
    saved: datetime | None = None
    lease_until: datetime | None = None

    @property
    def begun(self) -> bool:
        """Tell whether it was read at all."""
        return self.position != Position()


class CursorRuling(StrEnum):
    """What becomes of a mailbox's position."""

    NEVER_READ = "never read"
    SAME = "same"
    SET = "set"
    MOVED = "moved"
    KEPT = "kept"
    BUSY = "busy"
    REFUSED = "refused"


def cursor(mine: Reading, stands: Reading | None, now: datetime, *, asked: bool) -> CursorRuling:
    """Rule on a mailbox's position, once the file's ledger is back in the stores.

    A position of the file replaces none that stands unless that is `asked`.  Forward is safe: a backup reads positions before the ledger,
    so whatever the file's position has passed, its ledger knows.  Back is safe where the ledger that stands knows all in between, for what
    is read again then meets its claim or receipt; those live for ever.  They are there if it was this very table in which the mailbox was
    served on from there: then its fencing token, which only rises, has reached the file's.  A table that was begun anew counts from 1, and
    what came between the file and its beginning is in no ledger: REFUSED.
    """
    if not mine.begun:
        return CursorRuling.NEVER_READ
    if stands is not None and stands.position == mine.position:
        return CursorRuling.SAME
    if stands is not None and stands.lease_until is not None and stands.lease_until > now:
        return CursorRuling.BUSY
    if stands is None or not stands.begun:
        return CursorRuling.SET
    if not asked:
        return CursorRuling.KEPT
    forward = mine.saved is not None and (stands.saved is None or mine.saved > stands.saved)
    return CursorRuling.MOVED if forward or stands.token >= mine.token else CursorRuling.REFUSED


def retry_comes_back(mine: Reading, stands: Reading | None) -> bool:
    """Tell whether a message that waited for another try waits again.

    It does not where its mailbox was served on in this table: there it was delivered, ignored or set aside meanwhile, or it waits still.
    """
    return stands is None or not stands.begun or stands.token < mine.token
