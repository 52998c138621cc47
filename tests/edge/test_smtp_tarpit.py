"""A relay that drips its answers holds nobody for long, and what it may have taken is not sent again."""

from __future__ import annotations

import time
from contextlib import closing, suppress

import pytest

from email_router.core.errors import TryLater
from email_router.core.mailbox import Authentication, Direction, Mailbox, Profile, Security
from email_router.core.ports import Reach
from email_router.core.sending import Envelope, SendOutcome
from email_router.edge.connect import smtp
from email_router.edge.senders.smtp import SmtpSender
from tests.simulators import relay as relay_module
from tests.simulators.relay import Relay, Script

ENVELOPE = Envelope(
    organisation="contoso", activity="e1", sender="sales@contoso.example", recipients=("ann@example.org",)
)
MAIL = b"Subject: x\r\n\r\nHello\r\n"
BEFORE = ("220 ready", "relay.example", "250 OK", "354 go on")


class Tarpit(relay_module._Session):
    """A session that drips one answer, named by its words, and never ends it."""

    drips = ""

    def say(self, text: str) -> None:
        """Drip the answer, or give it."""
        if self.drips not in text:
            super().say(text)
            return
        with suppress(OSError):
            for _ in range(200):
                self.send(b"2")
                time.sleep(0.02)
        raise relay_module.CutError


@pytest.mark.parametrize("drips", [*BEFORE, "250 taken"])
def test_a_tarpit_at_any_step_ends_as_what_it_is(drips: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "ANSWER_SECONDS", 0.3)
    monkeypatch.setattr(Tarpit, "drips", drips)
    monkeypatch.setattr(relay_module, "_Session", Tarpit)  # the simulator's own seam: what a session answers
    relay = Relay(Script(extensions=("8BITMIME",)))
    profile = Profile(
        name="out",
        direction=Direction.OUTGOING,
        server="smtp",
        host="localhost",
        port=relay.port,
        security=Security.NONE,
        authentication=Authentication.ANONYMOUS,
    )

    with closing(SmtpSender(profile, Mailbox(address=ENVELOPE.sender), "", Reach(loopback=True))) as sender:
        if drips in BEFORE:
            with pytest.raises(TryLater):
                sender.send(ENVELOPE, MAIL)
        else:
            result = sender.send(ENVELOPE, MAIL)
            assert result.outcome is SendOutcome.UNKNOWN
            assert result.after == 0
    relay.stop()

    assert len(relay.taken) == (0 if drips in BEFORE else 1)
