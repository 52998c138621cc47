"""Log in at Microsoft as an application: which cloud, which account, and a token kept for the process."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from email_router.core.errors import ConfigurationError, MailboxBlocked, TryLater
from email_router.edge.connect.entra import Account, request_token
from email_router.edge.connect.network import narrow

if TYPE_CHECKING:
    from email_router.core.mailbox import Profile
    from email_router.core.ports import Reach

__all__ = ["CLOUDS", "Account", "Cloud", "access_token", "account_of", "application_named", "cloud_of", "forget_token"]

EARLY = 300.0
"""A token is renewed this many seconds before it ends."""


@dataclass(frozen=True, slots=True)
class Cloud:
    """The hosts of one of Microsoft's clouds (learn.microsoft.com/graph/deployments); a token of one is no good in another."""

    login: str
    graph: str


CLOUDS = {
    "global": Cloud("https://login.microsoftonline.com", "https://graph.microsoft.com"),
    "usgov": Cloud("https://login.microsoftonline.us", "https://graph.microsoft.us"),
    "usgov-dod": Cloud("https://login.microsoftonline.us", "https://dod-graph.microsoft.us"),
    "china": Cloud("https://login.chinacloudapi.cn", "https://microsoftgraph.chinacloudapi.cn"),
}


@dataclass(frozen=True, slots=True)
class _Token:
    text: str = field(repr=False)
    ends: float


_held: dict[Account, _Token] = {}
_turns: dict[Account, threading.Lock] = {}
_lock = threading.Lock()


def cloud_of(profile: Profile) -> Cloud:
    """Return the hosts that the profile leads to: its own endpoint and authority, else its cloud's.  Raises ConfigurationError."""
    cloud = CLOUDS.get(profile.cloud)
    if cloud is None:
        raise ConfigurationError(
            f"profile {profile.name}: cloud: expected one of {', '.join(CLOUDS)}, found {profile.cloud!r}"
        )
    graph = (profile.endpoint or cloud.graph).rstrip("/").removesuffix("/v1.0")
    return Cloud((profile.authority or cloud.login).rstrip("/"), graph)


def application_named(where: str, **ids: str) -> None:
    """Demand the ids of an application; `where` says in which part of the configuration they stand.  Raises ConfigurationError."""
    for name, value in ids.items():
        if not value:
            raise ConfigurationError(f"{where}: {name}: expected the id that Entra shows, found nothing")


def account_of(profile: Profile, secret: str, reach: Reach, who: str, resource: str = "") -> Account:
    """Return the account of a profile's application for a resource (default: Graph).

    Raises ConfigurationError when the profile names no tenant or application, MailboxBlocked when there is no secret.
    """
    application_named(f"profile {profile.name}", tenant_id=profile.tenant_id, client_id=profile.client_id)
    if not secret.strip():
        raise MailboxBlocked(
            f"{who}: profile {profile.name} holds no client secret or certificate",
            kind="credentials",
            mend="Set the profile's credentials and publish.",
        )
    cloud = cloud_of(profile)
    has_tenant = bool(urlsplit(cloud.login).path.strip("/"))
    authority = cloud.login if has_tenant else f"{cloud.login}/{profile.tenant_id}"
    return Account(
        authority, profile.client_id, secret, resource or cloud.graph, narrow(reach, profile), profile.ca_pem, who
    )


def access_token(account: Account) -> str:
    """Return a token that is good for minutes yet, kept per process.

    While the login host is away, a token in its last five minutes is still used.  Raises MailboxBlocked "login_refused", "secret_expired" or
    "credentials", and TryLater (shared) when the login host does not answer.
    """
    with _turn_of(account):
        before = _held.get(account)
        token = _current(account, before)
        _held[account] = token
    if account.reach.witness is not None:
        _tell(account, token.text, kept=token is before)
    return token.text


def _current(account: Account, held: _Token | None) -> _Token:
    now = time.time()
    if held is not None and now < held.ends - EARLY:
        return held
    try:
        return _Token(*request_token(account))
    except TryLater:
        if held is None or now >= held.ends:
            raise
        return held


def _turn_of(account: Account) -> threading.Lock:
    """Return the lock of an account: one asks for its token and others wait for it, while a login host that is slow stops nobody else."""
    with _lock:
        return _turns.setdefault(account, threading.Lock())


def _tell(account: Account, token: str, *, kept: bool) -> None:
    from email_router.edge.connect.token_words import of_microsoft  # noqa: PLC0415 - a test of access alone has a witness

    if account.reach.witness is not None:
        account.reach.witness.granted(of_microsoft(account, token, kept=kept))


def forget_token(account: Account, text: str) -> None:
    """Forget a token that the service has refused; a newer one stays."""
    with _turn_of(account):
        held = _held.get(account)
        if held is not None and held.text == text:
            del _held[account]
