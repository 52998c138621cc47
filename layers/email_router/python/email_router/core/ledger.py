"""What the router writes down of a message, so that it is one activity for ever and can be explained."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from email_router.core.activity import EmailActivity, Record
from email_router.core.fetched import Wrapper


class Outcome(StrEnum):
    """What became of a message in one mailbox."""

    DELIVERED = "delivered"
    IGNORED = "ignored"
    ATTACHED = "attached"
    QUARANTINED = "quarantined"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Claim:
    """The row that makes a message one activity: written once, in the transaction that creates the activity, and kept for ever.

    `identity` is the digest of From and Date, `content` of what the message says; a claim of the same key with another identity is a
    collision, with another content the same message in another mailbox's copy.
    """

    key: str
    activity: str
    mailbox: str
    identity: str
    content: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """The row that says that one mailbox has seen a message, and what became of it there.

    `key` is the message's, `reason` one of the reason codes.  `source` stands for the source's id of the message (source_mark), so that
    the same message seen again is told from another copy of it in the same mailbox; `copy` is that mark on the receipt of such a copy.
    """

    key: str
    mailbox: str
    outcome: Outcome
    reason: str
    activity: str | None = None
    content_differs: bool = False
    at: datetime | None = None
    source: str = ""
    copy: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """One question asked of a message, its answer in a word, and what was seen."""

    question: str
    answer: str
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Counted:
    """A user's message counter: its value before numbers were added, and how many digits it has grown to (0: as configured)."""

    before: int
    digits: int = 0


class LinkKind(StrEnum):
    """By what an e-mail of a conversation can be found."""

    MESSAGE_ID = "message_id"
    TOKEN = "token"  # noqa: S105 - a tracking token, not a secret
    THREAD = "thread"
    SUBJECT = "subject"


@dataclass(frozen=True, slots=True, kw_only=True)
class Find:
    """An e-mail that a matching rule found by a value, as it was known then.

    `common` says who of the message took part in it: places in the list of From, To, Cc and Bcc.  `at` is microseconds since 1970.
    """

    kind: LinkKind
    value: str
    activity: str
    at: int
    token: str | None = None
    topic: str = ""
    words: frozenset[str] = frozenset()
    common: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the questions looked at beside the header fields, so that they can be asked again: of the message, and of the stores then.

    `kinds` are the sender's records, `own`, `reported` and `quoted` activities that the router sent (see core/case.py), `own_sender` is the
    mailbox that sent the first, `reported_by` says how the second is known, `claimed` tells that another mailbox had made the message an
    activity, and `continues` names activity, method and rule where that one's match counted.
    """

    received: datetime | None = None
    size: int = 0
    complete: bool = True
    wrapper: Wrapper | None = None
    date: datetime | None = None
    author: str = ""
    sender: str = ""
    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    delivered_to: tuple[str, ...] = ()
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    automatic: bool = False
    bulk: bool = False
    unreadable: bool = False
    defects: tuple[str, ...] = ()
    report: str = ""
    report_recipients: int = 0
    report_of: str = ""
    kinds: tuple[str, ...] = ()
    own: str = ""
    own_sender: str = ""
    reported: str = ""
    reported_by: str = ""
    quoted: str = ""
    quick: int = 0
    claimed: bool = False
    receipt: Receipt | None = None
    finds: tuple[Find, ...] = ()
    continues: tuple[str, ...] = ()
    known_at: datetime | None = None
    """The instant by which other messages know this one as older or younger; None in a trace of an earlier version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """Everything asked of one message in one mailbox, kept 90 days (and the headers it rests on)."""

    key: str
    mailbox: str
    source: str
    source_id: str
    message_id: str | None
    subject: str
    outcome: Outcome
    reason: str
    rule: str
    method: str = "none"
    correlated: str | None = None
    regarding: Record | None = None
    activity: str | None = None
    answers: tuple[Answer, ...] = ()
    candidates: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    at: datetime
    copy: str = ""
    receiving: str = ""
    """The mailbox that it was fetched from: `mailbox` itself, or the forward mailbox."""
    facts: Facts | None = None
    """None in a trace that was written before facts were kept: its questions cannot be asked again."""


def source_mark(source_id: str) -> str:
    """Return 12 hexadecimal digits that stand for a source's id of a message."""
    return hashlib.sha256(source_id.encode("utf-8", "surrogatepass")).hexdigest()[:12]


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownEmail:
    """An e-mail of the store as matching sees it.

    `participants` are the address hashes of From, To, Cc and Bcc (smart_hash.address_hash).  `token` is its tracking token.  `topic` stands
    for its subject without noise (empty: not known), `words` for the subject's words where smart matching lets some differ.  `quick` counts
    the e-mails of its conversation that followed one another faster than people write.
    """

    activity: str
    participants: frozenset[str] = frozenset()
    at: datetime
    token: str | None = None
    topic: str = ""
    words: frozenset[str] = frozenset()
    quick: int = 0


@dataclass(frozen=True, slots=True)
class Link:
    """A row that leads from a value (a message id, token, thread hash or subject hash) to an e-mail.

    A message id leads to the first e-mail that carried it; a token and a thread to the newest; a subject to all of the last 90 days.
    """

    kind: LinkKind
    value: str
    email: KnownEmail


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """All that is written when a message becomes an activity: at once, or not at all."""

    activity: EmailActivity
    claim: Claim
    receipt: Receipt
    links: tuple[Link, ...] = ()
    trace: Trace


@dataclass(frozen=True, slots=True)
class Delivered:
    """The answer to a delivery: `created` False means that the claim stood already (`activity` is then the claim's)."""

    key: str
    activity: str
    created: bool


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a page's messages ask the ledger in one batch.  Claims and receipts are asked by message key.

    Receipts are asked for every key in every mailbox of `mailboxes`, and for the `pairs` of key and mailbox.  `copies` are asked by message
    key, mailbox and source_mark: further copies of a message in one mailbox have receipts of their own.
    """

    keys: tuple[str, ...] = ()
    mailboxes: tuple[str, ...] = ()
    message_ids: tuple[str, ...] = ()
    tokens: tuple[str, ...] = ()
    threads: tuple[str, ...] = ()
    copies: tuple[tuple[str, str, str], ...] = ()
    pairs: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The ledger's answers: what is absent is absent from the mapping.  `receipts` is keyed by (message key, mailbox)."""

    claims: dict[str, Claim] = field(default_factory=dict)
    receipts: dict[tuple[str, str], Receipt] = field(default_factory=dict)
    message_ids: dict[str, KnownEmail] = field(default_factory=dict)
    tokens: dict[str, KnownEmail] = field(default_factory=dict)
    threads: dict[str, KnownEmail] = field(default_factory=dict)
    copies: dict[tuple[str, str, str], Receipt] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """A message whose delivery failed: its bytes lie in the blob store, and it is due again later."""

    key: str
    mailbox: str
    source_id: str
    blob: str
    size: int
    attempts: int
    due: datetime
    error: str
    source: str = ""
    received: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    """A message that a person must look at: never lost, never in the way.  `blob` holds its raw bytes."""

    id: str
    key: str
    mailbox: str
    source: str
    source_id: str
    reason: str
    text: str
    mend: str
    blob: str
    size: int
    message_id: str | None
    subject: str
    at: datetime
    complete: bool = True
    receiving: str = ""
    """The mailbox that it was fetched from, when that is not `mailbox` (a forward mailbox)."""
    behalf: str = ""
    """Whose mailbox the wrapper claims to come from, when a forward mailbox did not trust it."""
