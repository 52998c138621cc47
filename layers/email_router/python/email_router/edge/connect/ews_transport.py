"""Carry EWS requests: `requests` for its NTLM, over lines of our own that judge every address and verify every certificate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase, HTTPBasicAuth
from requests_ntlm import HttpNtlmAuth
from urllib3.connection import HTTPSConnection
from urllib3.connectionpool import HTTPSConnectionPool

from email_router.core.mailbox import Authentication
from email_router.edge.connect.network import connect
from email_router.edge.connect.patience import PatientResponse
from email_router.edge.connect.tls import secure

if TYPE_CHECKING:
    from email_router.edge.connect.https import Place

READ_SECONDS = 60.0


class BearerAuth(AuthBase):
    """Puts a token on each request."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the header."""
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def open_session(place: Place) -> requests.Session:
    """Return a session that can reach this place and nothing else: no proxy, no .netrc, no other host, no cookie of another session."""
    session = requests.Session()
    session.trust_env = False
    session.adapters.clear()
    session.mount(f"https://{place.host}", _Adapter(place))
    session.headers.update(
        {"User-Agent": "email-router", "Content-Type": "text/xml; charset=utf-8", "Accept": "text/xml"}
    )
    return session


def login(authentication: Authentication, username: str, password: str) -> AuthBase:
    """Return what logs in with a password: NTLM for "windows", else basic."""
    if authentication is Authentication.WINDOWS:
        found: AuthBase = HttpNtlmAuth(username, password)
        return found
    return HTTPBasicAuth(username.encode(), password.encode())


class _Adapter(HTTPAdapter):
    """One pool for one place.  NTLM binds a login to its connection, so one is kept; an answer left unread takes another."""

    def __init__(self, place: Place) -> None:
        super().__init__(max_retries=0)
        self._pool = _Pool(place)

    def get_connection_with_tls_context(self, *_: object, **__: object) -> HTTPSConnectionPool:
        """Return the pool of this place; whatever else `requests` would decide about TLS is not asked."""
        return self._pool

    def cert_verify(self, *_: object, **__: object) -> None:
        """Do nothing: tls.secure verifies."""

    def close(self) -> None:
        """Hang up."""
        self._pool.close()
        super().close()


class _Connection(HTTPSConnection):
    place: Place
    response_class = PatientResponse

    def connect(self) -> None:
        """Connect to a judged address and put TLS on the line."""
        line = connect(self.place.host, self.place.port, self.place.reach)
        self.sock = secure(line, self.place.host, self.place.ca_pem, self.place.reach.witness)
        self.sock.settimeout(READ_SECONDS)
        self.is_verified = True


class _Pool(HTTPSConnectionPool):
    def __init__(self, place: Place) -> None:
        self.ConnectionCls = type("_PlacedConnection", (_Connection,), {"place": place})
        super().__init__(place.host, place.port, maxsize=1, block=False, retries=False)
