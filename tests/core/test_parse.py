"""A message is read from its bytes, whole where it is whole, in part where it is broken."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from email_router.core.limits import OVER_LIMIT, Limits
from email_router.core.message import Address, Importance, Message
from email_router.core.parse import parse
from tests.core.heads import HEAD

MAILS = Path(__file__).parents[1] / "mails"


def _mail(name: str) -> Message:
    return parse((MAILS / name).read_bytes())


def test_a_whole_mail_is_read_whole() -> None:
    mail = _mail("question.eml")

    assert mail.author == Address("Ann König", "ann@customer.example")
    assert mail.to == (Address("Sales, Contoso", "sales@contoso.example"), Address("Bob", "bob@contoso.example"))
    assert [one.address for one in mail.cc] == ["carol@contoso.example", "dave@contoso.example"]
    assert mail.subject == "Preise für die Straße"
    assert mail.date == datetime(2026, 11, 2, 8, 30, tzinfo=UTC)
    assert (mail.message_id, mail.in_reply_to) == ("<q1@customer.example>", "<offer-7@contoso.example>")
    assert mail.references == ("<offer-6@contoso.example>", "<offer-7@contoso.example>")
    assert mail.conversation_index == bytes(range(22)) + b"reply"
    assert mail.importance is Importance.HIGH
    assert mail.text == "Grüße, was kostet es?"
    assert mail.html == '<p>Grüße, <b>was</b> kostet es?</p><img src="cid:logo@x"><img>'
    assert mail.defects == ()
    assert not mail.unreadable


def test_attachments_have_names_types_and_their_own_bytes() -> None:
    logo, pdf, forwarded, calendar = _mail("question.eml").attachments

    assert (logo.name, logo.media_type, logo.size, logo.inline, logo.content_id) == (
        "logo.png",
        "image/png",
        70,
        True,
        "logo@x",
    )
    assert (pdf.name, pdf.content, pdf.inline) == ("Preisanfrage für Ann.pdf", b"%PDF-1.4 invented", False)
    assert (forwarded.name, forwarded.media_type) == ("Angebot für Eve.eml", "message/rfc822")
    assert forwarded.content.startswith(b"From: Eve")
    assert forwarded.content.endswith(b"inner text")
    assert calendar.media_type == "text/calendar"


def test_an_attached_mail_keeps_its_text_to_itself() -> None:
    assert "inner text" not in _mail("question.eml").text


def test_raw_bytes_and_an_unknown_charset_are_read_by_their_likeliest_meaning() -> None:
    mail = _mail("raw-bytes.eml")

    assert mail.author == Address("Jörg", "joerg@customer.example")
    assert mail.subject == "Grüße ohne Zeichensatz"
    assert mail.text == "café\n"


@pytest.mark.parametrize("name", ["two-authors.eml", "false-author.eml"])
def test_a_doubtful_from_names_nobody(name: str) -> None:
    mail = _mail(name)

    assert mail.author is None
    assert any(defect.startswith("From: ") for defect in mail.defects)
    assert not mail.unreadable


def test_names_that_mislead_are_neutralised() -> None:
    mail = _mail("misleading-names.eml")

    assert mail.author == Address("AnnA", "ann@customer.example")
    assert mail.subject == "a Bcc: x@evil.exampleb"
    assert [one.name for one in mail.attachments] == [".._.._etc_passwd", "invoicefdp.exe"]


def test_text_is_made_from_the_html_where_there_is_none() -> None:
    assert _mail("newsletter.eml").text == "First\n\nSecond\nline\n\n- one\n- two"


def test_a_winmail_dat_stays_and_its_files_stand_behind_it() -> None:
    mail = _mail("winmail.eml")

    assert [(one.name, one.media_type) for one in mail.attachments] == [
        ("winmail.dat", "application/ms-tnef"),
        ("Größe der Datei.txt", "text/plain"),
    ]
    assert mail.attachments[1].content == b"the file"
    assert (mail.html, mail.text) == ("<p>Grüße aus Outlook</p>", "Grüße aus Outlook")


@pytest.mark.parametrize(
    "raw", [b"", b"\0", b"\r\n\r\n", b"\x89PNG\r\n\x1a\n" + bytes(range(256)), b"no mail at all", b"key: value\n\nx"]
)
def test_what_is_no_mail_is_unreadable(raw: bytes) -> None:
    assert parse(raw).unreadable


@pytest.mark.parametrize(
    "head", [b"Subject: x", b"from: a@example.com", b"Received: by x", b"To: a@example.com", b"Message-ID: <a@x>"]
)
def test_one_field_of_a_mail_is_enough_to_be_read(head: bytes) -> None:
    assert not parse(head).unreadable


def test_mbox_lines_and_blank_lines_before_the_header_are_skipped() -> None:
    mail = parse(b"\r\n\nFrom ann@example.com Mon Nov  2 10:00:00 2026\n" + HEAD + b"\r\ntext")

    assert mail.author == Address("Ann", "ann@example.com")
    assert mail.text == "text"


def test_lines_that_end_in_a_bare_cr_are_read() -> None:
    mail = parse((HEAD + b"\r\nfirst\r\nsecond").replace(b"\r\n", b"\r"))

    assert mail.subject == "x"
    assert mail.text == "first\nsecond"


def test_a_message_over_the_limit_is_read_by_its_header() -> None:
    mail = parse(HEAD + b"\r\n" + b"x" * 5_000, Limits(bytes=1_000))

    assert mail.author == Address("Ann", "ann@example.com")
    assert mail.text == ""
    assert mail.defects[0] == f"{OVER_LIMIT}: message longer than 1000 bytes"


@given(st.binary(max_size=400))
def test_any_bytes_are_read_without_an_error(raw: bytes) -> None:
    mail = parse(raw)

    assert mail.size == len(raw)
    assert not any(defect.startswith("not read") for defect in mail.defects)


_SAMPLES = tuple(path.read_bytes() for path in sorted(MAILS.glob("*.eml")))
_SCRAPS = (
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b"--",
    b"--b",
    b"=?",
    b"?=",
    b'"',
    b"<",
    b">",
    b"(",
    b";",
    b":",
    b",",
    b"=",
    b"\xff",
    b"Content-Type: ",
)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(_SAMPLES),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 40), st.sampled_from(_SCRAPS)), min_size=1, max_size=12),
)
def test_a_mutilated_mail_is_read_without_an_error(raw: bytes, cuts: list[tuple[float, int, bytes]]) -> None:
    for place, removed, inserted in cuts:
        at = int(place * len(raw))
        raw = raw[:at] + inserted + raw[at + removed :]

    mail = parse(raw)

    assert not any(defect.startswith("not read") for defect in mail.defects)
    assert mail.author is None or "@" in mail.author.address
    assert "\n" not in mail.subject


def test_the_line_end_that_pop3_adds_to_bare_crs_changes_nothing() -> None:
    raw = b"From: a@example.com\rSubject: x\r\rone\rtwo\r"

    assert parse(raw + b"\r\n").text.rstrip() == parse(raw).text.rstrip() == "one\ntwo"
    assert parse(raw + b"\n").subject == "x"
