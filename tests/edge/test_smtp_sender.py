"""What is SMTP's own: every refusal at every step, broken lines, smuggling, STARTTLS."""

from __future__ import annotations

import base64
import socket
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from email_router.core.errors import MailboxBlocked, RouterError, TryLater
from email_router.core.mailbox import Security
from email_router.core.ports import Reach
from email_router.core.sending import SendOutcome
from email_router.edge.connect import line as line_module
from tests.edge.relays import ANN, BOB, EVE, MAIL, PASSWORD, SENDER, envelope, opened, profile, sent
from tests.simulators.certificates import Authority, self_signed
from tests.simulators.relay import Relay, Script

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

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


# Smuggling

ENDS = [
    b"\n.\n",
    b"\r.\r",
    b"\n.\r\n",
    b"\r\n.\n",
    b"\r.\r\n",
    b"\r\n.\r",
    b"\r\n\0.\r\n",
    b"\n\n.\r\n",
    b"\r\r\n.\r\n",
    b"\r\n.\0\r\n",
    b"\n.\r",
    b"\r.\n",
]


@pytest.mark.parametrize("end", ENDS)
def test_a_bare_cr_or_lf_or_a_nul_never_reaches_the_wire(relays: Callable[..., Relay], end: bytes) -> None:
    relay = relays()

    result = sent(relay, b"Subject: x\r\n\r\nfirst" + end + b"MAIL FROM:<eve@example.org>\r\n")

    assert result.outcome is SendOutcome.REFUSED
    assert relay.received == 0


def test_a_mail_that_ends_itself_early_is_stuffed(relays: Callable[..., Relay]) -> None:
    relay = relays()
    mail = b".first\r\n\r\n.\r\nMAIL FROM:<eve@example.org>\r\n..\r\n"

    assert sent(relay, mail).outcome is SendOutcome.ACCEPTED
    assert relay.taken == [b"..first\r\n\r\n..\r\nMAIL FROM:<eve@example.org>\r\n...\r\n"]


@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.lists(st.sampled_from([b".", b"..", b"\r\n", b"x", b"\r", b"\n", b"\0", b"QUIT", b"\r\n.\r\n"])).map(
        b"".join
    )
)
def test_whatever_the_body_the_relay_takes_one_mail_or_none(relays: Callable[..., Relay], body: bytes) -> None:
    relay = relays()

    result = sent(relay, b"Subject: x\r\n\r\n" + body + b"\r\n")

    clean = b"\0" not in body and not body.replace(b"\r\n", b"").strip(b".xQUIT")
    assert (result.outcome is SendOutcome.ACCEPTED) == clean
    assert len(relay.taken) == (1 if clean else 0)
    assert [command for command in relay.commands if command == "QUIT"] in ([], ["QUIT"])
    relay.stop()


@pytest.mark.parametrize("character", ["\r\n", "\n", "\r", "\0", ">", " ", "\u2028"])
def test_no_command_is_hidden_in_the_senders_address(relays: Callable[..., Relay], character: str) -> None:
    relay = relays()
    forged = replace(envelope(), sender=f"sales{character}RCPT TO:<eve@example.org>@contoso.example")

    with closing(opened(profile(relay))) as sender:
        assert sender.send(forged, MAIL).outcome is SendOutcome.REFUSED

    assert relay.commands == []


# Login and TLS


def test_login_plain_and_login_login(
    relays: Callable[..., Relay], authority: Authority, certificate: tuple[Path, Path]
) -> None:
    plain = relays(Script(extensions=("STARTTLS",), secured=("AUTH PLAIN",)), certificate)
    spelled = {"AUTH LOGIN": "334 VXNlcm5hbWU6", base64.b64encode(b"router").decode(): "334 UGFzc3dvcmQ6"}
    spelled[base64.b64encode(PASSWORD.encode()).decode()] = "235 welcome"
    login = relays(Script(extensions=("STARTTLS",), secured=("AUTH LOGIN",), answers=spelled), certificate)

    for relay in (plain, login):
        with closing(opened(profile(relay, Security.STARTTLS, authority.pem))) as sender:
            assert sender.send(envelope(), MAIL).outcome is SendOutcome.ACCEPTED

    expected = base64.b64encode(f"\0router\0{PASSWORD}".encode()).decode()
    assert f"AUTH PLAIN {expected}" in plain.commands


def test_a_refused_login_blocks_and_a_busy_one_waits(
    relays: Callable[..., Relay], authority: Authority, certificate: tuple[Path, Path]
) -> None:
    refusing = relays(Script(answers={"AUTH": "535 5.7.8 no"}), certificate)
    busy = relays(Script(answers={"AUTH": "454 4.7.0 later"}), certificate)

    with (
        closing(opened(profile(refusing, Security.STARTTLS, authority.pem))) as sender,
        pytest.raises(MailboxBlocked) as blocked,
    ):
        sender.send(envelope(), MAIL)
    with closing(opened(profile(busy, Security.STARTTLS, authority.pem))) as sender, pytest.raises(TryLater) as later:
        sender.send(envelope(), MAIL)

    assert blocked.value.kind == "login_refused"
    assert blocked.value.mend
    assert PASSWORD not in str(blocked.value)
    assert later.value.shared


