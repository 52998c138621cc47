"""Relays that follow a script, and a sender that leads to one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from email_router.core.mailbox import Authentication, Direction, Mailbox, Profile, Security
from email_router.core.ports import Reach
from email_router.core.sending import Envelope, SendResult
from email_router.edge.senders.smtp import SmtpSender
from tests.simulators.relay import Relay, Script

SENDER, ANN, BOB, EVE = "sales@contoso.example", "ann@example.org", "bob@example.org", "eve@example.org"
MAIL = b"Subject: x\r\n\r\nHello\r\n"
PASSWORD = "smtp-password"


@pytest.fixture
def relays() -> Iterator[Callable[..., Relay]]:
    """Give relays that stop with the test."""
    started: list[Relay] = []

    def start(script: Script | None = None, certificate: tuple[Path, Path] | None = None) -> Relay:
        started.append(Relay(script, certificate))
        return started[-1]

    yield start
    for relay in started:
        relay.stop()


def profile(relay: Relay, security: Security = Security.NONE, pem: str = "") -> Profile:
    """Return a profile that leads to the relay; a login where there is TLS."""
    login = Authentication.ANONYMOUS if security is Security.NONE else Authentication.CLEAR_TEXT
    return Profile(
        name="smtp-out",
        direction=Direction.OUTGOING,
        server="smtp",
        host="localhost",
        port=relay.port,
        security=security,
        ca_pem=pem,
        authentication=login,
        username="router",
    )


def opened(given: Profile, secret: str = PASSWORD) -> SmtpSender:
    """Return a sender over the profile."""
    return SmtpSender(given, Mailbox(address=SENDER), secret, Reach(loopback=True))


def envelope(*recipients: str) -> Envelope:
    """Return an envelope from SENDER."""
    return Envelope(organisation="contoso", activity="6f1d", sender=SENDER, recipients=recipients or (ANN,))


def sent(relay: Relay, composed: bytes = MAIL, *recipients: str) -> SendResult:
    """Send one mail over a line of its own."""
    with closing(opened(profile(relay))) as sender:
        return sender.send(envelope(*recipients), composed)
