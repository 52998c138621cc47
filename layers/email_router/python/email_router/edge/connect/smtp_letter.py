"""Judge whether a mail can be sent by SMTP: by itself, and by what a relay offers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from email_router.core.errors import MessageRefused, RouterError
from email_router.core.sending import RecipientResult, SendOutcome
from email_router.core.wire import downgraded, international_address
from email_router.edge.connect.smtp_text import flaw_of
from email_router.edge.connect.smtp_transaction import Transaction

if TYPE_CHECKING:
    from email_router.core.octets import Octets
    from email_router.core.sending import Envelope
    from email_router.edge.connect.smtp import SmtpSession

_NO_SMTPUTF8 = (
    "the relay does not offer SMTPUTF8 (RFC 6531), which an address with letters outside ASCII before the @ needs"
)

_NOBODY = "no recipient has an address that mail can be sent to"


@dataclass(frozen=True)
class Letter:
    """A mail as any relay gets it.

    `recipients` maps each address as it stands on the wire to the one given; `refused` are those that cannot stand there.
    """

    envelope: Envelope
    composed: Octets
    sender: str
    recipients: dict[str, str]
    refused: tuple[RecipientResult, ...]
    no_sender: str = ""

    @classmethod
    def of(cls, envelope: Envelope, composed: Octets) -> Letter:
        """Take the mail up; its addresses are judged here, its text when it is asked for a flaw."""
        try:
            sender = international_address(envelope.sender)
        except MessageRefused as refusal:
            return cls(envelope, composed, "", {}, (), f"sender: {refusal}")
        good, bad = _addresses(envelope.recipients)
        return cls(envelope, composed, sender, good, bad)

    @cached_property
    def flaw(self) -> str:
        """Why the mail cannot be sent at all, or nothing."""
        return self.no_sender or flaw_of(self.composed) or ("" if self.recipients else _NOBODY)

    def look_through(self) -> None:
        """Look for a flaw ahead of its turn; one that cannot be read now is looked through then."""
        try:  # noqa: SIM105 - suppress() costs several times as much, for each mail
            _ = self.flaw
        except RouterError:
            pass

    def is_of(self, envelope: Envelope, composed: Octets) -> bool:
        """Tell whether it was taken up from this mail, whichever attempt that is."""
        mine = self.envelope
        return (mine.activity, mine.sender, mine.recipients, mine.delivery_receipt) == (
            envelope.activity,
            envelope.sender,
            envelope.recipients,
            envelope.delivery_receipt,
        ) and self.composed == composed


class Fitted(NamedTuple):
    """A mail as this relay gets it; `recipients` as given, in the order of the transaction's; `flaw` says why it cannot, or nothing."""

    transaction: Transaction
    recipients: tuple[str, ...]
    refused: tuple[RecipientResult, ...]
    flaw: str

    @classmethod
    def to(cls, session: SmtpSession, letter: Letter) -> Fitted:
        """Judge a mail by the relay."""
        composed, good, bad = letter.composed, letter.recipients, letter.refused
        if "SMTPUTF8" not in session.extensions:
            composed = downgraded(composed)
            good, unable = _plain_ones(good)
            bad += unable
        receipt = letter.envelope.activity if letter.envelope.delivery_receipt else ""
        transaction = Transaction.of(session.extensions, letter.sender, tuple(good), composed, receipt)
        return cls(transaction, tuple(good.values()), bad, _unfit(session, letter.sender, good, composed))


def _unfit(session: SmtpSession, sender: str, recipients: dict[str, str], composed: Octets) -> str:
    """Say why this relay cannot take the mail, or nothing."""
    if not sender or not recipients or (not sender.isascii() and "SMTPUTF8" not in session.extensions):
        return _NO_SMTPUTF8
    if not composed.isascii() and "8BITMIME" not in session.extensions:
        return "the relay takes no 8-bit mail"
    if 0 < session.size_limit < len(composed):
        return f"{len(composed)} bytes, and the relay takes at most {session.size_limit}"
    return ""


def _addresses(recipients: tuple[str, ...]) -> tuple[dict[str, str], tuple[RecipientResult, ...]]:
    """Return the addresses as they stand on the wire with the ones given, and a refusal for each that cannot stand there."""
    good: dict[str, str] = {}
    bad: list[RecipientResult] = []
    for recipient in recipients:
        try:
            good.setdefault(international_address(recipient), recipient)
        except MessageRefused as refusal:
            bad.append(RecipientResult(recipient, SendOutcome.REFUSED, str(refusal)))
    return good, tuple(bad)


def _plain_ones(recipients: dict[str, str]) -> tuple[dict[str, str], tuple[RecipientResult, ...]]:
    """Return those whom any relay can reach, and a refusal for each of the others."""
    plain = {address: given for address, given in recipients.items() if address.isascii()}
    others = (given for address, given in recipients.items() if not address.isascii())
    return plain, tuple(RecipientResult(given, SendOutcome.REFUSED, _NO_SMTPUTF8) for given in others)
