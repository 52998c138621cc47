"""Login and TLS by POP3: no password and no command goes where it should not, and a refused login tells what to do."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from email_router.core.errors import ConfigurationError, MailboxBlocked, RouterError, TryLater
from email_router.core.fetched import Position
from email_router.core.mailbox import Authentication, Mailbox, Security
from email_router.edge.sources.pop3 import Pop3Source
from tests.edge.pop3.reading import ADDRESS, LOCAL, a_pass, opened, profile
from tests.simulators.certificates import Authority, self_signed
from tests.simulators.pop3 import PASSWORD, TOKEN, Faults, Pop3Server

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ("-ERR [AUTH] Authentication failed.", "login_refused"),
        ("-ERR [SYS/PERM] account disabled", "login_refused"),
        ("-ERR invalid password", "login_refused"),
        ("-ERR", "login_refused"),
    ],
)
def test_a_refused_login_blocks_the_mailbox(server: Pop3Server, answer: str, kind: str) -> None:
    server.store.set_faults(Faults(answers={"PASS": answer}))

    with closing(opened(server)) as source, pytest.raises(MailboxBlocked) as caught:
        source.has_news(Position())

    assert caught.value.kind == kind
    assert caught.value.mend
    assert ADDRESS in str(caught.value)
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize("verb", ["USER", "PASS"])
@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ("-ERR [IN-USE] Do you have another session?", "in_use"),
        ("-ERR [LOGIN-DELAY] minimum time between logins", "login_delay"),
        ("-ERR [SYS/TEMP] Server temporarily unavailable", "server_trouble"),
        ("-ERR maildrop already locked", "not_now"),
        ("-ERR too many connections, try again later", "not_now"),
    ],
)
def test_a_login_that_is_only_too_early_is_nobodys_failure(
    server: Pop3Server, verb: str, answer: str, kind: str
) -> None:
    server.store.set_faults(Faults(answers={verb: answer}))

    with closing(opened(server)) as source, pytest.raises(TryLater) as caught:
        source.has_news(Position())

    assert (caught.value.kind, caught.value.shared) == (kind, True)


def test_a_server_that_greets_with_an_error_means_later(server: Pop3Server) -> None:
    server.store.set_faults(Faults(greeting="-ERR [SYS/TEMP] overloaded"))

    with closing(opened(server)) as source, pytest.raises(TryLater) as caught:
        source.has_news(Position())

    assert caught.value.shared


def test_a_server_that_repeats_the_password_does_not_bring_it_into_the_error(server: Pop3Server) -> None:
    server.store.set_faults(Faults(answers={"PASS": f"-ERR bad command: PASS {PASSWORD}"}))

    with closing(opened(server)) as source, pytest.raises(MailboxBlocked) as caught:
        source.has_news(Position())

    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize("character", ["\r", "\n", "\0", "\r\nDELE 1\r\n"])
def test_no_command_is_hidden_in_a_user_name_or_password(server: Pop3Server, character: str) -> None:
    smuggling = replace(profile(server), username=f"user{character}x")
    for source in (
        opened(server, f"pass{character}word"),
        Pop3Source(smuggling, Mailbox(address=ADDRESS), PASSWORD, LOCAL),
    ):
        with closing(source), pytest.raises(MailboxBlocked) as caught:
            source.has_news(Position())
        assert caught.value.kind == "credentials"

    assert [line for line in server.store.commands() if line.split()[0] in {"USER", "PASS", "DELE"}] == []


def test_a_missing_password_is_told_before_anything_is_connected(server: Pop3Server) -> None:
    with closing(opened(server, '{"ann@contoso.example": "hers"}')) as source, pytest.raises(MailboxBlocked) as caught:
        source.has_news(Position())

    assert caught.value.kind == "credentials"
    assert server.sessions == 0


def test_the_password_of_the_mailbox_is_found_in_a_table(server: Pop3Server) -> None:
    with closing(opened(server, f'{{"Sales@contoso.example": "{PASSWORD}"}}')) as source:
        assert not source.has_news(Position())


class Tokens:
    """Stands for the login host, which has tests of its own: hands out the tokens one by one."""

    def __init__(self, *texts: str) -> None:
        self.left = list(texts)

    def token(self) -> str:
        return self.left[0]

    def forget(self, text: str) -> None:
        self.left = [one for one in self.left if one != text] or [text]


def with_tokens(server: Pop3Server, monkeypatch: pytest.MonkeyPatch, *texts: str, user: str = "") -> Pop3Source:
    wanted = replace(profile(server), authentication=Authentication.OAUTH, username=user)
    source = Pop3Source(wanted, Mailbox(address=ADDRESS), "a secret", LOCAL)
    tokens = Tokens(*texts)
    monkeypatch.setattr(source, "_bearer", lambda: tokens)  # no login host is asked here
    return source


def test_a_token_is_the_login_and_one_that_is_refused_is_renewed_once(
    server: Pop3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.put(ADDRESS, b"Subject: x\r\n\r\n")

    fetched, _ = a_pass(with_tokens(server, monkeypatch, "stale", TOKEN))

    assert [each.raw for each in fetched] == [b"Subject: x\r\n\r\n"]
    logins = [line for line in server.store.commands() if line.startswith(("AUTH", "challenge"))]
    assert logins == ["AUTH XOAUTH2", "challenge answered: ", "AUTH XOAUTH2"]


def test_a_token_that_stays_refused_blocks_the_mailbox_without_being_told(
    server: Pop3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(with_tokens(server, monkeypatch, "wrong-token")) as source, pytest.raises(MailboxBlocked) as caught:
        source.has_news(Position())

    assert caught.value.kind == "login_refused"
    assert "POP3 for this mailbox" in caught.value.mend
    assert "wrong-token" not in str(caught.value)


def test_a_server_that_takes_no_tokens_is_told_as_a_refused_login(
    server: Pop3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.store.set_faults(Faults(answers={"AUTH": "-ERR unknown command"}))

    with closing(with_tokens(server, monkeypatch, TOKEN)) as source, pytest.raises(MailboxBlocked, match="unknown"):
        source.has_news(Position())


def test_no_command_is_hidden_in_the_user_of_a_token(server: Pop3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    source = with_tokens(server, monkeypatch, TOKEN, user="x\r\nDELE 1")

    with closing(source), pytest.raises(MailboxBlocked) as caught:
        source.has_news(Position())

    assert caught.value.kind == "credentials"
    assert server.store.commands() == []


def test_a_profile_that_wants_another_login_is_a_configuration_error(server: Pop3Server) -> None:
    wanted = replace(profile(server), authentication=Authentication.WINDOWS)

    with pytest.raises(ConfigurationError, match=r"pop3-in.*clear-text"):
        Pop3Source(wanted, Mailbox(address=ADDRESS), PASSWORD, LOCAL)


# Certificates


def bad_certificate(flaw: str, authority: Authority, folder: Path) -> tuple[tuple[Path, Path], str]:
    """A server's certificate with this flaw, and the bundle that the profile holds."""
    if flaw == "wrong host":
        return authority.issue_only("other.example"), authority.pem
    if flaw == "expired":
        return authority.issue_expired(), authority.pem
    if flaw == "unknown CA":
        return authority.issue("localhost"), ""
    certificate = self_signed(folder)
    return certificate, certificate[0].read_text() if flaw.endswith("in the bundle") else ""


