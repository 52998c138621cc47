"""A line to SES that breaks: before the request nothing has left, behind it nobody knows."""

from __future__ import annotations

import socket
import ssl
import threading
from typing import TYPE_CHECKING

import pytest

from email_router.core.errors import TryLater
from email_router.core.mailbox import Direction, Mailbox, Profile
from email_router.core.ports import Reach
from email_router.core.sending import Envelope, SendOutcome
from email_router.edge.senders.ses import SesSender

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.simulators.certificates import Authority

MAIL = b"Subject: x\r\n\r\nHello\r\n"
ENVELOPE = Envelope(
    organisation="contoso", activity="e1", sender="sales@contoso.example", recipients=("ann@example.org",)
)
_SPOILED = b"\x17\x03\x03\x00\x20" + bytes(32)
"""A record of TLS that no key of the line has made."""


class Breaking:
    """Takes one request over TLS and answers with what cannot be deciphered."""

    def __init__(self, certificate: tuple[Path, Path]) -> None:
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(*certificate)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.taken = b""
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Hang up."""
        self._socket.close()
        self._thread.join(10)

    def _serve(self) -> None:
        try:
            line, _ = self._socket.accept()
            below = line.dup()
            with below, self._tls.wrap_socket(line, server_side=True) as wrapped:
                while b"Hello" not in self.taken and b'"Raw"' not in self.taken:
                    self.taken += wrapped.recv(65536)
                below.sendall(_SPOILED)
                below.recv(1)
        except OSError:
            return


@pytest.fixture
def breaking(certificate: tuple[Path, Path]) -> Iterator[Breaking]:
    server = Breaking(certificate)
    yield server
    server.stop()


@pytest.fixture
def sender(breaking: Breaking, monkeypatch: pytest.MonkeyPatch) -> Callable[[], SesSender]:
    """Make the way out to that server."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    profile = Profile(
        name="out", direction=Direction.OUTGOING, server="ses", endpoint=f"https://localhost:{breaking.port}"
    )
    return lambda: SesSender(profile, Mailbox(address="sales@contoso.example"), "", Reach())


def test_tls_that_breaks_behind_the_request_leaves_the_mail_unknown(
    breaking: Breaking, sender: Callable[[], SesSender], authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", str(authority.ca))

    result = sender().send(ENVELOPE, MAIL)

    assert b"POST /v2/email/outbound-emails" in breaking.taken
    assert result.outcome is SendOutcome.UNKNOWN


def test_tls_that_never_came_about_has_sent_nothing(
    breaking: Breaking, sender: Callable[[], SesSender], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)

    with pytest.raises(TryLater, match="was not reached"):
        sender().send(ENVELOPE, MAIL)

    assert breaking.taken == b""
