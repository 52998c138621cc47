"""The ports of the outgoing road: the ways out for mail."""

from __future__ import annotations

from typing import Protocol

from email_router.core.octets import Octets
from email_router.core.sending import Envelope, SendResult


class MailSender(Protocol):
    """One way out for mail.  A sender takes a composed mail, held or too large for that; it never changes it, and never tries again."""

    kind: str

    def send(self, envelope: Envelope, composed: Octets) -> SendResult:
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

    def announce(self, envelope: Envelope, composed: Octets) -> None:
        """Say which mail is sent after the one that is sent next.

        It promises nothing: another mail may follow, or none.  Nothing of it is handed over before it is sent itself, and nothing raised.
        """


class DraftingSender(MailSender, Protocol):
    """A way out where the mail lies as a draft before it is sent: one draft for each e-mail for ever, so that it leaves once.

    Sending a draft again finds what became of it: it has left, or it still lies there and is sent.
    """

    def draft(self, envelope: Envelope, composed: Octets) -> str:
        """Make the draft and return its id, to be kept before it is sent; drafts of earlier attempts that nobody kept are removed.

        Nothing is sent.  Raises MessageRefused where the provider takes no such mail, TryLater, MailboxBlocked.
        """

    def withdraw(self, envelope: Envelope) -> SendResult | None:
        """Remove the draft of an e-mail that is not to be sent any more; None when it has not left and cannot leave any more.

        Else what is known: ACCEPTED when it had left, UNKNOWN when nobody can tell.  Without an id in the envelope it is a draft whose
        id was lost, and which was therefore never sent.  Repeatable.  Raises TryLater, MailboxBlocked.
        """
