"""Addresses with letters outside ASCII before the @ (RFC 6531): to servers that know them, and past those that do not."""

from __future__ import annotations

import socket
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from aiosmtpd.controller import Controller

from email_router.core.compose import compose
from email_router.core.message import Address
from email_router.core.sending import SendOutcome
from email_router.core.wire import downgraded
from tests.core.composed import PLAIN
from tests.edge.relays import ANN, BOB, MAIL, SENDER, envelope, opened, profile, sent
from tests.simulators.relay import Script

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiosmtpd.smtp import SMTP, Envelope, Session

    from tests.simulators.relay import Relay

ANNA = "änna@bücher.example"
ON_THE_WIRE = "änna@xn--bcher-kva.example"
KNOWS = ("PIPELINING", "8BITMIME", "SMTPUTF8", "SIZE 1000000")
KNOWS_NOT = ("PIPELINING", "8BITMIME", "SIZE 1000000")
COMPOSED = compose(replace(PLAIN, to=(Address("Änna", ANNA), Address("", BOB))))
REFUSED, ACCEPTED = SendOutcome.REFUSED, SendOutcome.ACCEPTED


def test_a_server_that_knows_them_gets_the_mail_as_it_was_composed(relays: Callable[..., Relay]) -> None:
    relay = relays(Script(extensions=KNOWS))

    result = sent(relay, COMPOSED, ANNA, BOB)

    assert [(one.address, one.outcome) for one in result.recipients] == [(ANNA, ACCEPTED), (BOB, ACCEPTED)]
    assert relay.taken == [COMPOSED]
    assert f"MAIL FROM:<{SENDER}> SIZE={len(COMPOSED)} BODY=8BITMIME SMTPUTF8" in relay.commands
    assert f"RCPT TO:<{ON_THE_WIRE}>" in relay.commands


def test_past_a_server_that_does_not_the_others_still_get_it_with_a_header_in_ascii(
    relays: Callable[..., Relay],
) -> None:
    relay = relays(Script(extensions=KNOWS_NOT))

    result = sent(relay, COMPOSED, ANNA, BOB)

    assert result.outcome is ACCEPTED
    assert {one.address: one.outcome for one in result.recipients} == {BOB: ACCEPTED, ANNA: REFUSED}
    assert "SMTPUTF8" in next(one.evidence for one in result.recipients if one.address == ANNA)
    assert relay.taken == [downgraded(COMPOSED)]
    assert relay.taken[0].isascii()
    assert [one for one in relay.commands if one.startswith(("MAIL", "RCPT"))] == [
        f"MAIL FROM:<{SENDER}> SIZE={len(downgraded(COMPOSED))}",
        f"RCPT TO:<{BOB}>",
    ]


def test_where_nobody_is_left_the_mail_is_refused_and_says_why(relays: Callable[..., Relay]) -> None:
    relay = relays(Script(extensions=KNOWS_NOT))

    result = sent(relay, COMPOSED, ANNA)

    assert result.outcome is REFUSED
    assert "SMTPUTF8" in result.evidence
    assert [(one.address, one.outcome) for one in result.recipients] == [(ANNA, REFUSED)]
    assert not [one for one in relay.commands if one.startswith("MAIL")]


@pytest.mark.parametrize(("extensions", "outcome"), [(KNOWS, ACCEPTED), (KNOWS_NOT, REFUSED)])
def test_a_sender_who_needs_it(relays: Callable[..., Relay], extensions: tuple[str, ...], outcome: SendOutcome) -> None:
    relay = relays(Script(extensions=extensions))
    address = "verkäufe@contoso.example"
    mail = compose(replace(PLAIN, sender=Address("Sales", address)))

    with closing(opened(profile(relay))) as sender:
        result = sender.send(replace(envelope(ANN), sender=address), mail)

    assert result.outcome is outcome
    assert (f"MAIL FROM:<{address}> SIZE={len(mail)} BODY=8BITMIME SMTPUTF8" in relay.commands) == (outcome is ACCEPTED)
    assert ("SMTPUTF8" in result.evidence) == (outcome is REFUSED)


def test_a_hidden_recipient_needs_it_though_the_header_is_ascii(relays: Callable[..., Relay]) -> None:
    able, unable = relays(Script(extensions=KNOWS)), relays(Script(extensions=KNOWS_NOT))

    assert sent(able, MAIL, BOB, ANNA).outcome is ACCEPTED
    assert f"MAIL FROM:<{SENDER}> SIZE={len(MAIL)} SMTPUTF8" in able.commands
    assert {one.outcome for one in sent(unable, MAIL, BOB, ANNA).recipients} == {ACCEPTED, REFUSED}
    assert unable.taken == [MAIL]


def test_a_mail_that_needs_none_asks_for_none(relays: Callable[..., Relay]) -> None:
    relay = relays(Script(extensions=KNOWS))

    sent(relay, MAIL, "info@bücher.example")

    assert not [one for one in relay.commands if "SMTPUTF8" in one]
    assert "RCPT TO:<info@xn--bcher-kva.example>" in relay.commands


def test_a_report_is_asked_of_such_an_address_in_its_own_form(relays: Callable[..., Relay]) -> None:
    relay = relays(Script(extensions=(*KNOWS, "DSN")))

    with closing(opened(profile(relay))) as sender:
        sender.send(replace(envelope("ä+b=c@example.org"), delivery_receipt=True), MAIL)

    spoken = next(one for one in relay.commands if one.startswith("RCPT"))
    assert spoken == (
        "RCPT TO:<ä+b=c@example.org> NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=utf-8;\\x{E4}\\x{2B}b\\x{3D}c@example.org"
    )


def test_a_server_that_is_not_ours_takes_it(relays: Callable[..., Relay]) -> None:
    class Handler:
        taken: tuple[str, tuple[str, ...], bytes]

        async def handle_DATA(self, _server: SMTP, session: Session, given: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
            assert given.smtp_utf8
            assert isinstance(given.content, bytes)
            self.taken = (given.mail_from or "", tuple(given.rcpt_tos), given.content)
            return "250 taken"

    handler = Handler()
    with socket.create_server(("127.0.0.1", 0)) as free:  # aiosmtpd takes no port 0
        port = free.getsockname()[1]
    controller = Controller(handler, hostname="127.0.0.1", port=port, enable_SMTPUTF8=True)
    controller.start()
    try:
        leads = replace(profile(relays()), host="127.0.0.1", port=port)
        with closing(opened(leads)) as sender:
            result = sender.send(envelope(ANNA, BOB), COMPOSED)
    finally:
        controller.stop()

    assert result.outcome is ACCEPTED
    assert handler.taken == (SENDER, (ON_THE_WIRE, BOB), COMPOSED)
