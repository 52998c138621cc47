"""Ask Google for a token of one mailbox: by a service account with domain-wide delegation, or by an account's own refresh token.

Both keys are Google's own JSON files ("type": "service_account" or "authorized_user"); developers.google.com, "Using OAuth 2.0 for Server to
Server Applications".  The login goes over our own lines: addresses are judged and certificates verified as everywhere.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from email_router.core.errors import MailboxBlocked, TryLater
from email_router.edge.connect.https import Place, ask
from email_router.edge.connect.importing import in_turn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from email_router.core.errors import RouterError
    from email_router.core.ports import Reach

GOOGLE_TOKENS = "https://oauth2.googleapis.com/token"
_SCOPE = "https://mail.google.com/"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_EARLY = 300.0
_LIFE = 3600
_OK, _BAD_REQUEST, _TOO_MANY, _SERVER_ERROR = 200, 400, 429, 500
_MEND = {
    "invalid_grant": "Check the key's account, its clock, and that the user exists; an authorized user must consent anew.",
    "unauthorized_client": "Allow the service account the scope https://mail.google.com/ (Admin console, domain-wide delegation).",
    "invalid_client": "Use the key of an existing client: this one was deleted or its secret renewed.",
}
_MEND_OTHER = "Check the Google key in the profile's credentials, and publish."


@dataclass(frozen=True, slots=True)
class GoogleAccount:
    """A key (JSON text), the mailbox it is used for, and where tokens are asked for.  `who` names the mailbox in errors."""

    key: str = field(repr=False)
    user: str
    place: str
    reach: Reach
    ca_pem: str = ""
    who: str = field(default="", compare=False)

    def forget(self, token: str) -> None:
        """Forget a token that the server has refused; a newer one stays."""
        with _turn_of(self):
            if self in _held and _held[self][0] == token:
                del _held[self]


_held: dict[GoogleAccount, tuple[str, float]] = {}
_turns: dict[GoogleAccount, threading.Lock] = {}
_lock = threading.Lock()


def google_token(account: GoogleAccount) -> str:
    """Return a token that is good for five minutes yet, kept per process.

    Raises MailboxBlocked "login_refused" or "credentials", and TryLater "login_away" (shared) when the login host does not answer.
    """
    with _turn_of(account):
        token, ends = _held.get(account, ("", 0.0))
        kept = time.time() < ends - _EARLY
        if not kept:
            asked = time.time()
            answer = _ask(account)
            token = str(answer["access_token"])
            _held[account] = token, asked + float(answer.get("expires_in", 0))
    if account.reach.witness is not None:
        from email_router.edge.connect.token_words import of_google  # noqa: PLC0415 - a test of access alone has a witness

        account.reach.witness.granted(of_google(account.user, kept=kept))
    return token


def _turn_of(account: GoogleAccount) -> threading.Lock:
    """Return the lock of an account: one asks for its token, and others wait for it."""
    with _lock:
        return _turns.setdefault(account, threading.Lock())


def _ask(account: GoogleAccount) -> Mapping[str, Any]:
    form = urlencode(_form(account, json.loads(account.key))).encode()
    headers = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
    path = urlsplit(account.place).path or "/"
    reply = ask(Place.of(account.place, account.reach, account.ca_pem), "POST", path, headers, form)
    try:
        answer = json.loads(reply.read())
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise _away(account, reply.status)
    if reply.status == _OK and answer.get("access_token"):
        return answer
    raise _refused(account, answer, reply.status)


def _form(account: GoogleAccount, key: Mapping[str, Any]) -> dict[str, str]:
    try:
        if key["type"] == "service_account":
            return {"grant_type": _GRANT, "assertion": _assertion(account, key)}
        names = ("client_id", "client_secret", "refresh_token")
        return {"grant_type": "refresh_token", **{name: str(key[name]) for name in names}}
    except (KeyError, ValueError, TypeError) as problem:
        raise MailboxBlocked(
            f"{account.who}: the Google key in the credentials is incomplete or cannot be read ({type(problem).__name__})",
            kind="credentials",
            mend="Use the JSON file as Google made it.",
        ) from problem


def _assertion(account: GoogleAccount, key: Mapping[str, Any]) -> str:
    jwt = in_turn("jwt")  # msal brings it; only mailboxes of Google pay for its import

    now = int(time.time())
    claims = {"iss": key["client_email"], "sub": account.user, "scope": _SCOPE, "aud": account.place}
    try:
        signed: str = jwt.encode({**claims, "iat": now, "exp": now + _LIFE}, key["private_key"], algorithm="RS256")
    except jwt.PyJWTError as problem:
        raise ValueError("private key") from problem
    return signed


def _away(account: GoogleAccount, status: int) -> TryLater:
    host = urlsplit(account.place).hostname
    return TryLater(
        f"{account.who}: the login host {host} gives no token now (HTTP {status})", kind="login_away", shared=True
    )


def _refused(account: GoogleAccount, answer: Mapping[str, Any], status: int) -> RouterError:
    """Translate an error answer of the token endpoint (RFC 6749 5.2)."""
    if status == _TOO_MANY or status >= _SERVER_ERROR or status < _BAD_REQUEST:
        return _away(account, status)
    error = str(answer.get("error", "no reason given"))[:80]
    return MailboxBlocked(
        f"{account.who}: Google refused the login ({error})", kind="login_refused", mend=_MEND.get(error, _MEND_OTHER)
    )
