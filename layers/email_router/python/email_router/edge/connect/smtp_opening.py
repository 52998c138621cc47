"""Open an SMTP session: be greeted, say hello, start TLS where the profile wants it, log in (RFC 5321 3.2, 3207, 4954)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from email_router.core.mailbox import Authentication, Security
from email_router.edge.connect import smtp_login
from email_router.edge.connect.opening import no_starttls
from email_router.edge.connect.smtp_login import Speaking

if TYPE_CHECKING:
    from email_router.core.errors import TryLater
    from email_router.core.mailbox import Profile
    from email_router.edge.connect.bearer import Bearer
    from email_router.edge.connect.smtp_answer import Answer
    from email_router.edge.connect.smtp_line import SmtpLine

PORTS = {Security.TLS: 465, Security.STARTTLS: 587, Security.NONE: 25}
_READY = 220
"""The answer to STARTTLS that lets TLS begin (RFC 3207 4)."""


class Opening(Speaking, Protocol):
    """A session that is being opened."""

    def trouble(self, step: str, answer: Answer) -> TryLater:
        """Name a refusal that ends the session before any mail."""


def greet(session: Opening, line: SmtpLine, profile: Profile, name: str) -> None:
    """Take the greeting, say hello by this name and secure the line."""
    greeting = line.answer()
    if not greeting.good:
        raise session.trouble("the greeting", greeting)
    _hello(session, name)
    if profile.security is not Security.STARTTLS:
        return
    answer = session.ask("STARTTLS")
    if answer.code != _READY:
        raise no_starttls(line, str(answer), command="STARTTLS", tls_port=PORTS[Security.TLS])
    line.start_tls(profile.ca_pem)
    _hello(session, name)


def _hello(session: Opening, name: str) -> None:
    """Say EHLO and forget whatever was known of the server before."""
    session.extensions = {}
    answer = session.ask(f"EHLO {name}")
    if not answer.good:
        answer = session.ask(f"HELO {name}")
        if not answer.good:
            raise session.trouble("HELO", answer)
        return
    for line in answer.lines[1:]:
        keyword, _, parameters = line.decode("ascii", "replace").strip().partition(" ")
        session.extensions[keyword.upper()] = parameters.strip()


def log_in(session: Opening, profile: Profile, user: str, password: str, bearer: Bearer | None) -> None:
    """Log in as the profile says: with the bearer's token where one is given."""
    if profile.authentication is Authentication.ANONYMOUS:
        return
    if bearer is not None:
        answer = smtp_login.log_in_with_token(session, user, bearer)
    elif profile.authentication is Authentication.WINDOWS:
        answer = smtp_login.log_in_by_ntlm(session, user, password)
    else:
        answer = smtp_login.log_in(session, user, password)
    if answer.later:
        raise session.trouble("AUTH", answer)
    if not answer.good:
        raise smtp_login.refused(session, str(answer), with_token=bearer is not None)


def login_told(session: Speaking, profile: Profile, user: str, bearer: Bearer | None) -> str:
    """Return in words who has logged in and how."""
    if profile.authentication is Authentication.ANONYMOUS:
        return 'no login: authentication = "anonymous" in the profile'
    if bearer is not None or profile.authentication is Authentication.WINDOWS:
        return f"{user} by {'XOAUTH2' if bearer else 'NTLM'}"
    return f"{user} by {'PLAIN' if 'PLAIN' in session.extensions.get('AUTH', '').upper().split() else 'LOGIN'}"