def test_a_relay_that_wants_a_login_from_an_anonymous_sender_blocks(relays: Callable[..., Relay]) -> None:
    with pytest.raises(MailboxBlocked) as caught:
        sent(relays(Script(answers={"MAIL": "530 5.7.0 Authentication required"})))

    assert caught.value.kind == "login_refused"


@pytest.mark.parametrize("secret", ["", "line\r\nbreak", "nul\0"])
def test_a_password_that_is_none_is_told(
    relays: Callable[..., Relay], authority: Authority, certificate: tuple[Path, Path], secret: str
) -> None:
    relay = relays(None, certificate)

    with (
        closing(opened(profile(relay, Security.STARTTLS, authority.pem), secret)) as sender,
        pytest.raises(MailboxBlocked) as caught,
    ):
        sender.send(envelope(), MAIL)

    assert caught.value.kind == "credentials"
    assert not [command for command in relay.commands if command.startswith("AUTH")]


def test_what_was_announced_before_tls_counts_no_longer(
    relays: Callable[..., Relay], authority: Authority, certificate: tuple[Path, Path]
) -> None:
    relay = relays(Script(extensions=("STARTTLS", "AUTH PLAIN"), secured=("SIZE 5",)), certificate)

    with (
        closing(opened(profile(relay, Security.STARTTLS, authority.pem))) as sender,
        pytest.raises(MailboxBlocked) as caught,
    ):
        sender.send(envelope(), MAIL)

    assert caught.value.kind == "authentication"


def test_answers_injected_before_tls_are_forgotten(
    relays: Callable[..., Relay], authority: Authority, certificate: tuple[Path, Path]
) -> None:
    injected = "250-evil\r\n250 AUTH PLAIN\r\n535 no\r\n"
    relay = relays(Script(extensions=("STARTTLS",), after_starttls=injected), certificate)

    with closing(opened(profile(relay, Security.STARTTLS, authority.pem))) as sender:
        assert sender.send(envelope(), MAIL).outcome is SendOutcome.ACCEPTED

    assert relay.taken == [MAIL]


@pytest.mark.parametrize("answer", ["454 no TLS now", "502 what", "250 fine, go on in clear"])
def test_no_mail_and_no_password_goes_in_clear_when_starttls_fails(
    relays: Callable[..., Relay], authority: Authority, answer: str
) -> None:
    relay = relays(Script(extensions=("STARTTLS", "AUTH PLAIN"), answers={"STARTTLS": answer}))

    with (
        closing(opened(profile(relay, Security.STARTTLS, authority.pem))) as sender,
        pytest.raises(MailboxBlocked) as caught,
    ):
        sender.send(envelope(), MAIL)

    assert caught.value.kind == "starttls"
    assert [command.split()[0] for command in relay.commands] == ["EHLO", "STARTTLS"]


@pytest.mark.parametrize("flaw", ["self-signed", "self-signed, in the bundle", "wrong host", "expired", "unknown CA"])
def test_a_bad_certificate_is_refused_before_a_credential_leaves(
    relays: Callable[..., Relay], tmp_path: Path, authority: Authority, flaw: str
) -> None:
    pem = authority.pem
    if flaw == "wrong host":
        certificate = authority.issue_only("other.example")
    elif flaw == "expired":
        certificate = authority.issue_expired()
    elif flaw == "unknown CA":
        certificate, pem = authority.issue("localhost"), ""
    else:
        certificate = self_signed(tmp_path)
        pem = certificate[0].read_text() if flaw.endswith("in the bundle") else ""
    relay = relays(Script(extensions=("STARTTLS", "AUTH PLAIN")), certificate)

    with closing(opened(profile(relay, Security.STARTTLS, pem))) as sender, pytest.raises(MailboxBlocked) as caught:
        sender.send(envelope(), MAIL)

    assert caught.value.kind == "certificate"
    assert caught.value.mend
    assert [command.split()[0] for command in relay.commands] == ["EHLO", "STARTTLS"]


def test_a_line_without_tls_to_another_machine_is_refused(
    monkeypatch: pytest.MonkeyPatch, relays: Callable[..., Relay]
) -> None:
    class Faraway(socket.socket):
        def getpeername(self) -> tuple[str, int]:
            return ("203.0.113.5", 25)

    relay = relays()

    def connect(host: str, port: int, reach: Reach) -> socket.socket:
        line = Faraway(socket.AF_INET)
        line.connect(("127.0.0.1", relay.port))
        return line

    # A public address cannot be had in a test.
    monkeypatch.setattr(line_module, "connect", connect)
    with closing(opened(profile(relay))) as sender, pytest.raises(RouterError) as caught:
        sender.send(envelope(), MAIL)

    assert caught.value.kind == "insecure"
    assert relay.commands == []
