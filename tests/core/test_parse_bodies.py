"""The parts of a mail are found, decoded and shown, also where boundary, encoding or charset lie."""

from __future__ import annotations

import pytest

from email_router.core.parse import parse
from tests.core.heads import HEAD


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


def test_what_is_encrypted_is_kept_and_told() -> None:
    enveloped = bytes.fromhex("3080") + bytes.fromhex("06092a864886f70d010703")
    mail = parse(b"From: a@example.com\r\nContent-Type: application/pkcs7-mime; name=smime.p7m\r\n\r\n" + enveloped)

    assert [one.content for one in mail.attachments] == [enveloped]
    assert "encrypted content: not readable here, kept as attachment" in mail.defects


def test_blanks_behind_a_soft_line_break_join_the_lines() -> None:
    head = b"From: a@b.example\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"

    assert parse(head + b"soft =\t \r\nend\r\n").text.strip() == "soft end"
