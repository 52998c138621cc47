"""Find the secret by which a mailbox is logged in to: its own password first, else its profile's credentials."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from email_router.core.mailbox import Mailbox, Profile, password_for, secret_of_one


class MailboxPasswords(Protocol):
    """Passwords that were set for single mailboxes (`email-router set-password`)."""

    def has(self, mailbox: str) -> bool:
        """Tell whether the mailbox has one, as far as is known without a read of its own."""

    def get(self, mailbox: str) -> str | None:
        """Return it, or None.  Raises MailboxBlocked where it cannot be opened."""


class NoPasswords:
    """Where nobody has set any."""

    def has(self, mailbox: str) -> bool:  # noqa: ARG002 - as the protocol says
        """No mailbox has one."""
        return False

    def get(self, mailbox: str) -> str | None:  # noqa: ARG002 - as the protocol says
        """No mailbox has one."""
        return None


def secret_of(profile: Profile, mailbox: Mailbox, passwords: MailboxPasswords, of_profile: Callable[[], str]) -> str:
    """Return the text of the secret, as the adapters take it; empty where there is none.

    The own password wins where the profile lets each mailbox log in as itself.  It is asked for only where it is known, or where the
    profile has none for the mailbox: whoever has the profile's credentials pays no read for it.
    """
    if not profile.takes_own_passwords:
        return of_profile()
    if passwords.has(mailbox.key):
        own = passwords.get(mailbox.key)
        return secret_of_one(mailbox.address, own) if own is not None else of_profile()
    given = of_profile()
    if password_for(given, mailbox.address):
        return given
    own = passwords.get(mailbox.key)
    return secret_of_one(mailbox.address, own) if own is not None else given
