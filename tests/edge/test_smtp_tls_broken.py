"""Lines with TLS that break, anywhere: every mail at most once, and each told as what became of it."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import pytest

from email_router.core.errors import MailboxBlocked
from email_router.core.mailbox import Security
from email_router.core.sending import SendOutcome
from email_router.edge.connect.smtp_line import SmtpLine
from tests.edge.relays import (
    MAIL,
    PASSWORD,
    envelope,
    leaves_no_doubt,
    mails,
    on_the_wire,
    opened,
    outcomes,
    profile,
    sent_in_turn,
)
from tests.simulators import relay as relay_module
from tests.simulators.certificates import self_signed
from tests.simulators.listener import Listener
from tests.simulators.relay import Relay, Script

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tests.edge.relays import Mail
    from tests.simulators.certificates import Authority

ACCEPTED, UNKNOWN = SendOutcome.ACCEPTED, SendOutcome.UNKNOWN
SECURED = ("PIPELINING", "AUTH PLAIN LOGIN")

STRIDE = 5
"""Bytes between two cuts before the first text, where no mail can be in doubt: each costs two handshakes."""


class Noting(relay_module._Session):
    """A good server that notes how much had been (received, sent) before each text."""

    before_text: ClassVar[list[tuple[int, int]]] = []

    def data(self) -> None:
        """Note, and take the mail."""
        self.before_text.append((self.relay.received, self.relay.sent))
        super().data()


class Direct(Noting):
    """One whose line begins with TLS (RFC 8314 3.3)."""

    def run(self) -> None:
        """Shake hands, and go on as ever."""
        assert self.relay.context is not None
        self.line = self.relay.context.wrap_socket(self.line, server_side=True)
        super().run()


@pytest.fixture(params=[Security.STARTTLS, Security.TLS], ids=["starttls", "tls"])
def script(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[Security, Callable[..., Script]]:
    """Give each way to TLS, with scripts for it (the simulator's own seam: what a session does)."""
    security: Security = request.param
    monkeypatch.setattr(relay_module, "_Session", Noting if security is Security.STARTTLS else Direct)
    monkeypatch.setattr(Noting, "before_text", [])
    extensions = ("STARTTLS",) if security is Security.STARTTLS else SECURED
    return security, lambda **more: Script(extensions=extensions, secured=SECURED, **more)


def check(relay: Relay, these: Sequence[Mail], told: Sequence[SendOutcome | None], place: str) -> None:
    """See that none is lost, taken twice, or told as what it was not, and that at most one is in doubt."""
    for number, one in enumerate(these):
        copies, outcome = relay.taken.count(on_the_wire(one)), told[number]
        assert outcome in {ACCEPTED, UNKNOWN, None}, place
        assert copies <= 1, f"{place}: mail {number} sent twice"
        assert outcome is not ACCEPTED or copies == 1, f"{place}: mail {number} lost, and told as accepted"
        assert outcome is not None or copies == 0, f"{place}: mail {number} taken, and told as not handed over"
    assert told.count(UNKNOWN) <= 1, place


# What is said


@pytest.mark.parametrize("way", ["cut_received", "cut_sent"])
def test_a_line_cut_anywhere_in_what_is_said_leaves_each_mail_its_own_fate(
    script: tuple[Security, Callable[..., Script]], certificate: tuple[Path, Path], authority: Authority, way: str
) -> None:
    (security, scripts), these, side = script, mails(2), int(way == "cut_sent")
    whole = Relay(scripts(), certificate)
    with closing(opened(profile(whole, security, authority.pem))) as sender:
        assert outcomes(sent_in_turn(sender, these)) == [ACCEPTED] * 2
    whole.stop()
    length = (whole.received, whole.sent)[side]
    text = Noting.before_text[0][side] - len("354 go on\r\n") * side

    all_told = []
    for cut in (*range(0, text, STRIDE), *range(text - 1, length + 1)):
        relay = Relay(scripts(**{way: cut}), certificate)
        with closing(opened(profile(relay, security, authority.pem))) as sender:
            told = outcomes(sent_in_turn(sender, these))
        relay.stop()
        check(relay, these, told, f"{way} {cut}")
        assert cut >= text or UNKNOWN not in told, f"{way} {cut}: in doubt, though no text had begun"
        all_told += told

    assert {*all_told} == {None, UNKNOWN, ACCEPTED}


# What goes over the network


class Cutter:
    """Lies between a client and a server, and breaks the first of their lines after so many bytes of what the one (True) or other sends."""

    def __init__(self, port: int, *, of_client: bool, cut: int) -> None:
        self.passed = {True: 0, False: 0}
        self._server = port
        self._of_client = of_client
        self._left = cut
        self._listener = Listener(self._serve)
        self.port = self._listener.port

    def stop(self) -> None:
        """Stop listening."""
        self._listener.stop()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", self._server), 10) as server:
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with contextlib.suppress(OSError):
                self._pass(client, server)
        self._left = 1 << 30

    def _pass(self, client: socket.socket, server: socket.socket) -> None:
        while self._left:
            for line in select.select([client, server], [], [], 10)[0]:
                counted = (line is client) is self._of_client
                data = line.recv(min(65536, self._left) if counted else 65536)
                if not data:
                    return
                self.passed[line is client] += len(data)
                self._left -= len(data) * counted
                (server if line is client else client).sendall(data)
                if not self._left:
                    return


@pytest.mark.parametrize("of_client", [True, False], ids=["client", "server"])
def test_a_line_cut_anywhere_within_the_records_of_tls_leaves_a_mail_its_own_fate(
    monkeypatch: pytest.MonkeyPatch, certificate: tuple[Path, Path], authority: Authority, *, of_client: bool
) -> None:
    monkeypatch.setattr(relay_module, "_Session", Direct)
    these = mails(1)

    def run(cut: int) -> tuple[Relay, Cutter, list[SendOutcome | None]]:
        relay = Relay(Script(extensions=SECURED), certificate)
        cutter = Cutter(relay.port, of_client=of_client, cut=cut)
        way = replace(profile(relay, Security.TLS, authority.pem), port=cutter.port)
        with closing(opened(way)) as sender:
            told = outcomes(sent_in_turn(sender, these))
        cutter.stop()
        relay.stop()
        return relay, cutter, told

    _, whole, told = run(1 << 30)
    assert told == [ACCEPTED]
    length = whole.passed[of_client]

    all_told = []
    for cut in (*range(0, length - 130, 41), *range(length - 130, length + 1)):
        relay, _, told = run(cut)
        check(relay, these, told, f"cut {cut} of {length}")
        all_told += told

    assert {*all_told} == {None, UNKNOWN, ACCEPTED}


class _SecuredWriteEnds(ssl.SSLSocket):
    """A line with TLS over which so many bytes leave, and no more; it does not tell how much of a write has left when that fails."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.taken = b""

    def send(self, data: bytes | memoryview, flags: int = 0) -> int:  # type: ignore[override]  # a line sends nothing else
        piece = bytes(data[: self.room - len(self.taken)])
        self.taken += piece
        if len(piece) < len(data):
            raise ssl.SSLEOFError
        return len(data)

    sendall = send  # type: ignore[assignment]  # all or an error, as above

    def settimeout(self, value: float | None) -> None:
        """Never wait."""

    def close(self) -> None:
        """Have nothing to give back."""


@pytest.mark.parametrize("room", range(15))
def test_a_write_over_tls_that_fails_leaves_no_doubt_whether_the_text_had_left(room: int) -> None:
    network = _SecuredWriteEnds(room)

    leaves_no_doubt(SmtpLine(network, "relay.example", "sales at relay.example"), room)

    assert network.taken == b"text.\r\nMAIL\r\n"[:room]


# Who is there


def test_over_either_way_to_tls_a_mail_goes_after_the_login(
    relays: Callable[..., Relay],
    script: tuple[Security, Callable[..., Script]],
    certificate: tuple[Path, Path],
    authority: Authority,
) -> None:
    security, scripts = script
    relay = relays(scripts(), certificate)

    with closing(opened(profile(relay, security, authority.pem))) as sender:
        assert sender.send(envelope(), MAIL).outcome is ACCEPTED

    verbs = [command.split()[0] for command in relay.commands]
    greeting = ["EHLO"] if security is Security.TLS else ["EHLO", "STARTTLS", "EHLO"]
    assert verbs[: verbs.index("DATA") + 1] == [*greeting, "AUTH", "MAIL", "RCPT", "DATA"]
    assert relay.taken == [MAIL]


@pytest.mark.parametrize("flaw", ["self-signed", "wrong host", "expired", "unknown CA"])
def test_a_bad_certificate_is_refused_before_anything_but_starttls_is_said(
    relays: Callable[..., Relay],
    script: tuple[Security, Callable[..., Script]],
    tmp_path: Path,
    authority: Authority,
    flaw: str,
) -> None:
    security, scripts = script
    ways: dict[str, Callable[[], tuple[Path, Path]]] = {
        "self-signed": lambda: self_signed(tmp_path),
        "wrong host": lambda: authority.issue_only("other.example"),
        "expired": authority.issue_expired,
        "unknown CA": lambda: authority.issue("localhost"),
    }
    relay = relays(scripts(), ways[flaw]())

    pem = "" if flaw == "unknown CA" else authority.pem
    with closing(opened(profile(relay, security, pem))) as sender, pytest.raises(MailboxBlocked) as caught:
        sender.send(envelope(), MAIL)

    assert caught.value.kind == "certificate"
    assert [command.split()[0] for command in relay.commands] == (
        [] if security is Security.TLS else ["EHLO", "STARTTLS"]
    )


def test_a_server_without_tls_at_the_port_of_tls_gets_no_word(
    relays: Callable[..., Relay], authority: Authority
) -> None:
    relay = relays(Script(extensions=("AUTH PLAIN",)))

    with closing(opened(profile(relay, Security.TLS, authority.pem))) as sender, pytest.raises(MailboxBlocked) as told:
        sender.send(envelope(), MAIL)

    assert told.value.kind == "tls"
    assert relay.taken == []
    assert not [said for said in relay.commands if PASSWORD in said or said.startswith(("EHLO", "AUTH", "MAIL"))]
