"""Logging in to a relay as a Windows account and with a token, against a server that really checks."""

from __future__ import annotations

import base64
import json
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
import spnego

from email_router.core.errors import MailboxBlocked
from email_router.core.mailbox import Authentication, Direction, Mailbox, Profile, Security
from email_router.core.ports import Reach
from email_router.core.sending import Envelope, SendOutcome, SendResult
from email_router.edge.connect.bearer import Bearer
from email_router.edge.senders.smtp import SmtpSender
from tests.simulators import relay as relay_module
from tests.simulators.relay import Relay, Script

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.simulators.certificates import Authority

ACCOUNT, PASSWORD = "CONTOSO\\router", "Pässw0rd"
ENVELOPE = Envelope(
    organisation="contoso", activity="e1", sender="sales@contoso.example", recipients=("ann@example.org",)
)
MAIL = b"Subject: x\r\n\r\nHello\r\n"


class Domain(relay_module._Session):
    """A session whose AUTH NTLM is answered by an acceptor that knows the account's password."""

    def run(self) -> None:
        """Answer AUTH NTLM here, all else as ever."""
        self.acceptor: spnego.ContextProxy | None = None
        super().run()

    def answer(self, verb: str) -> None:
        """Go on with the exchange."""
        command = self.relay.commands[-1]
        if command == "AUTH NTLM":
            self.acceptor = spnego.server(protocol="ntlm")
            self.say("334 ")
        elif self.acceptor is not None and not self.acceptor.complete:
            self._step(command)
        else:
            super().answer(verb)

    def _step(self, command: str) -> None:
        assert self.acceptor is not None
        try:
            token = self.acceptor.step(base64.b64decode(command))
        except spnego.exceptions.SpnegoError:
            self.acceptor = None
            self.say("535 5.7.3 Authentication unsuccessful")
            return
        self.say("235 2.7.0 welcome" if self.acceptor.complete else f"334 {base64.b64encode(token or b'').decode()}")


@pytest.fixture
def relays(certificate: tuple[Path, Path]) -> Iterator[Callable[[Script], Relay]]:
    started: list[Relay] = []

    def start(script: Script) -> Relay:
        started.append(Relay(script, certificate))
        return started[-1]

    yield start
    for relay in started:
        relay.stop()


def profile(relay: Relay, pem: str, authentication: Authentication) -> Profile:
    return Profile(
        name="out",
        direction=Direction.OUTGOING,
        server="smtp",
        host="localhost",
        port=relay.port,
        security=Security.STARTTLS,
        ca_pem=pem,
        authentication=authentication,
        username=ACCOUNT,
    )


def sent(given: Profile, secret: str) -> SendResult:
    with closing(SmtpSender(given, Mailbox(address=ENVELOPE.sender), secret, Reach(loopback=True))) as sender:
        return sender.send(ENVELOPE, MAIL)


@pytest.fixture
def domain(
    relays: Callable[[Script], Relay], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Script], Relay]:
    """A relay of a Windows domain that has the account."""
    users = tmp_path / "users"
    users.write_text(f"CONTOSO:router:{PASSWORD}\n", "utf-8")
    monkeypatch.setenv("NTLM_USER_FILE", str(users))
    monkeypatch.setattr(relay_module, "_Session", Domain)  # the simulator's own seam: what a session answers
    return relays


def test_a_windows_account_logs_in_by_ntlm_and_its_password_is_never_said(
    domain: Callable[[Script], Relay], authority: Authority
) -> None:
    relay = domain(Script(extensions=("STARTTLS",), secured=("PIPELINING", "AUTH NTLM PLAIN")))

    result = sent(profile(relay, authority.pem, Authentication.WINDOWS), PASSWORD)

    assert result.outcome is SendOutcome.ACCEPTED
    assert relay.taken == [MAIL]
    said = b"".join(base64.b64decode(one + "==") for one in relay.commands if " " not in one and len(one) > 20)
    assert PASSWORD.encode() not in said
    assert PASSWORD.encode("utf-16-le") not in said
    assert b"NTLMSSP" in said


