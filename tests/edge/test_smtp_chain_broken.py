"""Lines that break, and relays that do not stand it, where an envelope goes ahead: every mail at most once, and each its own fate."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from email_router.core.sending import SendOutcome
from email_router.edge.connect.smtp_line import SmtpLine
from tests.edge.relays import leaves_no_doubt, mails, on_the_wire, opened, outcomes, profile, sent_in_turn
from tests.simulators import relay as relay_module
from tests.simulators.relay import Relay, Script

if TYPE_CHECKING:
    from collections.abc import Callable

ACCEPTED = SendOutcome.ACCEPTED

# Broken lines


@pytest.mark.parametrize("way", ["cut_sent", "cut_received"])
def test_a_line_cut_at_any_byte_leaves_each_mail_its_own_fate(relays: Callable[..., Relay], way: str) -> None:
    these = mails(3)
    whole = relays()
    offsets = []
    with closing(opened(profile(whole))) as sender:
        for number, one in enumerate(these):
            if number < 2:
                sender.announce(*these[number + 1])
            sender.send(*one)
            offsets.append(whole.received)
    length = whole.sent if way == "cut_sent" else whole.received

    for cut in range(length + 1):
        relay = Relay(Script(cut_sent=cut) if way == "cut_sent" else Script(cut_received=cut))
        with closing(opened(profile(relay))) as sender:
            told = sent_in_turn(sender, these)
        relay.stop()
        copies = [relay.taken.count(on_the_wire(one)) for one in these]
        for number, outcome in enumerate(outcomes(told)):
            assert copies[number] <= 1, f"cut {cut}: sent twice"
            assert outcome is not ACCEPTED or copies[number] == 1, f"cut {cut}: lost, and told as accepted"
            assert outcome is not None or copies[number] == 0, f"cut {cut}: taken, and told as not handed over"
            assert outcome in {ACCEPTED, SendOutcome.UNKNOWN, None}
            text_begun = way == "cut_sent" or number == 0 or cut >= offsets[number - 1]
            assert text_begun or outcome is ACCEPTED, f"cut {cut}: the text of mail {number} had not begun"
        assert outcomes(told).count(SendOutcome.UNKNOWN) <= 1


def test_a_relay_that_closes_after_each_mail_gets_all_of_them_once(relays: Callable[..., Relay]) -> None:
    relay, these = relays(Script(most_mails=1)), mails(5)

    with closing(opened(profile(relay))) as sender:
        told = sent_in_turn(sender, these)

    assert outcomes(told) == [ACCEPTED] * 5
    assert relay.taken == [on_the_wire(one) for one in these]
    assert relay.sessions == 5


def test_a_relay_that_closes_after_some_mails_is_still_spoken_to_in_one_breath(relays: Callable[..., Relay]) -> None:
    relay, these = relays(Script(most_mails=3)), mails(9)

    with closing(opened(profile(relay))) as sender:
        told = sent_in_turn(sender, these)
        assert sender._chains

    assert outcomes(told) == [ACCEPTED] * 9
    assert relay.taken == [on_the_wire(one) for one in these]
    assert relay.sessions == 3


class _WriteEnds:
    """A socket whose kernel takes so many bytes, in pieces, and no more."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.taken = b""

    def send(self, data: memoryview) -> int:
        piece = bytes(data[: min(4, self.room - len(self.taken))])
        if not piece:
            raise BrokenPipeError
        self.taken += piece
        return len(piece)

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_: None


@pytest.mark.parametrize("room", range(15))
def test_a_write_that_fails_leaves_no_doubt_whether_the_text_had_left(room: int) -> None:
    kernel = _WriteEnds(room)
    line = SmtpLine(kernel, "relay.example", "sales at relay.example")  # type: ignore[arg-type]  # what a line asks of a socket

    leaves_no_doubt(line, room)

    assert kernel.taken == b"text.\r\nMAIL\r\n"[:room]


# Relays that do not stand it


class Forgetful(relay_module._Session):
    """A server that throws away what came with a mail's text."""

    def say(self, text: str) -> None:
        """Forget before a final answer."""
        if text.endswith("taken"):
            self.buffer = b""
        super().say(text)


class Nested(relay_module._Session):
    """A server that is not done with a mail when the next MAIL comes."""

    early = False

    def say(self, text: str) -> None:
        """Answer as out of order what came with a text."""
        if self.early and text == "250 OK":
            super().say("503 5.5.1 nested MAIL command")
            return
        self.early = (text.endswith("taken") and bool(self.buffer)) or (self.early and bool(self.buffer))
        super().say(text)


class Impatient(relay_module._Session):
    """A server that refuses the mail itself when more came with it, and closes."""

    words = "554 5.5.0 synchronization error"

    def say(self, text: str) -> None:
        """Refuse."""
        if not text.endswith("taken") or not self.buffer:
            super().say(text)
            return
        if self.words:
            self.relay.taken.pop()
            super().say(self.words)
        raise relay_module.CutError


@pytest.mark.parametrize(
    "kind", [Forgetful, Nested, Impatient, type("Later", (Impatient,), {"words": "451 4.7.0 too early"})]
)
def test_a_relay_that_does_not_stand_it_gets_each_mail_once_in_the_plain_way(
    kind: type[relay_module._Session], monkeypatch: pytest.MonkeyPatch, relays: Callable[..., Relay]
) -> None:
    monkeypatch.setattr("email_router.edge.connect.smtp.ANSWER_SECONDS", 0.8)
    monkeypatch.setattr(relay_module, "_Session", kind)
    relay, these = relays(), mails(4)

    with closing(opened(profile(relay))) as sender:
        told = sent_in_turn(sender, these)

    assert outcomes(told) == [ACCEPTED] * 4
    assert relay.taken == [on_the_wire(one) for one in these]
    assert relay.sessions == 2


def test_a_relay_that_closes_without_a_word_leaves_one_mail_in_doubt_and_no_other(
    monkeypatch: pytest.MonkeyPatch, relays: Callable[..., Relay]
) -> None:
    monkeypatch.setattr(relay_module, "_Session", type("Closing", (Impatient,), {"words": ""}))
    relay, these = relays(), mails(4)

    with closing(opened(profile(relay))) as sender:
        told = sent_in_turn(sender, these)

    assert outcomes(told) == [SendOutcome.UNKNOWN, ACCEPTED, ACCEPTED, ACCEPTED]
    assert relay.taken == [on_the_wire(one) for one in these]


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("piece", [b"", b"25"])
def test_a_relay_that_falls_silent_at_an_envelope_that_went_ahead_harms_no_mail(
    monkeypatch: pytest.MonkeyPatch, relays: Callable[..., Relay], step: str, piece: bytes
) -> None:
    monkeypatch.setattr("email_router.edge.connect.smtp.ANSWER_SECONDS", 0.8)

    class Silent(relay_module._Session):
        def answer(self, verb: str) -> None:
            if verb != step or self.mails != 1 or self.relay.sessions > 1:
                super().answer(verb)
                return
            self.send(piece)
            self.read_until(b"never")  # until the client gives up

    monkeypatch.setattr(relay_module, "_Session", Silent)
    relay, these = relays(), mails(3)

    with closing(opened(profile(relay))) as sender:
        told = sent_in_turn(sender, these)

    assert outcomes(told) == [ACCEPTED] * 3
    assert relay.taken == [on_the_wire(one) for one in these]
    assert relay.sessions == 2
