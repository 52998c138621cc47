"""What screening and matching are asked about, and what they answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, Protocol

from email_router.core.activity import CorrelationMethod, Record
from email_router.core.fetched import Fetched
from email_router.core.ledger import Answer, Claim, KnownEmail, Outcome, Receipt
from email_router.core.mailbox import Mailbox, Profile
from email_router.core.message import Message
from email_router.core.settings import Configuration, Tracking


class Lookup(Protocol):
    """What a matching rule may ask: e-mails known to the store, overlaid by the decisions of the same page."""

    def by_message_id(self, message_id: str) -> KnownEmail | None:
        """Return the e-mail with this Message-ID (ours or the provider's)."""

    def by_token(self, token: str) -> KnownEmail | None:
        """Return the newest e-mail with this tracking token."""

    def by_thread(self, thread: str) -> KnownEmail | None:
        """Return the newest e-mail with this conversation index base hash."""

    def by_subject(self, subject_hash: str) -> Sequence[KnownEmail]:
        """Return e-mails of the last days with this subject hash, newest first, at most 100."""


@dataclass(frozen=True, slots=True)
class Match:
    """The e-mail that a message continues.  `subject_changed` tells that the message's subject is about something else."""

    email: KnownEmail
    method: CorrelationMethod
    evidence: str
    rule: str = ""
    subject_changed: bool = False


@dataclass(frozen=True, slots=True)
class NearMiss:
    """An e-mail that a rule looked at and did not take: why in a few words, and what it saw."""

    email: KnownEmail
    why: str
    evidence: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A rule's find that was not linked, and the settings (`unknown_sender = "mark"`) that kept it apart."""

    activity: str
    rule: str
    evidence: str
    settings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Matched:
    """What matching answered: the match or None, every rule's answer, the candidates that lost (in words), and the finds not linked."""

    match: Match | None = None
    answers: tuple[Answer, ...] = ()
    candidates: tuple[str, ...] = ()
    refused: tuple[Refused, ...] = ()


class Rule(NamedTuple):
    """A matching rule: its name, and the function that looks for the e-mail a message continues, or tells what nearly was it."""

    name: str
    find: Callable[[Message, Lookup, Tracking], Match | Sequence[NearMiss] | None]


@dataclass(frozen=True, slots=True)
class Own:
    """An e-mail that the router sent, and the address of the mailbox that it was sent from."""

    activity: str
    sender: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One message in one mailbox, with everything that a screening question may look at.

    `mailbox` is the one on whose behalf the message is judged (a forward mailbox's user), `receiving` the one it was fetched from.
    `sender_records` are all CRM records of From, however many; `own` is the e-mail that the router sent and of which this is a copy,
    `reported` the one that a delivery report is about (`reported_by` says how that is known, where not by its Message-ID, or why not),
    `quoted` the one that we sent and whose mark the mail of somebody else repeats: an automatic one, or the answer to it.  `match` is None
    until matching has been done; `claim` and `receipt` are what the ledger holds for the message.

    `quick` counts how often in a row the conversation was answered from here faster than people write (see core/quick.py).  `unmatched`
    says in words by which policy the message continues nothing; `match` is then the e-mail that it would have continued.  `refused` are
    the finds of matching that were not linked.
    """

    message: Message
    fetched: Fetched
    mailbox: Mailbox
    receiving: Mailbox
    profile: Profile
    configuration: Configuration
    now: datetime
    claim: Claim | None = None
    receipt: Receipt | None = None
    own: Own | None = None
    reported: KnownEmail | None = None
    reported_by: str = ""
    sender_records: tuple[Record, ...] = ()
    match: Match | None = None
    identity: str = ""
    quick: int = 0
    quoted: str = ""
    unmatched: str = ""
    refused: tuple[Refused, ...] = ()


@dataclass(frozen=True, slots=True)
class Passed:
    """A screening question's answer that the message goes on to the next one, where something was seen that a person may ask about."""

    evidence: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """A screening question's answer that ends the questioning: outcome, reason code, and what was seen."""

    outcome: Outcome
    reason: str
    evidence: str = ""


class Question(NamedTuple):
    """A screening question: its name, and the function that answers or passes on (None when there was nothing to see)."""

    name: str
    ask: Callable[[Case], Verdict | Passed | None]


@dataclass(frozen=True, slots=True)
class Screened:
    """What a round of questions answered: the verdict with the question's name, or None when all passed the message on."""

    verdict: Verdict | None
    question: str = ""
    answers: tuple[Answer, ...] = field(default=())
