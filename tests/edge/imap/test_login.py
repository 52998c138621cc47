"""Login and TLS by IMAP: no password and no command goes where it should not, and a refused login tells what to do."""

from __future__ import annotations

from base64 import b64encode
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from email_router.core.errors import ConfigurationError, MailboxBlocked, RouterError, TryLater
from email_router.core.fetched import Position
from email_router.core.mailbox import AfterDelivery, Authentication, Mailbox, Security
from email_router.edge.sources.imap import ImapSource
from tests.edge.imap.reading import ADDRESS, LOCAL, a_pass, blocked, mail, opened, profile
from tests.simulators.certificates import Authority, self_signed
from tests.simulators.imap import CAPABILITIES, PASSWORD, ImapServer

if TYPE_CHECKING:
    from pathlib import Path

SMUGGLED = 'x"\r\nX1 UID STORE 1:* +FLAGS (\\Deleted)\r\nX2 EXPUNGE'


# What comes before the login


@pytest.mark.parametrize("greeting", [b"* PREAUTH you are root\r\n", b"* preauth\r\n"])
def test_a_server_that_takes_us_for_somebody_before_the_login_is_refused(server: ImapServer, greeting: bytes) -> None:
    server.script.greeting = greeting

    assert blocked(opened(server)).kind == "preauth"
    assert server.commands == []


def test_what_was_injected_before_tls_is_forgotten(server: ImapServer, authority: Authority) -> None:
    server.inbox.put(mail(1))
    server.script.greeting = b"* OK [CAPABILITY IMAP4rev1 LOGINDISABLED] ready\r\n"
    server.script.inject_after_starttls = b"* CAPABILITY IMAP4rev1\r\nR2 OK\r\nR3 OK\r\n* STATUS INBOX (MESSAGES 0)\r\n"

    source = ImapSource(
        profile(server.port, Security.STARTTLS, authority.pem), Mailbox(address=ADDRESS), PASSWORD, LOCAL
    )
    assert source.has_news(Position())
    assert [each.raw for each in a_pass(source)[0]] == [mail(1)]
    assert server.commands[:2] == ["STARTTLS", "CAPABILITY"]


def test_capabilities_told_in_the_answer_to_starttls_are_not_believed(server: ImapServer, authority: Authority) -> None:
    server.inbox.put(mail(1))
    server.script.starttls_words = "[CAPABILITY IMAP4rev1 LOGINDISABLED] begin"

    secured = profile(server.port, Security.STARTTLS, authority.pem)
    source = ImapSource(secured, Mailbox(address=ADDRESS), PASSWORD, LOCAL)

    assert [each.raw for each in a_pass(source)[0]] == [mail(1)]
    assert server.commands[:2] == ["STARTTLS", "CAPABILITY"]


@pytest.mark.parametrize("answer", [b"TAG NO no TLS\r\n", b"", b"TAG BAD what?\r\n", b"TAG OKAY no TLS at all\r\n"])
def test_no_password_goes_in_clear_when_starttls_fails(server: ImapServer, authority: Authority, answer: bytes) -> None:
    server.script.answers["STARTTLS"] = answer

    source = ImapSource(
        profile(server.port, Security.STARTTLS, authority.pem), Mailbox(address=ADDRESS), PASSWORD, LOCAL
    )
    with closing(source), pytest.raises(RouterError):
        source.has_news(Position())

    assert server.commands == ["STARTTLS"]


