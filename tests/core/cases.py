"""Messages and cases for the tests of screening and matching, made by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TypedDict, Unpack

from email_router.core.case import Case
from email_router.core.fetched import Fetched, Wrapper
from email_router.core.ledger import KnownEmail
from email_router.core.mailbox import Accept, Direction, Mailbox, MailboxKind, Profile
from email_router.core.message import Address, DeliveryReport, Message
from email_router.core.settings import Configuration, Tracking
from email_router.core.smart_hash import participants

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
SALES = Mailbox(
    address="sales@contoso.example",
    kind=MailboxKind.QUEUE,
    owner="ann@contoso.example",
    aliases=("info@contoso.example",),
)
ANN = Mailbox(address="ann@contoso.example")
BOB = Mailbox(address="bob@contoso.example")
ROUTER = Mailbox(address="router@contoso.example", kind=MailboxKind.FORWARD)
CUSTOMER = "carla@cycling.example"


class Fields(TypedDict, total=False):
    """The fields of a message that a test may set."""

    message_id: str | None
    in_reply_to: str | None
    references: tuple[str, ...]
    conversation_index: bytes | None
    date: datetime | None
    subject: str
    author: Address | None
    sender: Address | None
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    bcc: tuple[Address, ...]
    delivered_to: tuple[str, ...]
    auto_submitted: bool
    bulk: bool
    delivery_report: DeliveryReport | None
    headers: tuple[tuple[str, str], ...]
    defects: tuple[str, ...]
    unreadable: bool


def people(*addresses: str) -> tuple[Address, ...]:
    """Return the addresses without names."""
    return tuple(Address("", address) for address in addresses)


def mail(**fields: Unpack[Fields]) -> Message:
    """Return a customer's mail to sales@, with these fields instead."""
    plain: Fields = {
        "message_id": "<m1@cycling.example>",
        "subject": "Order 4711",
        "date": NOW,
        "author": Address("Carla", CUSTOMER),
        "to": people(SALES.address),
    }
    return Message(size=1000, **(plain | fields))


def case(message: Message | None = None, *, mailbox: Mailbox = SALES, boxes: Sequence[Mailbox] = ()) -> Case:
    """Return the case of a message in a mailbox of contoso; `boxes` are further mailboxes, else all the usual ones."""
    known = {box.key: box for box in (SALES, ANN, BOB, ROUTER)} | {box.key: box for box in (*boxes, mailbox)}
    return Case(
        message=message or mail(),
        fetched=Fetched(source_id="1", raw=b"", size=1000, received=NOW),
        mailbox=mailbox,
        receiving=mailbox,
        profile=Profile(name="in", direction=Direction.INCOMING, server="pop3"),
        configuration=Configuration(organisation="contoso", mailboxes=tuple(known.values())),
        now=NOW,
    )


def accepting(mailbox: Mailbox, option: Accept) -> Mailbox:
    """Return the mailbox with another accept option."""
    return replace(mailbox, accept=option)


def wrapped(one: Case, wrapper: Wrapper | None) -> Case:
    """Return the case as of a forward mailbox."""
    return replace(one, receiving=ROUTER, fetched=replace(one.fetched, wrapper=wrapper))


def known(activity: str, *addresses: str, token: str | None = None) -> KnownEmail:
    """Return an e-mail of the store between these people."""
    return KnownEmail(activity=activity, participants=participants(addresses), at=NOW, token=token)


@dataclass
class Store:
    """A Lookup over dictionaries that notes what it was asked."""

    ids: dict[str, KnownEmail] = field(default_factory=dict)
    tokens: dict[str, KnownEmail] = field(default_factory=dict)
    threads: dict[str, KnownEmail] = field(default_factory=dict)
    subjects: dict[str, list[KnownEmail]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def by_message_id(self, message_id: str) -> KnownEmail | None:
        """Return the e-mail with this Message-ID."""
        self.asked.append(message_id)
        return self.ids.get(message_id)

    def by_token(self, token: str) -> KnownEmail | None:
        """Return the newest e-mail with this token."""
        self.asked.append(token)
        return self.tokens.get(token)

    def by_thread(self, thread: str) -> KnownEmail | None:
        """Return the newest e-mail of this conversation."""
        self.asked.append(thread)
        return self.threads.get(thread)

    def by_subject(self, subject_hash: str) -> Sequence[KnownEmail]:
        """Return the e-mails with this subject hash."""
        self.asked.append(subject_hash)
        return self.subjects.get(subject_hash, [])


EVERYTHING = Tracking(smart_matching=True)
"""All four rules switched on."""
