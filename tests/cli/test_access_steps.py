"""The steps into a mail server and out of it: what is seen at each, and what is told of the one that fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from ssl import PEM_cert_to_DER_cert
from typing import Any

import pytest

from email_router.core.mailbox import Authentication, Profile, Security
from tests.cli.trials import SALES, Moving, line_of, road_of, step, told, trial
from tests.simulators import imap as imap_module
from tests.simulators import pop3 as pop3_module
from tests.simulators import relay as relay_module
from tests.simulators.certificates import Authority, self_signed
from tests.simulators.imap import ImapServer
from tests.simulators.pop3 import Pop3Server
from tests.simulators.relay import Relay, Script

MAIL = b"From: Erin <erin@fabrikam.example>\r\nSubject: An order\r\nMessage-ID: <1@fabrikam.example>\r\n\r\nHello\r\n"
PASSWORDS = {"pop3": pop3_module.PASSWORD, "imap": imap_module.PASSWORD, "smtp": "smtp-password"}
METHODS = {"pop3": "USER and PASS", "imap": "AUTHENTICATE PLAIN", "smtp": "PLAIN"}
KINDS = tuple(PASSWORDS)
TLS, STARTTLS = Security.TLS, Security.STARTTLS
Pair = tuple[Path, Path]
Said = Callable[[], list[str]]


class TlsSession(relay_module._Session):
    """A session of a relay whose TLS is implicit."""

    def run(self) -> None:
        assert self.relay.context is not None
        self.line = self.relay.context.wrap_socket(self.line, server_side=True)
        super().run()


@contextmanager
def serving(
    kind: str, security: Security, pair: Pair | None, folder: Path, answers: dict[str, str] | None = None
) -> Iterator[tuple[int, Said]]:
    """Give the port of a server of this kind, and what clients have said to it; `answers` are a relay's."""
    if kind == "pop3":
        pop3 = Pop3Server(folder / "pop3", certificate=pair)
        pop3.put(SALES, MAIL)
        yield (pop3.tls_port if security is TLS else pop3.port), pop3.store.commands
        pop3.stop()
    elif kind == "imap":
        imap = ImapServer(pair, tls=security is TLS)
        imap.inbox.put(MAIL)
        yield imap.port, lambda: imap.commands
        imap.stop()
    else:
        with pytest.MonkeyPatch.context() as patch:
            if security is TLS:
                patch.setattr(relay_module, "_Session", TlsSession)
            login = ("SIZE 1000000", "AUTH PLAIN")
            script = Script(
                extensions=("STARTTLS",) if security is STARTTLS else login, secured=login, answers=answers or {}
            )
            relay = Relay(script, pair)
            yield relay.port, lambda: relay.commands
            relay.stop()


def profile_of(kind: str, port: int, security: Security, pem: str, **more: Any) -> Profile:
    return line_of(kind, port, security=security, ca_pem=pem, **more)


def digest(pair: Pair) -> str:
    whole = sha256(PEM_cert_to_DER_cert(pair[0].read_text())).hexdigest().upper()
    return ":".join(whole[at : at + 2] for at in range(0, len(whole), 2))


