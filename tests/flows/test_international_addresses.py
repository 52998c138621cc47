"""E-mails to addresses with letters outside ASCII before the @ (RFC 6531), and from domains of other letters."""

from __future__ import annotations

from dataclasses import replace

import pytest

from email_router.core.activity import EmailStatus, Party, Role
from email_router.core.flows.prepare_email import own_message_id
from email_router.core.work import OutgoingWork
from tests.flows.house import SALES
from tests.flows.office import ERIN, Office

ANNA = "änna@bücher.example"
TO_ANNA = (Party(Role.FROM, SALES, "Sales"), Party(Role.TO, ERIN, "Erin"), Party(Role.CC, ANNA, "Änna"))


def test_by_smtp_it_is_composed_with_the_address_as_it_is_and_every_attempt_sends_the_same() -> None:
    office = Office("smtp")
    office.write(parties=TO_ANNA)

    (sent,) = office.send()

    assert sent.status is EmailStatus.SENT
    state = office.outgoing.get("e1")
    assert state is not None
    assert state.recipients == (ERIN, ANNA)
    raw = office.composed()
    assert "<änna@xn--bcher-kva.example>".encode() in raw
    assert office.sender.sent[-1][1] == raw


@pytest.mark.parametrize("server", ["ses", "exchange-online", "exchange"])
@pytest.mark.parametrize("role", [Role.TO, Role.BCC])
def test_elsewhere_it_is_refused_before_anything_is_sent_and_says_why(server: str, role: Role) -> None:
    office = Office(server)
    office.write(parties=(*TO_ANNA[:2], Party(role, ANNA)))

    (sent,) = office.send()

    assert sent.status is EmailStatus.FAILED
    email = office.crm.email("e1")
    assert email is not None
    assert email.reason is not None
    assert "outside ASCII before the @" in email.reason
    assert "SMTPUTF8" in email.reason
    assert not office.sender.sent
    assert office.outgoing.get("e1") is None


@pytest.mark.parametrize("server", ["smtp", "ses", "exchange-online"])
def test_a_domain_of_other_letters_needs_nothing_of_the_server(server: str) -> None:
    office = Office(server)
    office.write(parties=(*TO_ANNA[:2], Party(Role.CC, "anna@bücher.example")))

    (sent,) = office.send()

    assert sent.status is EmailStatus.SENT
    assert office.composed().isascii()


def test_a_mailbox_of_a_domain_of_other_letters_sends_under_ids_in_ascii() -> None:
    assert own_message_id("contoso", "e1", "sales@bücher.example").endswith("@xn--bcher-kva.example>")
    assert own_message_id("contoso", "e1", SALES).endswith("@contoso.example>")


def test_a_sender_whom_clients_do_not_know_asks_for_no_read_receipt() -> None:
    office = Office("smtp")
    address = "verkäufe@contoso.example"
    (sales,) = office.configuration.mailboxes
    office.configuration = replace(office.configuration, mailboxes=(replace(sales, address=address),))
    office.write(parties=(Party(Role.FROM, address), Party(Role.TO, ERIN)), read_receipt=True)

    (sent,) = office.carry_out(replace_sender(address))

    assert sent.status is EmailStatus.SENT
    raw = office.composed()
    assert b"Disposition-Notification-To" not in raw
    assert f"<{address}>".encode() in raw


def replace_sender(address: str) -> OutgoingWork:
    """The order of another mailbox."""
    return OutgoingWork("contoso", "out", address, ("e1",))
