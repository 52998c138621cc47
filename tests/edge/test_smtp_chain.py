"""An envelope that goes ahead, in one breath with the text of the mail before (RFC 2920 3.1): one round trip a mail, and each mail's
answers its own."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from email_router.core.mailbox import Security
from email_router.core.sending import SendOutcome, SendResult
from tests.edge.relays import (
    ANN,
    BOB,
    EVE,
    MAIL,
    SENDER,
    Mail,
    Watching,
    envelope,
    mails,
    on_the_wire,
    opened,
    outcomes,
    profile,
    sent_in_turn,
)
from tests.simulators import relay as relay_module
from tests.simulators.relay import Relay, Script

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.simulators.certificates import Authority

ACCEPTED, REFUSED = SendOutcome.ACCEPTED, SendOutcome.REFUSED


def test_the_next_envelope_goes_in_one_breath_with_the_text(
    monkeypatch: pytest.MonkeyPatch, relays: Callable[..., Relay]
) -> None:
    monkeypatch.setattr(relay_module, "_Session", Watching)  # the simulator's own seam: what a session answers
    monkeypatch.setattr(Watching, "ahead", [])
    relay, these = relays(Script(extensions=("PIPELINING",))), mails(4)

    with closing(opened(profile(relay))) as sender:
        told = sent_in_turn(sender, these)

    assert outcomes(told) == [ACCEPTED] * 4
    assert relay.taken == [on_the_wire(one) for one in these]
    assert relay.sessions == 1
    assert Watching.ahead == [
        *(f"MAIL FROM:<{SENDER}>\r\nRCPT TO:<user{number}@example.org>\r\nDATA\r\n".encode() for number in (1, 2, 3)),
        b"",
    ]


def test_what_is_said_is_what_is_said_without_going_ahead(relays: Callable[..., Relay]) -> None:
    script = Script(extensions=("PIPELINING", "SIZE 9000000", "8BITMIME", "SMTPUTF8", "DSN"))
    these = [
        Mail(envelope(ANN, BOB), MAIL),
        Mail(replace(envelope(BOB), delivery_receipt=True), MAIL),
        Mail(envelope("änna@example.org", "no address"), "Subject: ü\r\n\r\n".encode()),
        Mail(envelope(*(f"user{number}@example.org" for number in range(150))), MAIL),
        Mail(envelope(EVE), b"x" * 300_000 + b"\r\n" + b".\r\n" * 200_000),
        Mail(envelope(ANN), MAIL),
    ]
    plain, chained = relays(script), relays(script)

    with closing(opened(profile(plain))) as sender:
        expected = sent_in_turn(sender, these, announced=False)
    with closing(opened(profile(chained))) as sender:
        told = sent_in_turn(sender, these)

    assert told == expected
    assert outcomes(told) == [ACCEPTED] * len(these)
    assert chained.commands == plain.commands
    assert chained.taken == plain.taken
    assert chained.sessions == 1


@pytest.mark.parametrize(
    ("extensions", "second"),
    [
        ((), Mail(envelope(BOB), MAIL)),
        (("PIPELINING", "SIZE 50"), Mail(envelope(BOB), MAIL * 9)),
        (("PIPELINING",), Mail(envelope(BOB), "Größe\r\n".encode())),
        (("PIPELINING", "8BITMIME"), Mail(envelope("änna@example.org"), MAIL)),
        (("PIPELINING",), Mail(envelope("no address"), MAIL)),
        (("PIPELINING",), Mail(replace(envelope(), sender="no address"), MAIL)),
    ],
)
def test_what_cannot_be_sent_as_it_is_goes_not_ahead(
    relays: Callable[..., Relay], extensions: tuple[str, ...], second: Mail
) -> None:
    relay, third = relays(Script(extensions=extensions)), Mail(envelope(EVE), MAIL)

    with closing(opened(profile(relay))) as sender:
        sender.announce(*second)
        first = sender.send(envelope(ANN), MAIL)
        seen = relay.commands[:]
        told = outcomes(sent_in_turn(sender, [second, third]))

    assert first.outcome is ACCEPTED
    assert seen[-1] == "DATA"
    assert seen.count("DATA") == 1
    assert told == [ACCEPTED if not extensions else REFUSED, ACCEPTED]
    assert relay.sessions == 1


def test_a_text_that_may_not_go_on_the_wire_does_not_though_its_envelope_went(relays: Callable[..., Relay]) -> None:
    relay = relays()
    first, _, third = mails(3)

    with closing(opened(profile(relay))) as sender:
        told = sent_in_turn(sender, [first, Mail(envelope(BOB), b"bare\nline\r\n"), third])

    assert outcomes(told) == [ACCEPTED, REFUSED, ACCEPTED]
    assert relay.taken == [on_the_wire(first), on_the_wire(third)]
    assert relay.sessions == 2


# Whose answer it is


class Choosy(relay_module._Session):
    """A server that follows its script's answers with the mail of one size, and is a good one with all others."""

    size = 0

    @property
    def script(self) -> Script:
        """Return the script, without its answers where it is not their turn."""
        now = next((command for command in reversed(self.relay.commands) if command.startswith("MAIL")), "")
        return self.whole if now.endswith(f" SIZE={self.size}") else replace(self.whole, answers={})

    @script.setter
    def script(self, script: Script) -> None:
        self.whole = script


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA", "final"])
@pytest.mark.parametrize("code", ["421", "450", "452", "503", "550", "554"])
@pytest.mark.parametrize("nth", [1, 2, 3])
def test_a_refusal_is_told_of_the_mail_that_it_was_said_of(
    monkeypatch: pytest.MonkeyPatch, relays: Callable[..., Relay], verb: str, code: str, nth: int
) -> None:
    relay, these = relays(Script(extensions=("PIPELINING", "SIZE"), answers={verb: f"{code} so it is"})), mails(4)
    monkeypatch.setattr(relay_module, "_Session", Choosy)
    monkeypatch.setattr(Choosy, "size", len(these[nth - 1].text))

    with closing(opened(profile(relay))) as sender:
        told = sent_in_turn(sender, these)

    others = [one for number, one in enumerate(told, 1) if number != nth]
    assert outcomes(others) == [ACCEPTED] * 3
    one = told[nth - 1]
    if isinstance(one, SendResult) and one.outcome is not ACCEPTED:
        assert one.outcome is (SendOutcome.DEFERRED if code < "500" else REFUSED)
        assert "so it is" in one.evidence
        assert {each.outcome for each in one.recipients} <= {one.outcome}
    taken = [on_the_wire(each) for each in these]
    assert [relay.taken.count(each) for each in taken if each != taken[nth - 1]] == [1, 1, 1]
    assert relay.taken.count(taken[nth - 1]) == (verb == "final" or outcomes([one]) == [ACCEPTED])


