"""Name every failure by what its reader does next."""

from __future__ import annotations


class RouterError(Exception):
    """A failure of the road that somebody upstream knows how to answer.

    The text names the mailbox or message, what was expected and what was seen, never a secret, a body or a whole subject.
    `kind` is one machine word ("login_refused", "certificate"); `mend` says what a person does about it.
    """

    def __init__(self, text: str, *, kind: str = "error", mend: str = "") -> None:
        super().__init__(text)
        self.kind = kind
        self.mend = mend


class TryLater(RouterError):
    """Not this time: the same call may pass later, `after` seconds from now at the earliest (0 = the usual interval).

    `shared` tells that the trouble is of a dependency that others use too (CRM, store, host): it is counted as nobody's attempt.
    """

    def __init__(
        self, text: str, *, kind: str = "try_later", mend: str = "", after: float = 0, shared: bool = False
    ) -> None:
        super().__init__(text, kind=kind, mend=mend)
        self.after = after
        self.shared = shared


class MessageRefused(RouterError):
    """This message will never pass; the ones behind it may."""


class MailboxBlocked(RouterError):
    """This mailbox cannot be served until somebody mends it; other mailboxes can."""


class StaleWorker(Exception):
    """The fencing token has moved on: another worker serves this mailbox, so this one stops without another write."""


class ConfigurationError(Exception):
    """The configuration is wrong; nothing may start.  Not a RouterError, so that nobody swallows it."""


def naming(mailbox: str, error: RouterError) -> str:
    """Return the error's text with the mailbox's address in front, unless it stands there: what meets a line knows its host only."""
    text = str(error)
    return text if mailbox.casefold() in text.casefold() else f"{mailbox}: {text}"


REFUSED_LOGINS = frozenset({"login_refused", "secret_expired"})
"""Kinds of errors that another secret may mend."""
