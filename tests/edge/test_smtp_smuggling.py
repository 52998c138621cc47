"""Nothing in a mail or an address is taken for another mail or a command: bare line ends, dots, forged addresses."""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from email_router.core.sending import SendOutcome
from email_router.edge.connect.smtp_text import flaw_of, stuffed, whole_lines
from tests.edge.relays import MAIL, envelope, opened, profile, sent
from tests.simulators.relay import Relay

if TYPE_CHECKING:
    from collections.abc import Callable

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


@settings(deadline=None, max_examples=300)
@given(
    st.lists(st.sampled_from([b"\r\n", b"\r", b"\n", b"\0", b"x", b".", b"\x0b", b"\x85", b"\xe2\x80\xa8"])).map(
        b"".join
    )
)
def test_a_text_is_sound_when_each_of_its_lines_ends_in_crlf_and_nothing_else_ends_one(text: bytes) -> None:
    sound = text.endswith(b"\r\n") and not re.search(rb"\r(?!\n)|(?<!\r)\n|\0", text)

    assert (flaw_of(text) == "") is sound
    if sound:
        assert b"".join(map(stuffed, whole_lines(text))) == re.sub(rb"(?m)^\.", b"..", text)
