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

MAILS = Path(__file__).parents[1] / "mails"
HEAD = b"From: Ann <ann@example.com>\r\nTo: sales@contoso.example\r\nSubject: x\r\n"


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


def test_several_text_parts_are_joined_by_a_newline() -> None:
    raw = HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--\r\n"

    assert parse(raw).text == "one\ntwo"


def test_parts_after_the_closing_boundary_are_not_lost() -> None:
    raw = (
        HEAD
        + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n--b--\r\n--b\r\n\r\ntwo\r\n--b--\r\n"
    )

    mail = parse(raw)

    assert mail.text == "one\ntwo"
    assert "parts after the closing boundary" in mail.defects


@pytest.mark.parametrize("kind", [b"multipart/mixed", b"multipart/mixed; boundary=other"])
def test_a_multipart_with_a_wrong_boundary_is_read_by_the_lines_in_it(kind: bytes) -> None:
    raw = HEAD + b"Content-Type: " + kind + b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\none\r\n--b--\r\n"

    mail = parse(raw)

    assert mail.text == "one"
    assert "a multipart without its boundary" in mail.defects


def test_a_boundary_that_begins_like_another_is_another() -> None:
    raw = (
        HEAD
        + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: multipart/alternative; boundary=bb\r\n\r\n"
        b"--bb\r\n\r\none\r\n--bb\r\nContent-Type: text/html\r\n\r\n<p>two\r\n--bb--\r\n--b\r\n\r\nthree\r\n--b--\r\n"
    )

    mail = parse(raw)

    assert (mail.text, mail.html) == ("one\nthree", "<p>two</p>")


@pytest.mark.parametrize(
    ("encoding", "body", "content"),
    [
        (b"base64", b"aGVsbG8=", b"hello"),
        (b"BASE64", b"aGVs\r\nbG8=\r\n", b"hello"),
        (b"base64", b"aGVsbG8", b"hello"),
        (b"base64", b"aGVsbG8=\r\n\r\n_____\r\na footer of a list", b"hello"),
        (b"base64", b"aGVsbA==\r\nbyB5b3U=", b"hello you"),
        (b"base64", b"this was -- never -- encoded", b"this was -- never -- encoded"),
        (b"quoted-printable", b"h=65llo =\r\nyou", b"hello you"),
        (b"x-uuencode", b"begin 644 a.txt\r\n%:&5L;&\\\r\n`\r\nend\r\n", b"hello"),
        (b"8bit", b"hello", b"hello"),
        (b"x-invented", b"hello", b"hello"),
    ],
)
def test_transfer_encodings_are_undone(encoding: bytes, body: bytes, content: bytes) -> None:
    raw = HEAD + b"Content-Type: application/x\r\nContent-Transfer-Encoding: " + encoding + b"\r\n\r\n" + body

    assert parse(raw).attachments[0].content == content


@pytest.mark.parametrize(
    ("charset", "body"),
    [
        ("utf-8", "Grüße €".encode()),
        ("windows-1252", "Grüße €".encode("cp1252")),
        ("iso-8859-1", "Grüße €".encode("cp1252")),
        ("iso-8859-15", "Grüße €".encode("iso-8859-15")),
        ("x-unknown", "Grüße €".encode()),
        ("unknown-8bit", "Grüße €".encode("cp1252")),
        ("us-ascii", "Grüße €".encode()),
        ("utf-8", "Grüße €".encode("cp1252")),
        ("utf-16", "Grüße €".encode("utf-16")),
        ("idna", "Grüße €".encode()),
        ("hex", "Grüße €".encode()),
        ("", "Grüße €".encode()),
    ],
)
def test_charsets_are_read_also_where_they_lie(charset: str, body: bytes) -> None:
    raw = HEAD + f"Content-Type: text/plain; charset={charset}\r\n\r\n".encode() + body

    assert parse(raw).text == "Grüße €"


def test_a_page_without_a_declared_charset_may_name_it_itself() -> None:
    page = "<meta charset=koi8-r><p>привет</p>".encode("koi8-r")

    assert parse(HEAD + b"Content-Type: text/html\r\n\r\n" + page).text == "привет"


def test_a_message_over_the_limit_is_read_by_its_header() -> None:
    mail = parse(HEAD + b"\r\n" + b"x" * 5_000, Limits(bytes=1_000))

    assert mail.author == Address("Ann", "ann@example.com")
    assert mail.text == ""
    assert mail.defects[0] == f"{OVER_LIMIT}: message longer than 1000 bytes"


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


def test_a_mail_without_a_text_shows_that_of_the_mail_attached_to_it() -> None:
    inner = b"Content-Type: message/rfc822\r\n\r\nSubject: Offer\r\n\r\nthe offer\r\n"
    mail = parse(b"From: a@example.com\r\nSubject: Fwd\r\n" + inner)

    assert mail.text == "the offer\n"
    assert [one.name for one in mail.attachments] == ["Offer.eml"]
    assert "no text of its own: that of the attached mail is shown" in mail.defects


def test_a_text_that_the_end_of_the_mail_breaks_off_is_shown_and_kept() -> None:
    head = b"From: a@example.com\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    cut = parse(head + b"--b\r\n\r\nwhole\r\n--b\r\n\r\nbroken o")
    closed = parse(head + b"--b\r\n\r\nwhole\r\n--b--\r\n")
    undivided = parse(head + b"words")

    assert (cut.text, closed.text, undivided.text) == ("whole\nbroken o", "whole", "words")
    assert [(one.name, one.content) for one in cut.attachments] == [("cut-off.txt", b"broken o")]
    assert closed.attachments == ()
    assert [(one.media_type, one.content) for one in undivided.attachments] == [("multipart/mixed", b"words")]


def test_the_first_readable_date_counts() -> None:
    mail = parse(b"Date: soon\r\nDate: Mon, 2 Nov 2026 10:00:00 +0000\r\n\r\n")

    assert str(mail.date) == "2026-11-02 10:00:00+00:00"


def test_the_line_end_that_pop3_adds_to_bare_crs_changes_nothing() -> None:
    raw = b"From: a@example.com\rSubject: x\r\rone\rtwo\r"

    assert parse(raw + b"\r\n").text.rstrip() == parse(raw).text.rstrip() == "one\ntwo"
    assert parse(raw + b"\n").subject == "x"


def test_what_is_encrypted_is_kept_and_told() -> None:
    enveloped = bytes.fromhex("3080") + bytes.fromhex("06092a864886f70d010703")
    mail = parse(b"From: a@example.com\r\nContent-Type: application/pkcs7-mime; name=smime.p7m\r\n\r\n" + enveloped)

    assert [one.content for one in mail.attachments] == [enveloped]
    assert "encrypted content: not readable here, kept as attachment" in mail.defects


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


def test_blanks_behind_a_soft_line_break_join_the_lines() -> None:
    head = b"From: a@b.example\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"

    assert parse(head + b"soft =\t \r\nend\r\n").text.strip() == "soft end"
