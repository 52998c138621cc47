"""Resolve addresses to parties, and tell who owns the activity."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from email_router.core.activity import Party, Record, Role
from email_router.core.mailbox import Mailbox, MailboxKind
from email_router.core.message import Address, Message
from email_router.core.settings import Configuration, Tracking

SENDER_ORDER = ("user", "contact", "account", "lead", "queue")
"""The kinds of record in the order in which they are taken for a sender; kinds of a CRM's own come last."""

MOST_MATCHES = 100
"""An address that more records have stands for none of them (Power Platform: "Associate an email address with multiple rows")."""

_ORIGINAL = Tracking()
_OWNED_BY_PEOPLE = frozenset({"contact", "account", "lead"})

Records = Mapping[str, Sequence[Record]]
"""Active records by address key (case folded), as the CRM resolves them."""


def choose_sender(records: Sequence[Record], mailbox_owner: str, tracking: Tracking = _ORIGINAL) -> Record | None:
    """Return the one record that a From address stands for, or None: none has it, or more than 100 do.

    With `ambiguous_sender = "unresolved"` it is none as soon as there are two (UnresolveSenderInCaseOfMultipleMatch).
    Else a record owned by the owner of the mailbox or queue that tracks the mail wins over the others; among equals
    the documented order of kinds, then the CRM's own order (Power Platform: "Associate an email address with multiple
    rows"; "Email acceptance").
    """
    if not records or _too_many(records, tracking.ambiguous_sender):
        return None
    owner = mailbox_owner.strip().casefold()
    owned = [record for record in records if owner and record.owner.strip().casefold() == owner]
    return min(owned or records, key=lambda record: _rank(record.kind))


def in_doubt(message: Message, records: Records, tracking: Tracking = _ORIGINAL) -> bool:
    """Tell whether the sender is left unresolved because several records have the address (isduplicatesenderunresolved)."""
    return message.author is not None and _too_many(records.get(message.author.key, ()), tracking.ambiguous_sender)


def parties_of(
    message: Message, records: Records, mailbox_owner: str, tracking: Tracking = _ORIGINAL
) -> tuple[Party, ...]:
    """Return the parties of a received mail: From with one record, then To, Cc and Bcc with all records.

    An address without a record is an unresolved party, and so is one with more than 100, or with several where
    `ambiguous_recipients` says so.  A From in doubt is no party: nobody is named as sender who may not have been it.
    """
    parties: list[Party] = []
    if message.author:
        sender = choose_sender(records.get(message.author.key, ()), mailbox_owner, tracking)
        parties.append(Party(Role.FROM, message.author.address, message.author.name, sender))
    for role, addresses in ((Role.TO, message.to), (Role.CC, message.cc), (Role.BCC, message.bcc)):
        parties.extend(_recipients(role, addresses, records, tracking.ambiguous_recipients))
    return tuple(parties)


def owner_of(
    message: Message,
    configuration: Configuration,
    mailbox: Mailbox,
    *,
    sender: Record | None = None,
    correlated_owner: str = "",
) -> str:
    """Return the address of the user who owns the activity (Power Platform: "Email record owner").

    Eligible are the owners of the users and queues in To, Cc, Bcc, in this order: first the one who owns the e-mail
    that this one continues (`correlated_owner`), else the owner of the sender's contact, account or lead, else the
    first.  When none is among them (Bcc, distribution lists) it is the owner of the mailbox the mail came to.
    """
    boxes = (configuration.mailbox(address.address) for address in message.recipients)
    eligible = {owner.casefold(): owner for box in boxes if box and (owner := mailbox_owner_of(box))}
    people = sender.owner if sender and sender.kind in _OWNED_BY_PEOPLE else ""
    for preferred in (correlated_owner, people):
        if preferred.strip().casefold() in eligible:
            return eligible[preferred.strip().casefold()]
    return next(iter(eligible.values()), mailbox_owner_of(mailbox))


def mailbox_owner_of(mailbox: Mailbox) -> str:
    """Return the address of a mailbox's owner; empty for a forward mailbox and for a queue without one."""
    if mailbox.kind is MailboxKind.FORWARD:
        return ""
    return mailbox.owner or (mailbox.address if mailbox.kind is MailboxKind.USER else "")


def _recipients(role: Role, addresses: Iterable[Address], records: Records, several: str) -> list[Party]:
    """Return the parties of one role, each address once."""
    parties: list[Party] = []
    unique: dict[str, Address] = {}
    for address in addresses:
        unique.setdefault(address.key, address)
    for key, address in unique.items():
        found = tuple(records.get(key, ()))
        matches = found if found and not _too_many(found, several) else (None,)
        parties.extend(Party(role, address.address, address.name, record) for record in matches)
    return parties


def _too_many(records: Sequence[Record], several: str) -> bool:
    """Tell whether the records stand for nobody; `several` says what becomes of more than one."""
    return len(records) > (1 if several == "unresolved" else MOST_MATCHES)


def _rank(kind: str) -> int:
    return SENDER_ORDER.index(kind) if kind in SENDER_ORDER else len(SENDER_ORDER)