@pytest.mark.parametrize("security", [Security.TLS, Security.STARTTLS])
@pytest.mark.parametrize("flaw", ["self-signed", "self-signed, in the bundle", "wrong host", "expired", "unknown CA"])
def test_a_bad_certificate_is_refused_before_a_credential_leaves(
    tmp_path: Path, authority: Authority, security: Security, flaw: str
) -> None:
    pem = authority.pem
    if flaw.startswith("self-signed"):
        certificate = self_signed(tmp_path)
        pem = certificate[0].read_text() if flaw.endswith("in the bundle") else ""
    elif flaw == "wrong host":
        certificate = authority.issue_only("other.example")
    elif flaw == "expired":
        certificate = authority.issue_expired()
    else:
        certificate, pem = authority.issue("localhost"), ""
    server = ImapServer(certificate, tls=security is Security.TLS)
    try:
        source = ImapSource(profile(server.port, security, pem), Mailbox(address=ADDRESS), PASSWORD, LOCAL)
        with closing(source), pytest.raises(MailboxBlocked) as caught:
            source.has_news(Position())
    finally:
        server.stop()

    assert caught.value.kind == "certificate"
    assert [line for line in server.commands if line != "STARTTLS"] == []


# The login


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ("NO [AUTHENTICATIONFAILED] wrong", "login_refused"),
        ("NO [EXPIRED] too old", "login_refused"),
        ("NO [ALERT] Please log in via your web browser", "login_refused"),
        ("NO [CONTACTADMIN] locked", "login_refused"),
        ("NO [AUTHORIZATIONFAILED] not yours", "access_denied"),
        ("BAD User is authenticated but not connected.", "access_denied"),
        ("NO [REFERRAL imap://user;AUTH=*@evil.example/] go there", "referral"),
        ("OK [REFERRAL imap://user;AUTH=*@evil.example/] or there", "referral"),
        ("NO", "login_refused"),
    ],
)
def test_a_refused_login_blocks_the_mailbox_and_says_what_to_do(server: ImapServer, answer: str, kind: str) -> None:
    server.script.answers["AUTHENTICATE"] = f"TAG {answer}\r\n".encode()

    assert blocked(opened(server)).kind == kind


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"TAG NO [UNAVAILABLE] Maximum number of connections exceeded\r\n", "server_trouble"),
        (b"TAG NO [INUSE] busy\r\n", "in_use"),
        (b"TAG NO [LIMIT] slowly\r\n", "not_now"),
        (b"TAG NO Too many simultaneous connections. (Failure)\r\n", "not_now"),
        (b"* BYE [UNAVAILABLE] going down\r\n", "server_trouble"),
        (b"* BYE Connection is closed. 13\r\n", "connection_lost"),
    ],
)
def test_a_login_that_is_only_too_early_is_nobodys_failure(server: ImapServer, answer: bytes, kind: str) -> None:
    server.script.answers["AUTHENTICATE"] = answer

    with closing(opened(server)) as source, pytest.raises(TryLater) as caught:
        source.has_news(Position())

    assert (caught.value.kind, caught.value.shared) == (kind, True)


def test_a_server_that_repeats_the_password_does_not_bring_it_into_the_error(server: ImapServer) -> None:
    coded = b64encode(f"\0{ADDRESS}\0{PASSWORD}".encode())
    server.script.answers["AUTHENTICATE"] = b"TAG NO bad: " + coded + b" " + PASSWORD.encode() + b"\r\n"

    text = str(blocked(opened(server)))

    assert PASSWORD not in text
    assert coded.decode() not in text


@pytest.mark.parametrize("secret", ["pass\rword", "pass\nword", "pass\0word", SMUGGLED])
@pytest.mark.parametrize("capabilities", [CAPABILITIES, "IMAP4rev1"])
def test_no_command_is_hidden_in_a_user_name_or_password(server: ImapServer, secret: str, capabilities: str) -> None:
    server.script.capabilities = capabilities

    assert blocked(opened(server, secret)).kind == "credentials"
    assert blocked(opened(server, username=secret)).kind == "credentials"
    assert {line for line in server.commands if line != "CAPABILITY"} <= {"LOGOUT"}


def test_no_command_is_hidden_in_a_folder_name(server: ImapServer) -> None:
    assert blocked(opened(server, folders=("INBOX", SMUGGLED))).kind == "folder_missing"
    assert not [line for line in server.commands if "STORE" in line or "EXPUNGE" in line]


