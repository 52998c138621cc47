"""To whom the mail's own server says that it delivered the mail."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from email_router.core.parse import parse

TRACE = "Received: from mx.fabrikam.example by mx.contoso.example with ESMTPS id 1; Mon, 2 Nov 2026 09:00:00 +0000\r\n"
REST = "From: erin@fabrikam.example\r\nTo: list@fabrikam.example\r\nSubject: x\r\n\r\ntext\r\n"
FIELDS = ["Delivered-To", "X-Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "X-RCPT-TO"]


def delivered(*fields: str, rest: str = REST) -> tuple[str, ...]:
    return parse(("".join(fields) + rest).encode()).delivered_to


def received(clause: str) -> str:
    return f"Received: from mx.fabrikam.example {clause}; Mon, 2 Nov 2026 09:00:00 +0000\r\n"


@pytest.mark.parametrize("field", FIELDS)
def test_what_the_mails_own_server_writes_above_its_received_field_counts(field: str) -> None:
    assert delivered(f"{field}: <Sales@contoso.example>\r\n", TRACE) == ("Sales@contoso.example",)


@pytest.mark.parametrize("field", FIELDS)
def test_what_came_with_the_mail_opens_no_mailbox(field: str) -> None:
    assert delivered(TRACE, f"{field}: sales@contoso.example\r\n") == ()
    assert delivered("Return-Path: <x@fabrikam.example>\r\n", TRACE, TRACE, f"{field}: sales@contoso.example\r\n") == ()


@pytest.mark.parametrize("field", FIELDS)
def test_where_no_server_left_a_trace_the_field_is_believed(field: str) -> None:
    assert delivered(f"{field}: sales@contoso.example\r\n") == ("sales@contoso.example",)


def test_several_fields_are_read_in_their_order_each_address_once() -> None:
    fields = ("X-Original-To: info@contoso.example\r\n", "Delivered-To: sales@contoso.example\r\n")
    again = ("Envelope-To: INFO@contoso.example, bob@contoso.example\r\n",)

    assert delivered(*fields, *again, TRACE) == ("info@contoso.example", "sales@contoso.example", "bob@contoso.example")


@pytest.mark.parametrize(
    "clause",
    [
        "by mx.contoso.example with ESMTPS id 1 for <sales@contoso.example>",
        "by mx.contoso.example (Postfix) with ESMTP id 1\r\n\tfor <sales@contoso.example>",
        "by mx.contoso.example with SMTP id 1 for sales@contoso.example",
        "(mx [192.0.2.1] (may be forged)) by mx with ESMTPS id 1 for <sales@contoso.example> (version=TLS1_3 (x) cipher=y)",
        "by mx with ESMTP id 1 FOR <sales@contoso.example>",
    ],
)
def test_the_one_address_of_the_topmost_received_counts(clause: str) -> None:
    assert delivered(received(clause), TRACE) == ("sales@contoso.example",)


@pytest.mark.parametrize(
    "clause",
    [
        "by mx.contoso.example with ESMTPS id 1",
        "(for <sales@contoso.example>) by mx.contoso.example with ESMTPS id 1",
        "(helo for <sales@contoso.example>; x) by mx.contoso.example with ESMTPS id 1",
        "for <sales@contoso.example> by mx.contoso.example with ESMTPS id 1",
        "by mx with ESMTP id 1 for <sales@contoso.example>; for <bob@contoso.example>",
        "by mx with ESMTP id 1 for sales",
        "from evil for <sales@contoso.example>; (192.0.2.1) by mx with ESMTP id 1",
        "from ev(il for <sales@contoso.example>; by mx with ESMTP id 1",
        "from evil for <sales@contoso.example>; Mon, 2 Nov 2026 09:00:00 +0000 (192.0.2.1) by mx with ESMTP id 1",
    ],
)
def test_what_the_other_side_said_in_a_received_field_does_not(clause: str) -> None:
    assert delivered(received(clause)) == ()


@pytest.mark.parametrize(
    "field",
    [
        "from evil for <sales@contoso.example>; by mx.contoso.example with ESMTP id 1",
        "from evil for <sales@contoso.example>; Mon, 2 Nov 2026 09:00:00 +0000 by mx.contoso.example with ESMTP id 1",
        "by mx.contoso.example with ESMTP id 1 for <sales@contoso.example>",
        "from " + "e" * 4_000 + " for <sales@contoso.example>; Mon, 2 Nov 2026 09:00:00 +0000",
    ],
    ids=[
        "no date of the server's own",
        "a date that is not the end",
        "no date at all",
        "too long to be read to its end",
    ],
)
def test_an_address_that_does_not_stand_right_before_the_date_is_not_believed(field: str) -> None:
    assert delivered(f"Received: {field}\r\n") == ()


def test_only_the_topmost_received_is_the_own_servers() -> None:
    below = received("by mx with ESMTPS id 1 for <sales@contoso.example>")

    assert delivered(TRACE, below) == ()


def test_apparently_to_stands_for_a_missing_to_and_for_nothing_else() -> None:
    apparently = "Apparently-To: sales@contoso.example\r\n"
    bare = "From: erin@fabrikam.example\r\nSubject: x\r\n\r\ntext\r\n"

    assert delivered(TRACE, apparently, rest=bare) == ("sales@contoso.example",)
    assert delivered(apparently, TRACE) == ()
    for field in ("To", "Cc", "Bcc"):
        assert delivered(TRACE, apparently, f"{field}: x@fabrikam.example\r\n", rest=bare) == ()


@given(st.text(alphabet="for <>@();., \tabc", max_size=200))
def test_no_received_field_gives_more_than_one_address_or_raises(value: str) -> None:
    found = delivered(f"Received: {value}\r\n")

    assert len(found) <= 1
    assert all("@" in one for one in found)
