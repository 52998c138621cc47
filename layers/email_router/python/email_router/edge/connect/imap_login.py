"""Log in to an IMAP server: PLAIN or LOGIN with a password, XOAUTH2 or OAUTHBEARER with a token."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

from email_router.core.errors import MailboxBlocked, RouterError
from email_router.edge.connect.imap_answers import Answer
from email_router.edge.connect.imap_errors import login_refused
from email_router.edge.connect.imap_names import has_line_break, quoted
from email_router.edge.connect.sasl import oauthbearer, plain, xoauth2

if TYPE_CHECKING:
    from email_router.edge.connect.bearer import Bearer
    from email_router.edge.connect.imap import ImapSession


def with_password(session: ImapSession, user: str, password: str) -> None:
    """Log in with user and password.  Raises MailboxBlocked, or TryLater (shared) when the server says: not now."""
    if has_line_break(user + password):
        raise MailboxBlocked(
            f"{session.name}: user name or password holds a line break or NUL",
            kind="credentials",
            mend="Set the user name and the password again, without line breaks.",
        )
    if "AUTH=PLAIN" in session.capabilities():
        response = plain(user, password)
        answer = _authenticate(session, b"PLAIN", response, b"*")
        method = "AUTHENTICATE PLAIN"
        secrets = [password.encode(), b64encode(response)]
    elif "LOGINDISABLED" in session.capabilities():
        raise MailboxBlocked(
            f"{session.name}: the server takes no password on this line (LOGINDISABLED)",
            kind="login_disabled",
            mend='Set security = "tls" or "starttls"; where it is so already, allow PLAIN on the server, or use authentication = "oauth".',
        )
    else:
        answer, secrets, method = _login(session, user, password), [password.encode()], "LOGIN"
    _settle(session, answer, secrets, with_token=False)
    session.tell_login(f"{user} by {method}")


def with_token(session: ImapSession, user: str, bearer: Bearer) -> None:
    """Log in with a token; where the server refuses it, once more with a new one: the first may have been kept from before."""
    if has_line_break(user):
        raise MailboxBlocked(
            f"{session.name}: the user name holds a line break or NUL",
            kind="credentials",
            mend="Set the user name again.",
        )
    names = session.capabilities()
    if not names & {"AUTH=XOAUTH2", "AUTH=OAUTHBEARER"}:
        raise MailboxBlocked(
            f"{session.name}: the server takes no tokens: it offers neither XOAUTH2 nor OAUTHBEARER",
            kind="login_disabled",
            mend='Use authentication = "clear-text", or the host that takes tokens (outlook.office365.com, imap.gmail.com).',
        )
    token = bearer.token()
    answer = _present(session, user, token, bearer)
    if not answer.ok:
        bearer.forget(token)
        renewed = bearer.token()
        if renewed != token:
            token, answer = renewed, _present(session, user, renewed, bearer)
    _settle(session, answer, [token.encode()], with_token=True)
    session.tell_login(f"{user} by {'XOAUTH2' if 'AUTH=XOAUTH2' in names else 'OAUTHBEARER'}")


def _present(session: ImapSession, user: str, token: str, bearer: Bearer) -> Answer:
    try:
        if "AUTH=XOAUTH2" in session.capabilities():
            return _authenticate(session, b"XOAUTH2", xoauth2(user, token), b"")
        return _authenticate(session, b"OAUTHBEARER", oauthbearer(user, token), b64encode(b"\1"))
    except RouterError:  # a server may close the line on a bad token
        bearer.forget(token)
        raise


def _authenticate(session: ImapSession, mechanism: bytes, response: bytes, end: bytes) -> Answer:
    """Send the response, at once where the server allows (RFC 4959); `end` is what answers a challenge that tells of a failure."""
    coded = b64encode(response)
    if "SASL-IR" in session.capabilities():
        return session.converse(b"AUTHENTICATE " + mechanism + b" " + coded, [end])
    return session.converse(b"AUTHENTICATE " + mechanism, [coded, end])


def _login(session: ImapSession, user: str, password: str) -> Answer:
    """Send LOGIN; what is not printable ASCII goes as literals, each after the server's leave."""
    if all(" " <= character <= "~" for character in user + password):
        (answer,) = session.ask(b"LOGIN " + quoted(user) + b" " + quoted(password))
        return answer
    name, secret = user.encode(), password.encode()
    command = b"LOGIN {%d}" % len(name)
    return session.converse(command, [name + b" {%d}" % len(secret), secret])


def _settle(session: ImapSession, answer: Answer, secrets: list[bytes], *, with_token: bool) -> None:
    """Take the login for granted only where it was; capabilities said before it are forgotten unless the answer tells new ones."""
    if answer.ok and answer.code != "REFERRAL":
        if answer.code != "CAPABILITY":
            session.forget_capabilities()
        return
    said = answer.words
    for secret in filter(None, secrets):
        said = said.replace(secret, b"***")
    raise login_refused(session.name, Answer(answer.status, said, []), with_token=with_token)
