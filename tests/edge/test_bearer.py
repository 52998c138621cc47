"""Tokens for IMAP and POP3: of an application in Entra, of a Google service account, of a Google user."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from email_router.core.errors import MailboxBlocked, TryLater
from email_router.core.mailbox import Authentication, Direction, Profile
from email_router.core.ports import Reach
from email_router.edge.connect import google_login
from email_router.edge.connect.bearer import Bearer
from email_router.edge.connect.https import hang_up
from tests.simulators.certificates import Authority
from tests.simulators.graph.process import SECRET, GraphProcess

USER, WHO = "sales@contoso.example", "sales@contoso.example"
LOCAL = Reach(loopback=True)
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
SERVICE = {"type": "service_account", "client_email": "router@contoso.example", "private_key": PEM}
PERSON = {"type": "authorized_user", "client_id": "id", "client_secret": "sec", "refresh_token": "refresh"}


@dataclass
class Google:
    """A token endpoint: what it was asked, and what it answers."""

    port: int = 0
    asked: list[dict[str, list[str]]] = field(default_factory=list)
    status: int = 200
    answer: Any = None

    @property
    def place(self) -> str:
        return f"https://localhost:{self.port}/token"


@pytest.fixture
def google(certificate: tuple[Path, Path]) -> Iterator[Google]:
    told = Google()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            told.asked.append(parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode()))
            answer = told.answer or {"access_token": f"token-{len(told.asked)}", "expires_in": 3600}
            body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(told.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    told.port = server.server_port
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield told
    hang_up()
    server.shutdown()
    server.server_close()
    google_login._held.clear()


def bearer(google: Google, authority: Authority, key: object) -> Bearer:
    profile = Profile(
        name="gmail",
        direction=Direction.INCOMING,
        server="imap",
        authentication=Authentication.OAUTH,
        authority=google.place,
        ca_pem=authority.pem,
    )
    return Bearer(profile, USER, json.dumps(key), LOCAL, WHO)


def test_a_service_account_signs_for_the_mailbox(google: Google, authority: Authority) -> None:
    assert bearer(google, authority, SERVICE).token() == "token-1"

    (asked,) = google.asked
    claims = jwt.decode(asked["assertion"][0], KEY.public_key(), algorithms=["RS256"], audience=google.place)
    assert asked["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    assert (claims["iss"], claims["sub"]) == ("router@contoso.example", USER)
    assert claims["scope"] == "https://mail.google.com/"
    assert claims["exp"] - claims["iat"] == 3600


def test_a_user_s_own_key_is_redeemed(google: Google, authority: Authority) -> None:
    assert bearer(google, authority, PERSON).token() == "token-1"

    assert google.asked == [
        {"grant_type": ["refresh_token"], "client_id": ["id"], "client_secret": ["sec"], "refresh_token": ["refresh"]}
    ]


def test_a_token_is_kept_until_it_is_forgotten_or_about_to_end(google: Google, authority: Authority) -> None:
    held = bearer(google, authority, PERSON)

    assert [held.token(), bearer(google, authority, PERSON).token()] == ["token-1", "token-1"]
    held.forget("another")
    assert held.token() == "token-1"
    held.forget("token-1")
    google.answer = {"access_token": "short", "expires_in": 200}
    assert [held.token(), held.token()] == ["short", "short"]
    assert len(google.asked) == 3


@pytest.mark.parametrize(
    ("status", "answer", "kind", "mend"),
    [
        (400, {"error": "invalid_grant"}, "login_refused", "consent"),
        (401, {"error": "unauthorized_client"}, "login_refused", "delegation"),
        (400, {"error": "strange"}, "login_refused", "key"),
        (503, {"error": "backend"}, "login_away", ""),
        (429, {"error": "slowly"}, "login_away", ""),
        (502, b"<html>", "login_away", ""),
        (200, {"token": "none"}, "login_away", ""),
    ],
)
def test_a_refusal_says_what_to_do(
    google: Google, authority: Authority, status: int, answer: object, kind: str, mend: str
) -> None:
    google.status, google.answer = status, answer

    with pytest.raises((MailboxBlocked, TryLater)) as caught:
        bearer(google, authority, PERSON).token()

    assert caught.value.kind == kind
    assert mend in caught.value.mend
    assert isinstance(caught.value, TryLater) == (kind == "login_away")


@pytest.mark.parametrize(
    "key", [{**SERVICE, "private_key": "no key"}, {"type": "service_account"}, {"type": "authorized_user"}]
)
def test_a_key_that_cannot_be_used_is_told_without_its_text(google: Google, authority: Authority, key: object) -> None:
    with pytest.raises(MailboxBlocked) as caught:
        bearer(google, authority, key).token()

    assert caught.value.kind == "credentials"
    assert "no key" not in str(caught.value)
    assert google.asked == []


@pytest.mark.parametrize("secret", ["", "a plain secret", "[]", '{"type": "other"}'])
def test_without_an_application_or_a_key_nobody_is_asked(secret: str) -> None:
    profile = Profile(name="in", direction=Direction.INCOMING, server="imap")

    with pytest.raises(MailboxBlocked) as caught:
        Bearer(profile, USER, secret, LOCAL, WHO)

    assert caught.value.kind == "credentials"
    assert "Entra" in caught.value.mend


def test_an_application_of_entra_gets_a_token_for_outlook(tmp_path: Path) -> None:
    with GraphProcess(tmp_path / "graph") as entra:
        held = Bearer(entra.profile(), USER, SECRET, LOCAL, WHO)
        first = held.token()
        held.forget(first)
        second = held.token()
        hang_up()

    assert held._microsoft is not None
    assert held._microsoft.resource == "https://outlook.office365.com"
    assert first != second
