"""Login and TLS by SMTP: no password and no mail in clear, to nobody but the server that was meant."""

from __future__ import annotations

import base64
import socket
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from email_router.core.errors import MailboxBlocked, RouterError, TryLater
from email_router.core.mailbox import Security
from email_router.core.ports import Reach
from email_router.core.sending import SendOutcome
from email_router.edge.connect import line as line_module
from tests.edge.relays import MAIL, PASSWORD, envelope, opened, profile, sent
from tests.simulators.certificates import Authority, self_signed
from tests.simulators.relay import Relay, Script

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


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
