"""Relays that follow a script, and a sender that leads to one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import ClassVar, NamedTuple

import pytest

from email_router.core.errors import TryLater
from email_router.core.mailbox import Authentication, Direction, Mailbox, Profile, Security
from email_router.core.octets import Octets
from email_router.core.ports import Reach
from email_router.core.sending import Envelope, SendOutcome, SendResult
from email_router.edge.connect.smtp_line import SmtpLine
from email_router.edge.senders.smtp import SmtpSender
from tests.simulators import relay as relay_module
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


def sent(relay: Relay, composed: Octets = MAIL, *recipients: str) -> SendResult:
    """Send one mail over a line of its own."""
    with closing(opened(profile(relay))) as sender:
        return sender.send(envelope(*recipients), composed)


class Mail(NamedTuple):
    """What is sent."""

    envelope: Envelope
    text: bytes


def mails(count: int) -> list[Mail]:
    """Return mails of different sizes to different people."""
    return [
        Mail(envelope(f"user{number}@example.org"), b"Subject: %d\r\n\r\n" % number + b".dot\r\n" * number)
        for number in range(count)
    ]


def sent_in_turn(sender: SmtpSender, these: Sequence[Mail], *, announced: bool = True) -> list[SendResult | TryLater]:
    """Send the mails, each but the first announced before the one ahead of it is sent; return what became of each."""
    told: list[SendResult | TryLater] = []
    for number, one in enumerate(these):
        if announced and number + 1 < len(these):
            sender.announce(*these[number + 1])
        try:
            told.append(sender.send(*one))
        except TryLater as later:
            told.append(later)
    return told


def outcomes(told: Sequence[SendResult | TryLater]) -> list[SendOutcome | None]:
    """Return the outcomes, None for what was certainly not handed over."""
    return [one.outcome if isinstance(one, SendResult) else None for one in told]


def on_the_wire(one: Mail) -> bytes:
    """Return a mail as a relay takes it."""
    return one.text.replace(b"\r\n.", b"\r\n..")


class Watching(relay_module._Session):
    """A good server that notes what lay before it when it answered a final dot."""

    ahead: ClassVar[list[bytes]] = []

    def say(self, text: str) -> None:
        """Answer, and note."""
        if text.endswith("taken"):
            self.ahead.append(self.buffer)
        super().say(text)


def leaves_no_doubt(line: SmtpLine, room: int) -> None:
    """Send the end of a text, and an envelope behind it, over a line that takes so many bytes: what is told is whether the text had left."""
    if room < len(b"text.\r\n"):
        with pytest.raises(TryLater):
            line.send_last(b"text.\r\n", b"MAIL\r\n")
        assert not line.open
    else:
        line.send_last(b"text.\r\n", b"MAIL\r\n")
        assert line.open
    line.close()
