"""What is SMTP's own: every refusal at every step, broken lines."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from email_router.core.errors import TryLater
from email_router.core.sending import SendOutcome
from tests.edge.relays import ANN, BOB, EVE, MAIL, SENDER, envelope, opened, profile, sent
from tests.simulators import relay as relay_module
from tests.simulators.relay import Relay, Script

if TYPE_CHECKING:
    from collections.abc import Callable


# Answers


@pytest.mark.parametrize("extensions", [("PIPELINING",), ()])
@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA", "final"])
@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ("450 4.2.0 grey list", SendOutcome.DEFERRED),
        ("452-4.3.1 full\r\n452 4.3.1 disk", SendOutcome.DEFERRED),
        ("550 5.7.1 no", SendOutcome.REFUSED),
        ("554-5.7.1 spam\r\n554 5.7.1 policy", SendOutcome.REFUSED),
    ],
)
def test_a_refusal_at_any_step_is_told_as_for_now_or_for_good(
    relays: Callable[..., Relay], extensions: tuple[str, ...], step: str, answer: str, outcome: SendOutcome
) -> None:
    relay = relays(Script(extensions=extensions, answers={step: answer}))

    with closing(opened(profile(relay))) as sender:
        result = sender.send(envelope(ANN, BOB), MAIL)
        relay.script.answers.clear()
        following = sender.send(envelope(BOB), MAIL)

    assert result.outcome is outcome
    assert answer.splitlines()[0][:3] in result.evidence
    assert answer.splitlines()[-1][4:] in result.evidence
    assert result.after == (300 if outcome is SendOutcome.DEFERRED else 0)
    assert {each.outcome for each in result.recipients} <= {outcome}
    assert following.outcome is SendOutcome.ACCEPTED
    assert relay.taken == [MAIL] * (2 if step == "final" else 1)
    assert relay.sessions == 1


@pytest.mark.parametrize("extensions", [("PIPELINING",), ()])
def test_each_recipient_has_its_own_answer(relays: Callable[..., Relay], extensions: tuple[str, ...]) -> None:
    answers = {f"RCPT TO:<{BOB}>": "550 5.1.1 unknown", f"RCPT TO:<{EVE}>": "451 4.7.1 later"}
    relay = relays(Script(extensions=extensions, answers=answers))

    result = sent(relay, MAIL, ANN, BOB, EVE, "no address")

    assert result.outcome is SendOutcome.ACCEPTED
    assert result.after == 300
    assert [(each.address, each.outcome) for each in result.recipients] == [
        (ANN, SendOutcome.ACCEPTED),
        (BOB, SendOutcome.REFUSED),
        (EVE, SendOutcome.DEFERRED),
        ("no address", SendOutcome.REFUSED),
    ]
    assert "unknown" in result.recipients[1].evidence


@pytest.mark.parametrize("knows", [True, False])
def test_a_delivery_receipt_is_asked_of_a_server_that_knows_how(relays: Callable[..., Relay], knows: bool) -> None:
    relay = relays(Script(extensions=("PIPELINING", "DSN") if knows else ("PIPELINING",)))

    with closing(opened(profile(relay))) as sender:
        asked = replace(envelope(ANN, "b+c=d@example.org"), activity="6f1d é", delivery_receipt=True)
        result = sender.send(asked, MAIL)
        sender.send(envelope(BOB), MAIL)

    assert result.outcome is SendOutcome.ACCEPTED
    spoken = [command for command in relay.commands if command.startswith(("MAIL", "RCPT"))]
    plain = [f"MAIL FROM:<{SENDER}>", f"RCPT TO:<{BOB}>"]
    assert spoken[-2:] == plain
    assert spoken[:-2] == (
        [
            f"MAIL FROM:<{SENDER}> RET=HDRS ENVID=6f1d+20?",
            f"RCPT TO:<{ANN}> NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;{ANN}",
            "RCPT TO:<b+c=d@example.org> NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;b+2Bc+3Dd@example.org",
        ]
        if knows
        else [f"MAIL FROM:<{SENDER}>", f"RCPT TO:<{ANN}>", "RCPT TO:<b+c=d@example.org>"]
    )


def test_a_server_that_wants_data_for_nobody_gets_none(relays: Callable[..., Relay]) -> None:
    relay = relays(Script(answers={"RCPT": "550 unknown", "DATA": "354 go on", "final": "554 nobody"}))

    result = sent(relay)

    assert result.outcome is SendOutcome.REFUSED
    assert "unknown" in result.evidence
    assert relay.taken == [b"\r\n"]


def test_many_recipients_get_one_mail(relays: Callable[..., Relay]) -> None:
    relay = relays()
    many = [f"user{number}@example.org" for number in range(500)]

    result = sent(relay, MAIL, *many)

    assert result.outcome is SendOutcome.ACCEPTED
    assert len(result.recipients) == 500
    assert relay.taken == [MAIL]


def test_a_mail_over_the_relays_limit_is_refused_before_it_is_offered(relays: Callable[..., Relay]) -> None:
    relay = relays(Script(extensions=("SIZE 20",)))

    result = sent(relay)

    assert result.outcome is SendOutcome.REFUSED
    assert "20" in result.evidence
    assert not [command for command in relay.commands if command.startswith("MAIL")]


def test_8_bit_mail_goes_only_where_it_is_announced(relays: Callable[..., Relay]) -> None:
    eight_bit = "Subject: x\r\n\r\nGröße\r\n".encode()
    able, unable = relays(), relays(Script(extensions=("PIPELINING",)))

    assert sent(able, eight_bit).outcome is SendOutcome.ACCEPTED
    assert sent(unable, eight_bit).outcome is SendOutcome.REFUSED
    assert any("BODY=8BITMIME" in command for command in able.commands)
    assert unable.taken == []


def test_a_domain_of_other_letters_goes_as_its_ascii_form(relays: Callable[..., Relay]) -> None:
    relay = relays()

    result = sent(relay, MAIL, "info@müller.example")

    assert [each.address for each in result.recipients] == ["info@müller.example"]
    assert "RCPT TO:<info@xn--mller-kva.example>" in relay.commands


@pytest.mark.parametrize("ehlo", ["502 5.5.1 what", "421 leaving", "450 later", "550 no"])
@pytest.mark.parametrize("helo", ["", "421 leaving", "450 later", "550 no"])
def test_a_server_that_refuses_ehlo_is_greeted_the_old_way_or_left_with_nothing_given(
    relays: Callable[..., Relay], ehlo: str, helo: str
) -> None:
    relay = relays(Script(answers={"EHLO": ehlo, **({"HELO": helo} if helo else {})}))

    if helo:
        with pytest.raises(TryLater) as told:
            sent(relay)
        assert told.value.shared
    else:
        assert sent(relay).outcome is SendOutcome.ACCEPTED
    assert len(relay.taken) == (not helo)


# Broken lines


def test_a_line_that_breaks_after_the_final_dot_leaves_the_fate_unknown_and_nothing_is_sent_again(
    relays: Callable[..., Relay],
) -> None:
    relay = relays(Script(answers={"final": ""}))

    result = sent(relay)

    assert result.outcome is SendOutcome.UNKNOWN
    assert result.evidence
    assert {each.outcome for each in result.recipients} == {SendOutcome.UNKNOWN}
    assert relay.taken == [MAIL]
    assert relay.sessions == 1


@pytest.mark.parametrize("answer", ["garbage", "25", "250", "2x0 ok"])
def test_an_answer_to_the_final_dot_that_is_none_is_unknown(relays: Callable[..., Relay], answer: str) -> None:
    relay = relays(Script(answers={"final": answer}))

    result = sent(relay)

    assert result.outcome is (SendOutcome.ACCEPTED if answer == "250" else SendOutcome.UNKNOWN)


@pytest.mark.parametrize("extensions", [("PIPELINING",), ()])
@pytest.mark.parametrize("way", ["cut_sent", "cut_received"])
def test_a_line_cut_at_any_byte_is_never_told_as_what_it_was_not(
    relays: Callable[..., Relay], extensions: tuple[str, ...], way: str
) -> None:
    whole = relays(Script(extensions=extensions))
    sent(whole)
    length = whole.sent if way == "cut_sent" else whole.received

    told = set()
    for cut in range(length + 1):
        cuts = (cut, None) if way == "cut_sent" else (None, cut)
        relay = relays(Script(extensions=extensions, cut_sent=cuts[0], cut_received=cuts[1]))
        try:
            outcome = sent(relay).outcome
        except TryLater as later:
            outcome = None
            shared = later.shared
            assert shared
        told.add(outcome)
        assert len(relay.taken) <= 1
        assert len(relay.taken) == 0 or outcome is not None, f"cut {cut}: taken, and told as not handed over"
        assert len(relay.taken) == 1 or outcome is not SendOutcome.ACCEPTED, f"cut {cut}: lost, and told as accepted"
        relay.stop()

    assert told == {None, SendOutcome.UNKNOWN, SendOutcome.ACCEPTED}


def test_a_kept_line_that_breaks_at_any_byte_of_the_second_mail_sends_it_at_most_once(
    relays: Callable[..., Relay],
) -> None:
    second = b"Subject: second\r\n\r\n"
    whole = relays()
    with closing(opened(profile(whole))) as sender:
        sender.send(envelope(), MAIL)
        start = whole.received
        sender.send(envelope(), second)
        end = whole.received

    for cut in range(start, end + 1):
        relay = relays(Script(cut_received=cut))
        with closing(opened(profile(relay))) as sender:
            assert sender.send(envelope(), MAIL).outcome is SendOutcome.ACCEPTED
            outcome = sender.send(envelope(), second).outcome
        copies = relay.taken.count(second)
        assert copies <= 1
        assert outcome is not SendOutcome.ACCEPTED or copies == 1
        assert outcome in {SendOutcome.ACCEPTED, SendOutcome.UNKNOWN}
        relay.stop()


def test_a_relay_that_closes_after_each_mail_gets_all_of_a_batch_once(relays: Callable[..., Relay]) -> None:
    relay = relays(Script(most_mails=1))
    mails = [b"Subject: %d\r\n\r\n" % number for number in range(4)]

    with closing(opened(profile(relay))) as sender:
        outcomes = [sender.send(envelope(), composed).outcome for composed in mails]

    assert outcomes == [SendOutcome.ACCEPTED] * 4
    assert relay.taken == mails
    assert relay.sessions == 4


@pytest.mark.parametrize("extensions", [("PIPELINING",), ("8BITMIME",)])
def test_a_relay_that_takes_its_leave_of_a_kept_line_gets_the_mail_over_another(
    monkeypatch: pytest.MonkeyPatch, relays: Callable[..., Relay], extensions: tuple[str, ...]
) -> None:
    class Leaving(relay_module._Session):
        def answer(self, verb: str) -> None:
            if verb != "MAIL" or self.mails == 0 or self.relay.sessions > 1:
                super().answer(verb)
                return
            self.say("421 4.4.2 idle for too long")
            raise relay_module.CutError

    monkeypatch.setattr(relay_module, "_Session", Leaving)  # the simulator's own seam: what a session answers
    relay = relays(Script(extensions=extensions))

    with closing(opened(profile(relay))) as sender:
        outcomes = [sender.send(envelope(), MAIL).outcome for _ in range(2)]

    assert outcomes == [SendOutcome.ACCEPTED] * 2
    assert relay.taken == [MAIL] * 2
    assert relay.sessions == 2


def test_a_batch_goes_over_one_connection(relays: Callable[..., Relay]) -> None:
    relay = relays()

    with closing(opened(profile(relay))) as sender:
        for _ in range(50):
            sender.send(envelope(), MAIL)

    assert relay.sessions == 1
    assert len(relay.taken) == 50


def test_a_busy_relay_means_later_for_all(relays: Callable[..., Relay]) -> None:
    for script in (
        Script(greeting="421 too busy"),
        Script(greeting="554 go away"),
        Script(answers={"MAIL": "421 leaving"}),
    ):
        with pytest.raises(TryLater) as caught:
            sent(relays(script))
        assert caught.value.shared