@pytest.mark.parametrize("security", [TLS, STARTTLS])
@pytest.mark.parametrize("kind", KINDS)
def test_each_step_tells_what_was_seen_and_how_long_it_took(
    kind: str, security: Security, authority: Authority, certificate: Pair, tmp_path: Path
) -> None:
    with serving(kind, security, certificate, tmp_path) as (port, _):
        road = road_of(profile_of(kind, port, security, authority.pem), secret=PASSWORDS[kind])

    shape = road.json()
    begun = ["resolve", "connect", "tls", "authenticate", *(["read"] if kind != "smtp" else [])]
    unasked = ["send", "find"] if kind == "smtp" else []
    assert told(road) == {**dict.fromkeys(begun, "ok"), **dict.fromkeys(unasked, "not_asked")}
    assert [step(road, name)["seconds"] for name in begun] == [1.0] * len(begun)  # the clock moves once a step
    assert "127.0.0.1 (this machine)" in step(road, "resolve")["seen"]
    assert step(road, "connect")["seen"].startswith(f"localhost:{port} at ")
    assert step(road, "authenticate")["seen"] == f"{SALES} by {METHODS[kind]}"
    assert PASSWORDS[kind] not in str(shape)
    shown = step(road, "tls")["certificate"]
    assert (shown["subject"], shown["issuer"], shown["sha256"]) == (
        "CN=localhost",
        "CN=Throw-away CA",
        digest(certificate),
    )
    assert {"localhost", "127.0.0.1"} <= set(shown["names"])
    assert (shown["days_left"], shown["tls"][:5]) == (0, "TLSv1")
    assert (shape["status"], shape["error"]) == ("ok", None)


def test_a_line_without_tls_says_why_and_tests_the_rest(tmp_path: Path) -> None:
    with serving("imap", Security.NONE, None, tmp_path) as (port, _):
        road = road_of(profile_of("imap", port, Security.NONE, ""), secret=PASSWORDS["imap"])

    assert told(road) == {
        "resolve": "ok", "connect": "ok", "tls": "not_asked", "authenticate": "ok", "read": "ok",
    }  # fmt: skip
    assert step(road, "tls")["seen"] == 'security = "none" in the profile'
    assert (step(road, "tls")["seconds"], step(road, "authenticate")["seconds"]) == (None, 1.0)


def test_a_relay_without_a_login_says_so(tmp_path: Path) -> None:
    with serving("smtp", Security.NONE, None, tmp_path) as (port, _):
        settings = profile_of("smtp", port, Security.NONE, "", authentication=Authentication.ANONYMOUS)
        road = road_of(settings, secret="")

    assert step(road, "authenticate")["seen"] == 'no login: authentication = "anonymous" in the profile'


BAD = {
    "self-signed": ("Self-signed certificates are refused", "CN=self-signed"),
    "expired": ("Renew the server's certificate", "CN=expired"),
    "other name": ("Use the host name that stands in the certificate", "CN=mail.contoso.example"),
    "unknown authority": ("Name the private CA's bundle as ca_bundle in the profile", "CN=localhost"),
}


@pytest.fixture(scope="module")
def pairs(authority: Authority, certificate: Pair, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Pair]:
    """Certificates that are refused, each for its reason."""
    return {
        "self-signed": self_signed(tmp_path_factory.mktemp("self-signed")),
        "expired": authority.issue_expired(),
        "other name": authority.issue_only("mail.contoso.example"),
        "unknown authority": certificate,
    }


@pytest.mark.parametrize("security", [TLS, STARTTLS])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("flaw", BAD)
def test_a_certificate_that_is_refused_is_shown_and_nobody_logs_in(
    flaw: str, kind: str, security: Security, pairs: dict[str, Pair], authority: Authority, tmp_path: Path
) -> None:
    pem = "" if flaw == "unknown authority" else authority.pem
    with serving(kind, security, pairs[flaw], tmp_path) as (port, said):
        road = road_of(profile_of(kind, port, security, pem), secret=PASSWORDS[kind])
        commands = " ".join(said()).upper()

    mend, subject = BAD[flaw]
    failed = step(road, "tls")
    assert (failed["status"], failed["error"]["kind"]) == ("error", "certificate")
    assert mend in failed["error"]["mend"]
    assert (failed["certificate"]["subject"], failed["certificate"]["sha256"]) == (subject, digest(pairs[flaw]))
    assert (failed["certificate"]["days_left"] < 0) == (flaw == "expired")
    assert (told(road)["connect"], told(road)["authenticate"]) == ("ok", "not_reached")
    assert not any(word in commands for word in ("AUTH ", "LOGIN", "AUTHENTICATE", "USER", "PASS"))
    rows = [" ".join(map(str, row)) for row in road.rows(SALES)]
    assert any(digest(pairs[flaw]) in row and mend in row for row in rows)


