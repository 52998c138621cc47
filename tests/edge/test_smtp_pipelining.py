"""Pipelines (RFC 2920): each answer belongs to its command, and a server that announces them without standing them gets single commands."""

from __future__ import annotations

import itertools
import socket
from contextlib import closing, suppress
from typing import TYPE_CHECKING

import pytest

from email_router.core.errors import TryLater
from email_router.core.octets import LongOctets
from email_router.core.sending import SendOutcome
from email_router.edge.connect import smtp, smtp_text
from tests.edge.relays import ANN, BOB, EVE, MAIL, SENDER, envelope, opened, profile, sent
from tests.lying import lying
from tests.simulators import relay as relay_module
from tests.simulators.relay import Relay, Script

if TYPE_CHECKING:
    from collections.abc import Callable

ACCEPTED, DEFERRED, REFUSED = SendOutcome.ACCEPTED, SendOutcome.DEFERRED, SendOutcome.REFUSED
SAID = {"250 OK": ACCEPTED, "451 4.7.1 later": DEFERRED, "550 5.1.1 unknown": REFUSED}
LARGE = (
    b"Subject: x\r\n\r\n" + b".dots\r\n..\r\n.\r\n" + b"%s\r\n" % (b"x" * 300_000) + b".a line\r\n" * 100_000 + b".\r\n"
)


@pytest.mark.parametrize("extensions", [("PIPELINING",), ()])
def test_every_mix_of_answers_is_told_of_the_recipient_it_was_given_to(
    relays: Callable[..., Relay], extensions: tuple[str, ...]
) -> None:
    relay = relays(Script(extensions=extensions))
    taken = 0

    with closing(opened(profile(relay))) as sender:
        for answers in itertools.product(SAID, repeat=3):
            relay.script.answers = {
                f"RCPT TO:<{address}>": answer
                for address, answer in zip((ANN, BOB, EVE), answers, strict=True)
                if answer != "250 OK"
            }
            result = sender.send(envelope(ANN, BOB, EVE), MAIL)
            taken += "250 OK" in answers

            assert [one.outcome for one in result.recipients] == [SAID[one] for one in answers]
            assert [one.evidence for one in result.recipients if one.outcome is not ACCEPTED] == [
                one for one in answers if one != "250 OK"
            ]
            assert len(relay.taken) == taken

    assert relay.sessions == 1


def test_recipients_beyond_one_window_keep_their_answers(relays: Callable[..., Relay]) -> None:
    relay = relays()
    many = [f"user{number}@example.org" for number in range(350)]
    lost = {98, 99, 100, 199, 349}
    relay.script.answers = {f"RCPT TO:<{many[number]}>": f"550 no {number}" for number in lost}

    result = sent(relay, MAIL, *many)

    refused = {one.address: one.evidence for one in result.recipients if one.outcome is REFUSED}
    assert refused == {many[number]: f"550 no {number}" for number in lost}
    assert [one.address for one in result.recipients] == many
    assert relay.taken == [MAIL]


def test_a_sender_refused_before_many_recipients_is_told_of_all(relays: Callable[..., Relay]) -> None:
    relay = relays(Script(answers={"MAIL": "550 5.7.1 not you"}))

    with closing(opened(profile(relay))) as sender:
        result = sender.send(envelope(*(f"user{number}@example.org" for number in range(250))), MAIL)
        relay.script.answers.clear()
        following = sender.send(envelope(BOB), MAIL)

    assert result.outcome is REFUSED
    assert "not you" in result.evidence
    assert following.outcome is ACCEPTED
    assert relay.taken == [MAIL]
    assert relay.sessions == 1


class Deaf(relay_module._Session):
    """A server that announces pipelines and throws away what came with a command."""

    def say(self, text: str) -> None:
        """Forget what was not read yet, then answer."""
        self.buffer = b""
        super().say(text)


class Strict(relay_module._Session):
    """A server that announces pipelines and takes whoever speaks before his turn for a spammer."""

    words = "554 5.5.1 synchronization error"

    def say(self, text: str) -> None:
        """Answer, unless there is more already."""
        if not self.buffer:
            super().say(text)
            return
        if self.words:
            super().say(self.words)
        raise relay_module.CutError


class Confused(relay_module._Session):
    """A server that announces pipelines and answers all but the first command of one as out of order."""

    def say(self, text: str) -> None:
        """Answer as out of order what was there before its turn."""
        ahead, self.early = getattr(self, "early", False), bool(self.buffer)
        super().say("503 5.5.1 out of order" if ahead and text == "250 OK" else text)


class Merging(relay_module._Session):
    """A good server whose answers come in pieces that end anywhere."""

    def send(self, data: bytes) -> None:
        """Send byte by byte."""
        for at in range(len(data)):
            super().send(data[at : at + 1])