@pytest.mark.parametrize("security", [Security.TLS, Security.STARTTLS])
@pytest.mark.parametrize("flaw", ["self-signed", "self-signed, in the bundle", "wrong host", "expired", "unknown CA"])
def test_a_bad_certificate_is_refused_before_a_credential_leaves(
    tmp_path: Path, authority: Authority, security: Security, flaw: str
) -> None:
    certificate, pem = bad_certificate(flaw, authority, tmp_path)
    server = Pop3Server(tmp_path / "pop3", certificate=certificate)
    try:
        source = Pop3Source(profile(server, security, pem), Mailbox(address=ADDRESS), PASSWORD, LOCAL)
        with closing(source), pytest.raises(MailboxBlocked) as caught:
            source.has_news(Position())
    finally:
        server.stop()

    assert caught.value.kind == "certificate"
    assert "localhost" in str(caught.value)
    assert caught.value.mend
    assert [line for line in server.store.commands() if line != "STLS"] == []
    if flaw.startswith("self-signed"):
        assert "ca_bundle" in caught.value.mend


def test_what_was_injected_before_tls_is_forgotten(server: Pop3Server, authority: Authority) -> None:
    server.put(ADDRESS, b"Subject: true\r\n\r\n")
    server.store.set_faults(Faults(inject_after_stls="+OK\r\n+OK\r\n+OK 0 0\r\n"))

    source = Pop3Source(profile(server, Security.STARTTLS, authority.pem), Mailbox(address=ADDRESS), PASSWORD, LOCAL)
    assert source.has_news(Position())
    fetched, _ = a_pass(source)

    assert [each.raw for each in fetched] == [b"Subject: true\r\n\r\n"]


@pytest.mark.parametrize("answer", ["-ERR no TLS", "", "+OKAY then no TLS at all"])
def test_no_password_goes_in_clear_when_starttls_fails(server: Pop3Server, authority: Authority, answer: str) -> None:
    server.store.set_faults(Faults(stls=False, answers={"STLS": answer}))

    source = Pop3Source(profile(server, Security.STARTTLS, authority.pem), Mailbox(address=ADDRESS), PASSWORD, LOCAL)
    with closing(source), pytest.raises(RouterError):
        source.has_news(Position())

    assert not [line for line in server.store.commands() if PASSWORD in line or line.startswith("USER")]


def test_a_port_that_speaks_no_tls_is_told_with_what_to_do(server: Pop3Server, authority: Authority) -> None:
    plain = replace(profile(server, Security.TLS, authority.pem), port=server.port)

    with (
        closing(Pop3Source(plain, Mailbox(address=ADDRESS), PASSWORD, LOCAL)) as source,
        pytest.raises(MailboxBlocked) as caught,
    ):
        source.has_news(Position())

    assert caught.value.kind == "tls"
    assert "port" in caught.value.mend


def test_a_bundle_that_holds_no_certificates_is_a_configuration_error(server: Pop3Server) -> None:
    with (
        closing(
            Pop3Source(profile(server, Security.TLS, "nonsense"), Mailbox(address=ADDRESS), PASSWORD, LOCAL)
        ) as source,
        pytest.raises(ConfigurationError, match="ca_bundle"),
    ):
        source.has_news(Position())