@pytest.mark.parametrize(
    ("changes", "failed", "kind", "mend"),
    [
        ({"host": "no-such-host.invalid"}, "resolve", "host_unknown", "Check the host name 'no-such-host.invalid'"),
        ({"host": "169.254.169.254"}, "resolve", "network_denied", "Use a public server"),
        ({"port": 1}, "connect", "connection_refused", "Check host and port in the profile"),
    ],
)
@pytest.mark.parametrize("kind_of", KINDS)
def test_a_server_that_is_not_reached_is_told_by_the_step(
    kind_of: str, changes: dict[str, Any], failed: str, kind: str, mend: str
) -> None:
    road = road_of(replace(line_of(kind_of, 2, security=TLS), **changes), secret="x")

    assert (step(road, failed)["error"]["kind"], road.error and road.error.kind) == (kind, kind)
    assert mend in step(road, failed)["error"]["mend"]
    assert [name for name, status in told(road).items() if status == "error"] == [failed]
    assert told(road)["authenticate"] == "not_reached"


def test_a_port_that_speaks_no_tls_is_told_at_tls_and_has_no_certificate(tmp_path: Path) -> None:
    with serving("imap", Security.NONE, None, tmp_path) as (port, _):
        road = road_of(profile_of("imap", port, TLS, ""), secret="x")

    assert (step(road, "tls")["error"]["kind"], step(road, "tls")["certificate"]) == ("tls", None)
    assert "Check port and security" in step(road, "tls")["error"]["mend"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_password_is_told_at_the_login(
    kind: str, authority: Authority, certificate: Pair, tmp_path: Path
) -> None:
    refusing = {"AUTH": "535 5.7.8 Authentication credentials invalid"}
    with serving(kind, TLS, certificate, tmp_path, refusing) as (port, _):
        road = road_of(profile_of(kind, port, TLS, authority.pem), secret="wrong-secret")

    assert step(road, "authenticate")["error"]["kind"] == "login_refused"
    assert "email-router set-password" in step(road, "authenticate")["error"]["mend"]
    assert told(road)["tls"] == "ok"
    assert "wrong-secret" not in str(road.json())


@pytest.mark.parametrize(
    ("words", "kind", "mend"),
    [
        (
            "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox.",
            "login_disabled",
            f"Set-CASMailbox {SALES} -SmtpClientAuthenticationDisabled $false",
        ),
        (
            "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant.",
            "login_disabled",
            "Set-TransportConfig -SmtpClientAuthenticationDisabled $false",
        ),
        ("550 5.7.30 Basic authentication is not supported for Client Submission.", "login_disabled", '"oauth"'),
        ("535 5.7.139 Authentication unsuccessful, basic authentication is disabled.", "login_disabled", '"oauth"'),
        (
            "535 5.7.139 Authentication unsuccessful, user is locked by your organization's security defaults policy.",
            "login_refused",
            "Manage security defaults",
        ),
        ("535 5.7.3 Authentication unsuccessful", "login_refused", "Check user name and password"),
    ],
)
def test_what_exchange_online_refuses_by_smtp_is_told_with_the_command_that_mends_it(
    words: str, kind: str, mend: str, authority: Authority, certificate: Pair
) -> None:
    relay = Relay(Script(extensions=("STARTTLS",), secured=("AUTH PLAIN",), answers={"AUTH": words}), certificate)
    road = road_of(profile_of("smtp", relay.port, STARTTLS, authority.pem), secret="x")
    relay.stop()

    failed = step(road, "authenticate")
    assert (failed["error"]["kind"], words[:9] in failed["error"]["text"]) == (kind, True)
    assert mend in failed["error"]["mend"]


@pytest.fixture
def post(tmp_path: Path) -> Iterator[tuple[Profile, Profile, Moving, Pop3Server]]:
    """A relay that brings its mail into a POP3 mailbox when somebody has waited twice."""
    pop3, relay = Pop3Server(tmp_path / "pop3"), Relay()

    def bring() -> None:
        if len(clock.slept) == 2:
            pop3.put(SALES, relay.taken[-1].removesuffix(b".\r\n"))

    clock = Moving(bring)
    incoming = line_of("pop3", pop3.port, security=Security.NONE)
    outgoing = line_of("smtp", relay.port, security=Security.NONE, authentication=Authentication.ANONYMOUS)
    yield incoming, outgoing, clock, pop3
    relay.stop()
    pop3.stop()


Post = tuple[Profile, Profile, Moving, Pop3Server]


def test_the_mail_of_send_is_found_back_by_the_mailboxs_own_incoming_profile(post: Post) -> None:
    incoming, outgoing, clock, pop3 = post
    pop3.put(SALES, MAIL)

    found = trial(incoming, outgoing, secret=PASSWORDS["pop3"], send=True, clock=clock)

    way = found.roads[1]
    assert (found.failed, told(way)["send"], told(way)["find"]) == (False, "ok", "ok")
    assert step(way, "send")["seen"] == "250 taken"
    assert step(way, "find")["seen"].startswith("found in the inbox by profile pop3 after ")
    assert step(way, "find")["seen"].endswith("it may be deleted")
    assert (clock.slept, len(pop3.messages(SALES))) == ([1.0, 1.5], 2)  # it is left there
    assert [one for one in pop3.store.commands() if one.startswith("RETR")] == [
        "RETR 1",
        "RETR 2",
    ]  # the other is read once


def test_a_mail_that_does_not_come_back_is_told_at_the_step_that_looked_for_it(post: Post) -> None:
    incoming, outgoing, clock, _ = post
    clock.on_sleep = lambda: None

    found = trial(incoming, outgoing, secret=PASSWORDS["pop3"], send=True, clock=clock, most=20)

    failed = step(found.roads[1], "find")
    assert (found.failed, failed["status"], failed["error"]["kind"]) == (True, "error", "test_mail")
    assert "did not come back within 20 seconds" in failed["error"]["text"]
    assert "--wait" in failed["error"]["mend"]
    assert told(found.roads[1])["send"] == "ok"


def test_a_mailbox_without_a_way_in_says_that_nothing_was_looked_for(post: Post) -> None:
    _, outgoing, clock, _ = post

    (way,) = trial(outgoing, secret="x", send=True, clock=clock).roads

    assert (told(way)["send"], told(way)["find"]) == ("ok", "not_asked")
    assert step(way, "find")["seen"] == "the mailbox has no incoming profile to find it by"
    assert (way.error, clock.slept) == (None, [])


def test_a_mailbox_that_cannot_be_read_is_not_looked_into(post: Post) -> None:
    incoming, outgoing, clock, _ = post

    found = trial(incoming, outgoing, secret="wrong", send=True, clock=clock)

    assert (told(found.roads[0])["authenticate"], told(found.roads[1])["find"]) == ("error", "not_asked")
    assert "see its incoming road" in step(found.roads[1], "find")["seen"]


def test_a_mail_that_the_relay_refuses_is_told_at_the_sending(post: Post) -> None:
    _, outgoing, clock, _ = post
    relay = Relay(Script(answers={"RCPT": "550 5.1.1 no such user"}))
    port = {"name": outgoing.name, "security": Security.NONE, "authentication": Authentication.ANONYMOUS}
    (way,) = trial(line_of("smtp", relay.port, **port), secret="x", send=True, clock=clock).roads
    relay.stop()

    failed = step(way, "send")
    assert (failed["error"]["kind"], "550 5.1.1 no such user" in failed["error"]["text"]) == ("test_mail", True)
    assert told(way)["find"] == "not_asked"
