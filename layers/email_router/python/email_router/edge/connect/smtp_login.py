"""Log in to an SMTP server (RFC 4954): PLAIN or LOGIN with a password, NTLM with a Windows account, XOAUTH2 with a token."""

from __future__ import annotations

import binascii
import re
import struct
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Protocol

from email_router.core.errors import ConfigurationError, MailboxBlocked
from email_router.core.mailbox import own_password_mend
from email_router.edge.connect.sasl import xoauth2
from email_router.edge.connect.smtp_refusals import refusal

if TYPE_CHECKING:
    from email_router.edge.connect.bearer import Bearer
    from email_router.edge.connect.smtp_answer import Answer

_GO_ON = 334
_FORBIDDEN = re.compile("[\r\n\0]")


class Speaking(Protocol):
    """A session that has greeted, its line secured."""

    extensions: dict[str, str]

    @property
    def name(self) -> str:
        """Whose session with which server it is, for people."""

    def ask(self, command: str) -> Answer:
        """Say one line and return the answer."""


class Ntlm(Protocol):
    """A Windows account that answers a server's challenges."""

    def step(self, in_token: bytes | None = None) -> bytes | None:
        """Return the next token."""


def log_in(session: Speaking, user: str, password: str) -> Answer:
    """Log in by PLAIN, or by LOGIN where that is all the server has; return the server's last answer."""
    _check(session, user, password)
    mechanisms = _offered(session)
    if "PLAIN" in mechanisms:
        return session.ask("AUTH PLAIN " + encoded(f"\0{user}\0{password}".encode()))
    if "LOGIN" not in mechanisms:
        raise _not_offered(session, "PLAIN or LOGIN", 'Allow PLAIN on the server, or set authentication = "anonymous".')
    answer = session.ask("AUTH LOGIN")
    for secret in (user, password):
        answer = session.ask(encoded(secret.encode())) if answer.code == _GO_ON else answer
    return answer


def log_in_by_ntlm(session: Speaking, user: str, password: str) -> Answer:
    r"""Log in as a Windows account, DOMAIN\user or user@domain (MS-SMTPNTLM); the password never stands on the line."""
    _check(session, user, password)
    if "NTLM" not in _offered(session):
        raise _not_offered(session, "NTLM", 'Allow NTLM on the server, or set authentication = "clear-text".')
    account = _account(user, password)
    answer = session.ask("AUTH NTLM")
    if answer.code != _GO_ON:
        return answer
    answer = session.ask(encoded(account.step() or b""))
    if answer.code != _GO_ON:
        return answer
    try:
        token = account.step(b64decode(b"".join(answer.lines), validate=True))
    except _unanswerable() as wrong:
        session.ask("*")  # RFC 4954 4: gives the exchange up
        raise refused(session, "the server's challenge cannot be answered") from wrong
    return session.ask(encoded(token or b""))


def log_in_with_token(session: Speaking, user: str, bearer: Bearer) -> Answer:
    """Log in by XOAUTH2 (Exchange Online, Gmail); a token that is refused is replaced once."""
    if "XOAUTH2" not in _offered(session):
        raise _not_offered(
            session, "XOAUTH2", 'Set authentication = "clear-text", or use the provider\'s host for clients.'
        )
    answer = _with_token(session, user, token := bearer.token())
    if not answer.good and not answer.later:
        bearer.forget(token)
        answer = _with_token(session, user, bearer.token())
    return answer


def encoded(data: bytes) -> str:
    """Return base64 on one line; nothing at all is "=" (RFC 4954 4)."""
    return b64encode(data).decode("ascii") or "="


def _with_token(session: Speaking, user: str, token: str) -> Answer:
    answer = session.ask("AUTH XOAUTH2 " + encoded(xoauth2(user, token)))
    # The refusal stands in a challenge, which an empty line answers (Google: "The XOAUTH2 mechanism", error response).
    return session.ask("") if answer.code == _GO_ON else answer


def _account(user: str, password: str) -> Ntlm:
    try:
        import spnego  # noqa: PLC0415 - comes with the layer for Exchange; no other SMTP server needs it
    except ImportError as missing:
        raise ConfigurationError(
            'authentication = "windows" by SMTP needs pyspnego, of the layer for Exchange: is it attached?'
        ) from missing
    return spnego.client(user, password, protocol="ntlm")


def _unanswerable() -> tuple[type[Exception], ...]:
    """Return what a challenge that is none ends in: pyspnego reads it without a guard of its own."""
    from spnego.exceptions import SpnegoError  # noqa: PLC0415 - as above

    return (SpnegoError, binascii.Error, ValueError, LookupError, struct.error)


def _offered(session: Speaking) -> list[str]:
    return session.extensions.get("AUTH", "").upper().split()


def _check(session: Speaking, user: str, password: str) -> None:
    if not password or _FORBIDDEN.search(user + password):
        raise MailboxBlocked(
            f"{session.name}: the password is missing, or it or the user name holds a line break or NUL",
            kind="credentials",
            mend=f'{own_password_mend()} authentication = "anonymous" needs none.',
        )


def _not_offered(session: Speaking, wanted: str, mend: str) -> MailboxBlocked:
    return MailboxBlocked(
        f"{session.name}: the server offers no login by {wanted}, only {_offered(session) or 'none'}",
        kind="authentication",
        mend=mend,
    )


def refused(session: Speaking, why: str, *, with_token: bool = False) -> MailboxBlocked:
    """Return the error of a login that the server refused."""
    return refusal(session.name, why, with_token=with_token)
