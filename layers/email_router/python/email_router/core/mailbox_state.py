"""What is remembered of a mailbox between passes, and the right to serve it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from email_router.core.fetched import Position


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxState:
    """What is remembered of a mailbox between passes.  `attempts` counts the times that a message was begun and not finished.

    `reconciled` is when the mailbox was last compared with the ledger as a whole, `suspected` that its source has doubted since that it
    was told of everything.  `failures` are those of its own in a row, `disabled` is since when it is only tested, hourly, for them.
    """

    mailbox: str
    position: Position = field(default_factory=Position)
    token: int = 0
    lease_until: datetime | None = None
    again: bool = False
    attempts: Mapping[str, int] = field(default_factory=dict)
    last_mail: datetime | None = None
    last_pass: datetime | None = None
    position_saved: datetime | None = None
    next_retry: datetime | None = None
    reconciled: datetime | None = None
    suspected: bool = False
    failures: int = 0
    blocked_until: datetime | None = None
    disabled: datetime | None = None
    error_kind: str = ""
    error_text: str = ""
    error_mend: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to serve a mailbox until `until`.  `crashed` means that the worker before never gave it back."""

    mailbox: str
    token: int
    until: datetime
    state: MailboxState
    crashed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PassRecord:
    """What a finished pass leaves in the state, beside its position; None of `reconciled` and `suspected`: as it was."""

    at: datetime
    last_mail: datetime | None
    next_retry: datetime | None
    reconciled: datetime | None = None
    suspected: bool | None = None
    failures: int = 0
    blocked_until: datetime | None = None
    disabled: datetime | None = None
    error_kind: str = ""
    error_text: str = ""
    error_mend: str = ""