@pytest.mark.parametrize("secret", [PASSWORD, 'quo"ted\\', "Grüße"])
def test_login_is_used_where_plain_is_not_offered(server: ImapServer, secret: str) -> None:
    server.script.capabilities = "IMAP4rev1"
    server.script.answers = {} if secret == PASSWORD else {"LOGIN": b"TAG OK\r\n"}

    with closing(opened(server, secret)) as source:
        assert not source.has_news(Position())

    (login,) = [line for line in server.commands if line.startswith("LOGIN")]
    assert login.endswith({PASSWORD: f'"{PASSWORD}"', 'quo"ted\\': '"quo\\"ted\\\\"'}.get(secret, f" {secret}"))


def test_a_server_that_takes_no_password_on_this_line_gets_none(server: ImapServer) -> None:
    server.script.capabilities = "IMAP4rev1 LOGINDISABLED"

    assert blocked(opened(server)).kind == "login_disabled"
    assert "CAPABILITY" in server.commands
    assert not [line for line in server.commands if line.startswith(("LOGIN", "AUTH"))]


def test_a_server_without_initial_responses_is_logged_in_to_all_the_same(server: ImapServer) -> None:
    server.script.capabilities = "IMAP4rev1 AUTH=PLAIN"

    with closing(opened(server)) as source:
        assert not source.has_news(Position())

    assert "AUTHENTICATE PLAIN" in server.commands


def test_what_the_server_could_before_the_login_is_asked_anew_after_it(server: ImapServer) -> None:
    server.script.capabilities_in_login = False
    server.inbox.put(mail(1))

    with closing(opened(server)) as source:
        (page,) = source.pages(Position(), 10)
        source.dispose([page.listed[0].source_id], AfterDelivery.DELETE)

    assert server.commands.count("CAPABILITY") == 2
    assert server.inbox.kept == []


def test_a_profile_that_wants_another_login_is_a_configuration_error(server: ImapServer) -> None:
    with pytest.raises(ConfigurationError, match=r"imap-in.*clear-text"):
        opened(server, authentication=Authentication.WINDOWS)


class Tokens:
    """Stands for the login host: hands out the tokens one by one."""

    def __init__(self, *texts: str) -> None:
        self.left = list(texts)
        self.forgotten: list[str] = []

    def token(self) -> str:
        return self.left[0]

    def forget(self, text: str) -> None:
        self.forgotten.append(text)
        self.left = self.left[1:] or self.left


@pytest.mark.parametrize("mechanism", ["XOAUTH2", "OAUTHBEARER"])
def test_a_token_that_was_refused_is_renewed_once(
    server: ImapServer, mechanism: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.script.capabilities = f"IMAP4rev1 SASL-IR AUTH={mechanism}"
    held = Tokens("stale-token", "good-token")
    source = opened(server, authentication=Authentication.OAUTH)
    # The login host is another server, with tests of its own.
    monkeypatch.setattr(source._box, "_bearer", lambda: held)

    with closing(source):
        assert not source.has_news(Position())

    assert held.forgotten == ["stale-token"]
    assert [line for line in server.commands if line.startswith("challenge")] == [
        "challenge: " if mechanism == "XOAUTH2" else "challenge: AQ=="
    ]


def test_tokens_that_are_all_refused_block_the_mailbox_without_being_told(
    server: ImapServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = opened(server, authentication=Authentication.OAUTH)
    monkeypatch.setattr(source._box, "_bearer", lambda: Tokens("wrong-token-1", "wrong-token-2"))

    refused = blocked(source)

    assert refused.kind == "login_refused"
    assert "wrong-token" not in str(refused)


def test_tokens_are_not_offered_to_a_server_that_takes_none(
    server: ImapServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.script.capabilities = "IMAP4rev1 AUTH=PLAIN"
    source = opened(server, authentication=Authentication.OAUTH)
    monkeypatch.setattr(source._box, "_bearer", lambda: Tokens("token"))

    assert blocked(source).kind == "login_disabled"
