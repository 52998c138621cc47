"""The fields of a header are read as they are meant, also where they are written wrongly or twice."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from email_router.core.message import Importance
from email_router.core.parse import parse
from tests.core.heads import HEAD


def test_where_the_mail_was_delivered_to_is_kept() -> None:
    mail = parse(b"Delivered-To: sales@contoso.example\r\nX-Original-To: info@contoso.example\r\n" + HEAD + b"\r\n")

    assert mail.delivered_to == ("sales@contoso.example", "info@contoso.example")


@pytest.mark.parametrize(
    ("header", "importance"),
    [
        ("X-Priority: 1 (Highest)", Importance.HIGH),
        ("X-Priority: 5", Importance.LOW),
        ("Priority: urgent", Importance.HIGH),
        ("X-MSMail-Priority: Low", Importance.LOW),
        ("Importance: Normal\r\nX-Priority: 1", Importance.NORMAL),
        ("X-Other: 1", Importance.NORMAL),
    ],
)
def test_importance_is_read_from_all_its_headers(header: str, importance: Importance) -> None:
    assert parse(HEAD + header.encode() + b"\r\n\r\n").importance is importance


def test_the_first_readable_date_counts() -> None:
    mail = parse(b"Date: soon\r\nDate: Mon, 2 Nov 2026 10:00:00 +0000\r\n\r\n")

    assert str(mail.date) == "2026-11-02 10:00:00+00:00"


def test_invisible_characters_are_dropped_where_no_script_needs_them() -> None:
    mail = parse("From: a@example.com\r\nSubject: pay\u200d\u200epal \u202e \u0645\u06cc\u200c\u062e\r\n\r\n".encode())

    assert mail.subject.split() == ["paypal", "\u0645\u06cc\u200c\u062e"]


def test_a_comment_that_stands_alone_is_a_name_without_an_address() -> None:
    found = parse(b"From: (the shop)\r\nTo: (everybody)\r\nCc: Undisclosed recipients:;\r\n\r\nx\r\n")

    assert found.unaddressed == (("from", "the shop"), ("to", "everybody"))


def test_a_name_without_an_address_is_kept_and_is_nobody() -> None:
    found = parse(b'From: Whomever\r\nTo: Ned, Ann <ann@example.com>\r\nReply-To: "Klaus" <>\r\n\r\nx\r\n')

    assert found.unaddressed == (("from", "Whomever"), ("reply-to", "Klaus"), ("to", "Ned"))
    assert found.author is None
    assert [one.address for one in found.to] == ["ann@example.com"]
    assert found.reply_to == ()
    assert "From: names not exactly one mailbox" in found.defects


@pytest.mark.parametrize(
    ("field", "defect"),
    [
        ("Subject", "subject: more than one field, the first counts"),
        ("In-Reply-To", "in-reply-to: more than one field, the first counts"),
        ("Content-Transfer-Encoding", "content-transfer-encoding: more than one field, the first counts"),
        ("To", "to: more than one field, all count"),
        ("Cc", "cc: more than one field, all count"),
        ("Bcc", "bcc: more than one field, all count"),
        ("Reply-To", "reply-to: more than one field, all count"),
    ],
)
def test_a_field_that_may_stand_once_is_named_when_it_stands_twice(field: str, defect: str) -> None:
    first, second = f"From: a@b.example\r\n{field}: <x@y.example>\r\n", f"{field}: 7bit\r\n"
    once, twice = parse(f"{first}\r\nx".encode()), parse(f"{first}{second}\r\nx".encode())

    assert defect in twice.defects
    assert defect not in once.defects


def test_every_to_field_is_read() -> None:
    found = parse(b"From: a@b.example\r\nTo: x@y.example\r\nTo: z@y.example\r\n\r\nx\r\n")

    assert [one.address for one in found.to] == ["x@y.example", "z@y.example"]


@pytest.mark.parametrize("field", ["Auto-Submitted", "Return-Path", "Importance", "Thread-Index", "X-Own"])
def test_of_other_fields_the_first_counts_without_a_word(field: str) -> None:
    found = parse(
        f"From: a@b.example\r\nDate: Tue, 24 Nov 2026 11:00:00 +0000\r\n{field}: 1\r\n{field}: 2\r\n\r\nx\r\n".encode()
    )

    assert found.header(field) == "1"
    assert found.defects == ()


def test_a_date_of_iso_8601_is_read_with_a_defect() -> None:
    found = parse(b"From: a@b.example\r\nDate: 2026-11-24T12:00:00+01:00\r\n\r\nx\r\n")

    assert found.date == datetime(2026, 11, 24, 11, tzinfo=UTC)
    assert found.defects == ("Date: written as in ISO 8601",)