def test_a_wrong_password_by_ntlm_blocks_the_mailbox(domain: Callable[[Script], Relay], authority: Authority) -> None:
    relay = domain(Script(extensions=("STARTTLS",), secured=("AUTH NTLM",)))

    with pytest.raises(MailboxBlocked) as refusal:
        sent(profile(relay, authority.pem, Authentication.WINDOWS), "wrong")

    assert refusal.value.kind == "login_refused"
    assert relay.taken == []


@pytest.mark.parametrize("challenge", ["334 bm8gY2hhbGxlbmdl", "334 ***", "334 "])
def test_a_challenge_that_is_none_is_given_up(
    relays: Callable[[Script], Relay], authority: Authority, challenge: str
) -> None:
    script = Script(extensions=("STARTTLS",), secured=("AUTH NTLM",), answers={"AUTH NTLM": "334 ", "TlRM": challenge})
    relay = relays(script)

    with pytest.raises(MailboxBlocked) as refusal:
        sent(profile(relay, authority.pem, Authentication.WINDOWS), PASSWORD)

    assert refusal.value.kind == "login_refused"
    assert relay.commands[-1] == "*"


@pytest.mark.parametrize("authentication", [Authentication.WINDOWS, Authentication.OAUTH])
def test_a_server_without_the_mechanism_is_told_and_gets_no_secret(
    relays: Callable[[Script], Relay],
    authority: Authority,
    authentication: Authentication,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Bearer, "token", lambda _: "a-token")
    relay = relays(Script(extensions=("STARTTLS",), secured=("AUTH PLAIN LOGIN",)))

    secret = PASSWORD if authentication is Authentication.WINDOWS else json.dumps({"type": "service_account"})

    with pytest.raises(MailboxBlocked) as refusal:
        sent(profile(relay, authority.pem, authentication), secret)

    assert refusal.value.kind == "authentication"
    assert not [command for command in relay.commands if command.startswith("AUTH")]


class TokenHolder(relay_module._Session):
    """A session that knows a fresh token; a stale one is refused as Google and Microsoft do, by a challenge."""

    def answer(self, verb: str) -> None:
        """Judge the token; refuse after the empty line that answers the challenge."""
        command = self.relay.commands[-1]
        if command.startswith("AUTH XOAUTH2 "):
            said = base64.b64decode(command.split()[-1])
            fresh = said == f"user={ACCOUNT}\1auth=Bearer fresh\1\1".encode()
            self.say("235 welcome" if fresh else "334 eyJzdGF0dXMiOiI0MDEifQ==")
        elif not command:
            self.say("535 5.7.3 token refused")
        else:
            super().answer(verb)


@pytest.mark.parametrize("tokens", [["fresh"], ["stale", "fresh"], ["stale", "stale"]])
def test_a_token_logs_in_by_xoauth2_and_a_stale_one_is_replaced_once(
    relays: Callable[[Script], Relay], authority: Authority, monkeypatch: pytest.MonkeyPatch, tokens: list[str]
) -> None:
    forgotten: list[str] = []
    left = list(tokens)
    monkeypatch.setattr(Bearer, "token", lambda _: left[0])  # the token service is another test's
    monkeypatch.setattr(Bearer, "forget", lambda _, token: forgotten.append(left.pop(left.index(token))))
    monkeypatch.setattr(relay_module, "_Session", TokenHolder)  # the simulator's own seam: what a session answers
    relay = relays(Script(extensions=("STARTTLS",), secured=("AUTH XOAUTH2",)))
    given, key = profile(relay, authority.pem, Authentication.OAUTH), json.dumps({"type": "service_account"})

    if tokens[-1] == "fresh":
        assert sent(given, key).outcome is SendOutcome.ACCEPTED
    else:
        with pytest.raises(MailboxBlocked) as refusal:
            sent(given, key)
        assert refusal.value.kind == "login_refused"
        assert "stale" not in str(refusal.value)

    assert forgotten == tokens[:-1]
    assert relay.taken == ([MAIL] if tokens[-1] == "fresh" else [])
