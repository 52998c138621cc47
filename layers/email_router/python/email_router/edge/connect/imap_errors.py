"""Name what an IMAP server refuses by what its reader does next: response codes (RFC 5530), and words where there are none."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from email_router.core.errors import MailboxBlocked, RouterError, TryLater
from email_router.edge.connect.imap_answers import code_of
from email_router.edge.connect.line import words

if TYPE_CHECKING:
    from email_router.edge.connect.imap_answers import Answer

_LATER = {
    "UNAVAILABLE": "server_trouble",
    "SERVERBUG": "server_trouble",
    "CORRUPTION": "server_trouble",
    "INUSE": "in_use",
    "LIMIT": "not_now",
    "THROTTLED": "not_now",
}
# Gmail says "Too many simultaneous connections", Exchange "Server Unavailable. 15", others the rest.
_LATER_WORDS = re.compile(
    rb"unavailable|temporar|try again|too many|try later|timed? ?out|throttl|in use", re.IGNORECASE
)
_NOT_CONNECTED = re.compile(rb"authenticated but not connected", re.IGNORECASE)
_NO_SUCH_FOLDER = frozenset({"NONEXISTENT", "TRYCREATE", "CANNOT"})

_MEND_LOGIN = (
    "Check user name and password (the profile's credentials, or the mailbox's own: `email-router set-password MAILBOX`), and see "
    "that IMAP is enabled for the mailbox."
)
_MEND_APPLICATION = (
    "See that the application may use IMAP for this mailbox (docs/configuration.md): in Entra the permission IMAP.AccessAsApp with admin "
    "consent, in Exchange Online PowerShell Add-MailboxPermission MAILBOX -User OBJECT-ID -AccessRights FullAccess for its service principal "
    "(New-ServicePrincipal), and IMAP enabled (Set-CASMailbox MAILBOX -ImapEnabled $true)."
)
_MEND_BY_CODE = {
    "EXPIRED": "The password has expired: set a new one at the server, then here (`email-router set-password MAILBOX`, or publish).",
    "CONTACTADMIN": "The server's administrator must unlock the account.",
    "PRIVACYREQUIRED": 'The server wants encryption before a login: set security = "tls" or "starttls".',
    "ALERT": "Do what the server's words ask for, then test again.",
    "WEBALERT": 'Log in with a browser where the server\'s words say, or use authentication = "oauth".',
}
_MEND_REFERRAL = "Name that server as the profile's host, if it is yours; the router follows no referral."


def said(name: str, what: str, answer: Answer) -> RouterError:
    """Name a refusal of a command other than the login."""
    text = f"{name}: {what} was answered: {words(answer.words)}"
    later = _LATER.get(answer.code) or ("not_now" if _means_later(answer.code, answer.words) else "")
    if later:
        return TryLater(text, kind=later, shared=True)
    if answer.code == "REFERRAL":
        return MailboxBlocked(text, kind="referral", mend=_MEND_REFERRAL)
    if answer.code == "OVERQUOTA":
        return MailboxBlocked(text, kind="mailbox_full", mend="Make room in the mailbox.")
    if answer.code == "NOPERM" or _NOT_CONNECTED.search(answer.words):
        return no_right(text)
    return TryLater(text, kind="unexpected_answer")


def no_right(text: str) -> MailboxBlocked:
    """Name a mailbox or folder that the account may not use."""
    return MailboxBlocked(
        text,
        kind="access_denied",
        mend="Give the account the rights to read and write this mailbox; in Exchange full access (Add-MailboxPermission).",
    )


def folder_refused(name: str, folder: str, answer: Answer) -> RouterError:
    """Name a folder that the server does not open."""
    error = said(name, f"folder {folder!r}", answer)
    if error.kind != "unexpected_answer" or answer.status == b"BAD":
        return error
    return MailboxBlocked(
        f"{name}: the server does not open the folder {folder!r}: {words(answer.words)}",
        kind="folder_missing",
        mend="Make the folder in the mailbox, or mend `folders` of the profile: names stand as the server lists them.",
    )


def lacks_folder(answer: Answer) -> bool:
    """Tell whether a MOVE or COPY was refused because its folder is not there."""
    return not answer.ok and answer.code in _NO_SUCH_FOLDER


def login_refused(name: str, answer: Answer, *, with_token: bool) -> RouterError:
    """Name a refused login: later, blocked, or sent on to another server.  The words hold no secret any more."""
    text = f"{name}: the login was refused: {words(answer.words)}"
    if answer.code == "REFERRAL":
        return MailboxBlocked(text, kind="referral", mend=_MEND_REFERRAL)
    later = _LATER.get(answer.code) or ("not_now" if _means_later(answer.code, answer.words) else "")
    if later:
        return TryLater(f"{name}: the server says: not now: {words(answer.words)}", kind=later, shared=True)
    if answer.code == "AUTHORIZATIONFAILED" or _NOT_CONNECTED.search(answer.words):
        return no_right(text)
    mend = _MEND_BY_CODE.get(answer.code) or (_MEND_APPLICATION if with_token else _MEND_LOGIN)
    return MailboxBlocked(text, kind="login_refused", mend=mend)


def farewell(name: str, said_words: bytes) -> RouterError:
    """Name a BYE: the server ends the session by itself."""
    code, _ = code_of(said_words)
    text = f"{name}: the server ends the session: {words(said_words)}"
    if code == "REFERRAL":
        return MailboxBlocked(text, kind="referral", mend=_MEND_REFERRAL)
    kind = _LATER.get(code) or ("not_now" if _means_later(code, said_words) else "connection_lost")
    return TryLater(text, kind=kind, shared=True)


def greeting(name: str, line: bytes) -> RouterError:
    """Name a greeting that is no welcome."""
    if line[:9].upper() == b"* PREAUTH":
        return MailboxBlocked(
            f"{name}: the server says that we are logged in before we were: {words(line)}",
            kind="preauth",
            mend="Use a server or port that asks for a login: PREAUTH bypasses STARTTLS and says nothing of whose mailbox it is.",
        )
    if line[:5].upper() == b"* BYE":
        return farewell(name, line[2:])
    return TryLater(f"{name}: the server greets with: {words(line)}", kind="greeting", shared=True)


def _means_later(code: str, text: bytes) -> bool:
    """Tell by the words of an answer without a code whether it passes by itself."""
    return not code and _LATER_WORDS.search(text) is not None