@pytest.mark.parametrize("kind", [Deaf, Confused, Strict, type("Closing", (Strict,), {"words": ""})])
def test_a_server_that_loses_its_place_gets_single_commands_and_each_mail_once(
    kind: type[relay_module._Session], monkeypatch: pytest.MonkeyPatch, relays: Callable[..., Relay]
) -> None:
    monkeypatch.setattr(smtp, "ANSWER_SECONDS", 0.4)
    monkeypatch.setattr(relay_module, "_Session", kind)  # the simulator's own seam: what a session answers
    relay = relays()
    mails = [b"Subject: %d\r\n\r\n.\r\n" % number for number in range(3)]

    with closing(opened(profile(relay))) as sender:
        results = [sender.send(envelope(ANN, BOB), composed) for composed in mails]

    assert [one.outcome for one in results] == [ACCEPTED] * 3
    assert {each.outcome for one in results for each in one.recipients} == {ACCEPTED}
    assert relay.taken == [composed.replace(b"\r\n.", b"\r\n..") for composed in mails]
    assert relay.sessions == 2


def test_answers_in_pieces_are_whole_answers(monkeypatch: pytest.MonkeyPatch, relays: Callable[..., Relay]) -> None:
    monkeypatch.setattr(relay_module, "_Session", Merging)
    relay = relays(Script(answers={f"RCPT TO:<{BOB}>": "451-4.7.1 a\r\n451 4.7.1 b"}))

    result = sent(relay, MAIL, ANN, BOB, EVE)

    assert [one.outcome for one in result.recipients] == [ACCEPTED, DEFERRED, ACCEPTED]


def test_a_server_that_stays_silent_without_pipelines_too_is_away(
    monkeypatch: pytest.MonkeyPatch, relays: Callable[..., Relay]
) -> None:
    monkeypatch.setattr(smtp, "ANSWER_SECONDS", 0.2)
    relay = relays(Script(answers={"MAIL": ""}))

    with closing(opened(profile(relay))) as sender, pytest.raises(TryLater) as caught:
        sender.send(envelope(), MAIL)

    assert caught.value.shared
    assert relay.sessions == 2
    assert relay.taken == []


@pytest.mark.parametrize("extensions", [("PIPELINING",), ()])
@pytest.mark.parametrize("after", ["EHLO", "MAIL", "RCPT", "DATA"])
def test_answers_nobody_asked_for_are_no_answers_to_the_mail(
    monkeypatch: pytest.MonkeyPatch, relays: Callable[..., Relay], after: str, extensions: tuple[str, ...]
) -> None:
    """One answer too many would be taken for that to the next command, and a refused mail for an accepted one."""

    class Chatty(relay_module._Session):
        def say(self, text: str) -> None:
            mine = self.relay.commands and self.relay.commands[-1].startswith(after)
            super().say(f"{text}\r\n250 by the way" if mine else text)

    monkeypatch.setattr(relay_module, "_Session", Chatty)
    relay = relays(Script(extensions=extensions, answers={"final": "554 5.7.1 spam"}))

    with closing(opened(profile(relay))) as sender, pytest.raises(TryLater) as caught:
        sender.send(envelope(), MAIL)

    assert caught.value.kind == "unexpected_answer"
    assert relay.taken == []


@pytest.mark.parametrize("extensions", [("PIPELINING",), ()])
@pytest.mark.parametrize(
    ("verb", "answer"), [("MAIL", "354 go on"), ("RCPT", "334 what"), ("DATA", "250 OK"), ("DATA", "221 bye")]
)
def test_an_answer_that_its_command_cannot_have_is_none(
    relays: Callable[..., Relay], verb: str, answer: str, extensions: tuple[str, ...]
) -> None:
    relay = relays(Script(extensions=extensions, answers={verb: answer}))

    with closing(opened(profile(relay))) as sender, pytest.raises(TryLater) as caught:
        sender.send(envelope(), MAIL)

    assert caught.value.kind == "unexpected_answer"
    assert relay.taken == []


def test_a_senseless_answer_to_the_final_dot_leaves_the_fate_unknown(relays: Callable[..., Relay]) -> None:
    relay = relays(Script(answers={"final": "354 go on"}))

    assert sent(relay).outcome is SendOutcome.UNKNOWN
    assert relay.taken == [MAIL]


def test_what_a_server_says_between_two_mails_is_not_taken_for_an_answer_to_the_second(
    relays: Callable[..., Relay],
) -> None:
    relay = relays(Script(answers={"final": "250 taken\r\n250 by the way"}))

    with closing(opened(profile(relay))) as sender:
        results = [sender.send(envelope(), MAIL).outcome for _ in range(3)]

    assert results == [ACCEPTED] * 3
    assert relay.taken == [MAIL] * 3
    assert relay.sessions == 3


# The mail itself


@pytest.mark.parametrize("held", [True, False])
def test_a_large_mail_is_stuffed_as_a_small_one_is(relays: Callable[..., Relay], held: bool) -> None:
    relay = relays(Script(extensions=("PIPELINING",)))

    assert sent(relay, LARGE if held else lying(LARGE)).outcome is ACCEPTED
    assert relay.taken == [LARGE.replace(b"\r\n.", b"\r\n..")]
    assert b"".join(smtp_text.whole_lines(LARGE)) == LARGE
    assert all(piece.endswith(b"\r\n") for piece in smtp_text.whole_lines(LARGE))
    assert max(map(len, smtp_text.whole_lines(LARGE))) < 310_000


