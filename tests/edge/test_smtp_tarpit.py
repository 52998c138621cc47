"""A relay that drips, dawdles or takes crumbs holds nobody for long, and what it may have taken is not sent again."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from email_router.core.errors import TryLater
from email_router.core.mailbox import Security
from email_router.core.sending import SendOutcome
from email_router.edge.connect import smtp
from tests.edge.relays import MAIL, envelope, opened, profile
from tests.simulators import relay as relay_module
from tests.simulators.certificates import Authority
from tests.simulators.relay import Relay, Script

BEFORE = ("220 ready", "relay.example", "250 OK", "354 go on")
LOGIN = ("220 ready", "relay.example", "220 go on", "AUTH PLAIN", "235 welcome")
SECONDS = 0.4
CROWD = tuple(f"user{number}@example.org" for number in range(60))


class Tarpit(relay_module._Session):
    """A session that never ends one answer, named by its words: it drips bytes of it, or whole lines."""

    drips = ""
    drop = b"2"

    def send(self, data: bytes) -> None:
        """Drip the answer, or give it."""
        if not self.drips or self.drips.encode() not in data:
            super().send(data)
            return
        with suppress(OSError):
            for _ in range(100):
                self.line.sendall(self.drop)
                time.sleep(0.02)
        raise relay_module.CutError


class Slow(relay_module._Session):
    """A session that takes its time for each answer, and is never silent for long."""

    def say(self, text: str) -> None:
        """Answer late."""
        time.sleep(0.02)
        super().say(text)


class Crumbs(relay_module._Session):
    """A session that takes a mail by crumbs."""

    def data(self) -> None:
        """Take a little, and a little more."""
        self.line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        until = time.monotonic() + 3 * SECONDS
        with suppress(OSError):
            while time.monotonic() < until:
                self.line.recv(4096)
                time.sleep(0.02)
        raise relay_module.CutError


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Callable[[type[relay_module._Session]], None]:
    """Let nobody wait long, and relays have such sessions (the simulator's own seam: what a session answers)."""
    for name in ("OPENING_SECONDS", "BEFORE_SECONDS", "ANSWER_SECONDS"):
        monkeypatch.setattr(smtp, name, SECONDS)
    return lambda kind: monkeypatch.setattr(relay_module, "_Session", kind)


@pytest.fixture(autouse=True)
def _ends_soon() -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < 20 * SECONDS


@pytest.mark.parametrize("drop", [b"2", b"250-and\r\n"], ids=["bytes", "lines"])
@pytest.mark.parametrize("drips", [*BEFORE, "250 taken"])
def test_a_tarpit_at_any_step_ends_as_what_it_is(
    drips: str,
    drop: bytes,
    relays: Callable[..., Relay],
    impatient: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Tarpit, "drips", drips)
    monkeypatch.setattr(Tarpit, "drop", drop)
    impatient(Tarpit)
    relay = relays(Script(extensions=("8BITMIME",)))

    with closing(opened(profile(relay))) as sender:
        if drips in BEFORE:
            with pytest.raises(TryLater) as told:
                sender.send(envelope(), MAIL)
            assert told.value.kind == "timeout"
        else:
            result = sender.send(envelope(), MAIL)
            assert result.outcome is SendOutcome.UNKNOWN
            assert "fell silent" in result.evidence
            assert result.after == 0

    assert len(relay.taken) == (0 if drips in BEFORE else 1)


@pytest.mark.parametrize("drips", LOGIN)
def test_one_that_drips_before_the_login_is_over_gets_no_mail(
    drips: str,
    relays: Callable[..., Relay],
    certificate: tuple[Path, Path],
    authority: Authority,
    impatient: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Tarpit, "drips", drips)
    impatient(Tarpit)
    relay = relays(Script(extensions=("STARTTLS",)), certificate)

    with closing(opened(profile(relay, Security.STARTTLS, authority.pem))) as sender, pytest.raises(TryLater) as told:
        sender.send(envelope(), MAIL)

    assert told.value.shared
    assert relay.taken == []


@pytest.mark.parametrize("drop", [b"2", b""], ids=["bytes", "nothing"])
@pytest.mark.parametrize("drips", ["250 OK", "354 go on", "250 taken"])
def test_one_that_drips_or_falls_silent_over_tls_ends_as_what_it_is(
    drips: str,
    drop: bytes,
    relays: Callable[..., Relay],
    certificate: tuple[Path, Path],
    authority: Authority,
    impatient: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Tarpit, "drips", drips)
    monkeypatch.setattr(Tarpit, "drop", drop)
    impatient(Tarpit)
    if drips != "250 taken":  # the time for the whole ends before that for one answer
        monkeypatch.setattr(smtp, "OPENING_SECONDS", 30 * SECONDS)
        monkeypatch.setattr(smtp, "ANSWER_SECONDS", 30 * SECONDS)
    relay = relays(Script(extensions=("STARTTLS",), secured=("8BITMIME", "AUTH PLAIN")), certificate)

    with closing(opened(profile(relay, Security.STARTTLS, authority.pem))) as sender:
        if drips == "250 taken":
            result = sender.send(envelope(), MAIL)
            assert result.outcome is SendOutcome.UNKNOWN
            assert "fell silent" in result.evidence
        else:
            with pytest.raises(TryLater) as told:
                sender.send(envelope(), MAIL)
            assert told.value.kind == "timeout"

    assert len(relay.taken) == (drips == "250 taken")


def test_many_answers_each_of_which_comes_in_time_are_too_late_together(
    relays: Callable[..., Relay], impatient: Callable[..., None]
) -> None:
    impatient(Slow)
    relay = relays(Script(extensions=("8BITMIME",)))

    with closing(opened(profile(relay))) as sender, pytest.raises(TryLater) as told:
        sender.send(envelope(*CROWD), MAIL)

    assert told.value.kind == "timeout"
    assert relay.taken == []


def test_one_that_takes_a_large_mail_by_crumbs_is_given_up_before_its_end(
    relays: Callable[..., Relay], impatient: Callable[..., None]
) -> None:
    impatient(Crumbs)
    relay = relays(Script(extensions=("8BITMIME",)))

    with closing(opened(profile(relay))) as sender, pytest.raises(TryLater) as told:
        sender.send(envelope(), b"Subject: x\r\n\r\n" + b"a line of a large mail\r\n" * 800_000)

    assert told.value.kind == "timeout"
    assert relay.taken == []
