"""An address with letters outside ASCII before the @ stands in the header in UTF-8; servers without SMTPUTF8 get one in ASCII."""

from __future__ import annotations

from dataclasses import replace
from email import message_from_string, policy
from email.headerregistry import AddressHeader, Group

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from email_router.core.compose import compose
from email_router.core.errors import MessageRefused
from email_router.core.message import Address
from email_router.core.parse import parse
from email_router.core.proof import prove
from email_router.core.wire import downgraded, international_address, mail_address
from tests.core.composed import PLAIN

ANNA = "änna.müller@bücher.example"
ON_THE_WIRE = "änna.müller@xn--bcher-kva.example"
MAIL = replace(
    PLAIN,
    to=(Address("Müller, Anna", ANNA), Address("", "用户@example.org"), Address("Bob", "bob@example.org")),
    cc=(Address('"Q"', "δοκιμή@example.org"),),
)


def groups(raw: bytes, name: str) -> list[Group]:
    """What a field holds, as the standard library reads it."""
    message = message_from_string(raw.decode("utf-8"), policy=policy.default)
    field = message[name]
    assert isinstance(field, AddressHeader)
    return list(field.groups)


def test_the_address_stands_in_the_header_as_it_is_and_its_domain_in_ascii() -> None:
    raw = compose(MAIL)
    prove(MAIL, raw)

    assert f"<{ON_THE_WIRE}>".encode() in raw
    assert b"=?utf-8?b?TcO8bGxlciwgQW5uYQ==?=" in raw
    read = [(one.display_name, one.addr_spec) for group in groups(raw, "To") for one in group.addresses]
    assert read == [("Müller, Anna", ON_THE_WIRE), ("", "用户@example.org"), ("Bob", "bob@example.org")]
    assert [one.addr_spec for group in groups(raw, "Cc") for one in group.addresses] == ["δοκιμή@example.org"]
    assert raw.partition(b"\r\n\r\n")[2].isascii()


def test_the_router_reads_it_as_it_was_meant() -> None:
    message = parse(compose(MAIL))

    assert [one.address for one in message.to] == [ON_THE_WIRE, "用户@example.org", "bob@example.org"]


def test_a_mail_of_ascii_addresses_is_ascii_whatever_its_names_and_domains_are() -> None:
    mail = replace(MAIL, to=(Address("Müller, Anna", "anna@bücher.example"),), cc=(), subject="Größe")

    assert compose(mail).isascii()
    assert downgraded(compose(mail)) == compose(mail)


def test_for_other_servers_such_an_address_becomes_a_group_that_is_named_after_it() -> None:
    raw = compose(MAIL)

    plain = downgraded(raw)[:]

    assert plain.isascii()
    assert plain == downgraded(raw)
    assert plain.partition(b"\r\n\r\n")[2] == raw.partition(b"\r\n\r\n")[2]
    found = groups(plain, "To")
    assert message_from_string(plain.decode("ascii"), policy=policy.default)["To"].defects == ()
    assert [[one.addr_spec for one in group.addresses] for group in found] == [[], [], ["bob@example.org"]]
    assert found[0].display_name is not None
    assert "Müller, Anna" in found[0].display_name
    assert ON_THE_WIRE in found[0].display_name
    assert found[1].display_name == "用户@example.org"
    assert [one.address for one in parse(plain).to] == ["bob@example.org"]
    assert [line for line in plain.split(b"\r\n") if line.lower().startswith((b"bcc", b"to"))] == [
        b"To: =?utf-8?b?TcO8bGxlciwgQW5uYQ==?="
    ]


@pytest.mark.parametrize(
    "local",
    [
        "ä b",
        "ä\u00a0b",
        "ä\u200b",
        "ä\u202e",
        "ä\r\nBcc: x",
        "ä\0",
        "ä\u2028",
        "ä<",
        "ä,b",
        '"ä"',
        "ä@b",
        "ä=?",
        "\ud800",
        "ä" * 130,
    ],
)
def test_what_could_end_a_line_or_hide_is_no_letter_of_an_address(local: str) -> None:
    with pytest.raises(MessageRefused) as caught:
        international_address(f"{local}@example.org")

    assert caught.value.kind == "address"


def test_a_way_out_that_knows_no_such_address_says_so() -> None:
    assert international_address(ANNA) == ON_THE_WIRE
    with pytest.raises(MessageRefused, match="outside ASCII before the @") as caught:
        mail_address(ANNA)

    assert "SMTPUTF8" in caught.value.mend


@settings(deadline=None, max_examples=200)
@given(local=st.text(max_size=60), name=st.text(max_size=30))
def test_whatever_stands_before_the_at_it_is_refused_or_read_back_alone(local: str, name: str) -> None:
    mail = replace(PLAIN, to=(Address(name, f"{local}@example.org"), Address("", "bob@example.org")))
    try:
        raw = compose(mail)
    except MessageRefused:
        return

    prove(mail, raw)
    wire = international_address(f"{local}@example.org")
    assert raw.count(b"\r\n\r\n") >= 1
    assert wire.encode() in raw
    assert downgraded(raw).isascii()