@pytest.mark.parametrize("flaw", [b"\n", b"\r", b"\0", b"\r\r\n", b"\n\r\n"])
@pytest.mark.parametrize("at", [0, 270_000, 600_000, -2])
@pytest.mark.parametrize("held", [True, False])
def test_a_flaw_anywhere_in_a_large_mail_keeps_it_off_the_wire(
    relays: Callable[..., Relay], flaw: bytes, at: int, held: bool
) -> None:
    relay = relays(Script(extensions=("PIPELINING",)))
    place = LARGE.index(b"x\r\n") if at == 0 else at

    mail = LARGE[:place] + flaw + LARGE[place:]

    assert sent(relay, mail if held else lying(mail)).outcome is REFUSED
    assert relay.received == 0


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA", "final"])
@pytest.mark.parametrize("code", ["421", "450", "452", "500", "503", "530", "550", "552", "554", "571"])
@pytest.mark.parametrize("extensions", [("PIPELINING",), ()])
def test_no_answer_at_any_verb_makes_a_mail_come_twice_or_count_as_taken(
    relays: Callable[..., Relay], verb: str, code: str, extensions: tuple[str, ...]
) -> None:
    relay = relays(Script(extensions=extensions, answers={verb: f"{code} so it is"}))

    with closing(opened(profile(relay))) as sender:
        told = None
        with suppress(Exception):
            told = sender.send(envelope(ANN, BOB), MAIL)
        relay.script.answers.clear()
        after = sender.send(envelope(BOB), b"Subject: next\r\n\r\n")

    assert told is None or told.outcome is (DEFERRED if code < "500" else REFUSED)
    assert told is None or {one.outcome for one in told.recipients} <= {told.outcome}
    assert relay.taken.count(MAIL) == (verb == "final")
    assert after.outcome is ACCEPTED
    assert relay.taken.count(b"Subject: next\r\n\r\n") == 1


class Failing:
    """A scratch file of which nothing can be read any more after so many reads."""

    def __init__(self, mail: bytes, good: int = 1_000) -> None:
        self.octets = LongOctets(len(mail), self._read)
        self._mail = mail
        self._good = good
        self.reads = 0

    def _read(self, start: int, end: int) -> bytes:
        self.reads += 1
        if self.reads > self._good:
            raise TryLater("the function's scratch space: Input/output error", kind="scratch", shared=True)
        return self._mail[start:end]


def test_a_mail_that_cannot_be_read_on_the_way_is_certainly_not_handed_over(relays: Callable[..., Relay]) -> None:
    whole = Failing(LARGE)
    assert sent(relays(Script(extensions=("PIPELINING",))), whole.octets).outcome is ACCEPTED
    assert whole.reads > 10

    for good in range(whole.reads):
        relay = relays(Script(extensions=("PIPELINING",)))
        with closing(opened(profile(relay))) as sender:
            with pytest.raises(TryLater):
                sender.send(envelope(), Failing(LARGE, good).octets)
            assert sender.send(envelope(), MAIL).outcome is ACCEPTED
        assert relay.taken == [MAIL]
        relay.stop()


@pytest.mark.parametrize("good", range(0, 16, 3))
def test_a_mail_that_follows_and_cannot_be_read_is_held_against_no_other(
    relays: Callable[..., Relay], good: int
) -> None:
    relay = relays(Script(extensions=("PIPELINING",)))
    with closing(opened(profile(relay))) as sender:
        following = Failing(LARGE, good).octets
        sender.announce(envelope(BOB), following)
        assert sender.send(envelope(), MAIL).outcome is ACCEPTED
        with pytest.raises(TryLater):
            sender.send(envelope(BOB), following)
        assert sender.send(envelope(EVE), MAIL).outcome is ACCEPTED

    assert relay.taken == [MAIL, MAIL]


def test_a_line_that_is_cut_while_a_large_mail_is_sent_leaves_nothing_taken(relays: Callable[..., Relay]) -> None:
    for cut in (100, 200_000, 600_000, len(LARGE)):
        relay = relays(Script(extensions=(), cut_received=cut, cut_sessions=9))
        with suppress(TryLater), closing(opened(profile(relay))) as sender:
            assert sender.send(envelope(), LARGE).outcome is SendOutcome.UNKNOWN
        assert relay.taken == []


def test_lines_reach_the_server_without_waiting_for_each_other(relays: Callable[..., Relay]) -> None:
    relay = relays()
    with closing(opened(profile(relay))) as sender:
        sender.send(envelope(), MAIL)
        assert sender._session is not None
        plain = sender._session._line._socket
        assert plain.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert f"MAIL FROM:<{SENDER}> SIZE={len(MAIL)}" in relay.commands