def test_each_recipient_of_an_envelope_that_went_ahead_has_his_own_answer(relays: Callable[..., Relay]) -> None:
    answers = {f"RCPT TO:<{BOB}>": "550 5.1.1 unknown", f"RCPT TO:<{EVE}>": "451 4.7.1 later"}
    relay = relays(Script(answers=answers))

    with closing(opened(profile(relay))) as sender:
        first, second, third = sent_in_turn(
            sender, [Mail(envelope(ANN), MAIL), Mail(envelope(EVE, ANN, BOB), MAIL), Mail(envelope(ANN), MAIL)]
        )

    assert outcomes([first, second, third]) == [ACCEPTED] * 3
    assert isinstance(second, SendResult)
    assert [each.outcome for each in second.recipients] == [SendOutcome.DEFERRED, ACCEPTED, REFUSED]
    assert [each.evidence for each in second.recipients[::2]] == ["451 4.7.1 later", "550 5.1.1 unknown"]
    assert second.after == 300
    assert relay.taken == [MAIL] * 3
    assert relay.sessions == 1


@pytest.mark.parametrize("refused", [(), (ANN,), (BOB,), (ANN, BOB)])
def test_an_answer_too_many_moves_no_answer_to_another_command(
    relays: Callable[..., Relay], refused: tuple[str, ...]
) -> None:
    answers = {f"RCPT TO:<{each}>": "550 5.1.1 unknown" for each in refused}
    relay = relays(Script(answers={**answers, "final": "250 taken\r\n250 by the way"}))
    these = [Mail(envelope(EVE), MAIL), *[Mail(envelope(ANN, BOB), b"Subject: %d\r\n\r\n" % n) for n in range(3)]]

    with closing(opened(profile(relay))) as sender:
        told = sent_in_turn(sender, these)

    for one in told[1:]:
        assert isinstance(one, SendResult)
        assert {each.address for each in one.recipients if each.outcome is REFUSED} == set(refused)
    assert relay.taken == [one.text for one in these if one.envelope.recipients == (EVE,) or len(refused) < 2]


# What was announced and does not come


def test_a_mail_that_does_not_follow_is_left_with_the_line(relays: Callable[..., Relay]) -> None:
    relay = relays()
    first, second = mails(2)

    with closing(opened(profile(relay))) as sender:
        sender.announce(*second)
        assert sender.send(*first).outcome is ACCEPTED
    relay.stop()

    assert relay.taken == [on_the_wire(first)]
    # How much of what went ahead it has read when the line ends is chance; no QUIT is in it, which would be the mail's first line.
    assert relay.commands[-1].partition(" ")[0] in {"MAIL", "RCPT", "DATA"}


@pytest.mark.parametrize("change", ["recipients", "text", "nothing"])
def test_another_mail_than_the_announced_one_goes_over_a_line_of_its_own(
    relays: Callable[..., Relay], change: str
) -> None:
    relay = relays()
    first, second, third = mails(3)
    came = {
        "recipients": Mail(envelope(ANN), second.text),
        "text": Mail(second.envelope, second.text + b"more\r\n"),
        "nothing": Mail(replace(second.envelope, attempt=7), second.text),
    }[change]

    with closing(opened(profile(relay))) as sender:
        sender.announce(*second)
        told = [sender.send(*first), *sent_in_turn(sender, [came, third])]

    assert outcomes(told) == [ACCEPTED] * 3
    assert [each.address for each in told[1].recipients] == list(came.envelope.recipients)  # type: ignore[union-attr]  # no error, as told
    assert relay.taken == [on_the_wire(one) for one in (first, came, third)]
    assert relay.sessions == (1 if change == "nothing" else 2)


# TLS


def test_it_goes_in_one_breath_with_tls_too(
    monkeypatch: pytest.MonkeyPatch,
    relays: Callable[..., Relay],
    authority: Authority,
    certificate: tuple[Path, Path],
) -> None:
    monkeypatch.setattr(relay_module, "_Session", Watching)
    monkeypatch.setattr(Watching, "ahead", [])
    relay, these = relays(Script(extensions=("STARTTLS",)), certificate), mails(4)

    with closing(opened(profile(relay, Security.STARTTLS, authority.pem))) as sender:
        told = sent_in_turn(sender, these)

    assert outcomes(told) == [ACCEPTED] * 4
    assert relay.taken == [on_the_wire(one) for one in these]
    assert relay.commands.count("DATA") == 4
    assert relay.sessions == 1
